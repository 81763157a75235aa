//! Compounds of German, Dutch and the Nordic languages, parted by a list of common nouns.
//!
//! Which parts a word has depends on the word alone (PARTITION-11). A part is taken if the whole word
//! is made of listed nouns and the letters that join them, or if one long listed noun stands at an
//! end of the word and the rest is long enough to be a word.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

/// Words of fewer letters are not parted.
pub(super) const SHORTEST: usize = 8;
/// Words of more letters are not parted.
const LONGEST: usize = 64;
/// A listed noun with an unlisted rest beside it has at least so many letters.
const SURE: usize = 6;
/// An unlisted rest has at least so many letters.
const REST: usize = 4;

/// Letters that join two nouns, and endings of the last.
const JOINTS: [&str; 9] = ["", "s", "es", "n", "en", "er", "e", "ens", "ar"];

#[derive(Clone, Copy)]
struct Edge {
    from: usize,
    to: usize,
    next: usize,
}

/// The parts of a folded word of small ASCII letters, as ranges of it; empty for a simple word.
pub(super) fn parts(word: &str) -> Vec<Range<usize>> {
    let n = word.len();
    if !(SHORTEST..=LONGEST).contains(&n) {
        return Vec::new();
    }
    let edges = edges(word);
    if edges.is_empty() {
        return Vec::new();
    }
    let mut begins = vec![false; n + 1];
    let mut ends = vec![false; n + 1];
    if let (Some(first), Some(last)) = (begins.first_mut(), ends.last_mut()) {
        (*first, *last) = (true, true);
    }
    let at = |list: &[bool], i: usize| list.get(i).copied().unwrap_or(false);
    for edge in &edges {
        if at(&begins, edge.from)
            && let Some(next) = begins.get_mut(edge.next)
        {
            *next = true;
        }
    }
    for edge in edges.iter().rev() {
        if at(&ends, edge.next)
            && let Some(from) = ends.get_mut(edge.from)
        {
            *from = true;
        }
    }
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut take = |range: Range<usize>| {
        if range.len() < n && !found.contains(&range) {
            found.push(range);
        }
    };
    for edge in &edges {
        // One noun with an ending is no compound.
        if edge.from == 0 && edge.next == n {
            continue;
        }
        let (known_before, known_after) = (at(&begins, edge.from), at(&ends, edge.next));
        let sure = edge.to - edge.from >= SURE;
        let rest_before = sure && edge.from >= REST;
        let rest_after = sure && n - edge.next >= REST;
        if known_before && (known_after || rest_after) || rest_before && known_after {
            take(edge.from..edge.to);
        }
        if known_before && known_after {
            chains(&edges, *edge, &ends, &mut take);
        }
    }
    found
}

/// The other spelling of a listed noun that is written with an umlaut.
pub(super) fn spelling(part: &str) -> Option<&'static str> {
    NOUNS.get(part).and_then(|other| other.as_deref())
}

/// Nouns in a row that begin with `first`: Mietvertrag in Mietvertragskündigung.
fn chains(edges: &[Edge], first: Edge, ends: &[bool], take: &mut impl FnMut(Range<usize>)) {
    let mut reached = vec![first.next];
    let mut done = 0;
    while let Some(&at) = reached.get(done) {
        done += 1;
        for edge in edges.iter().filter(|edge| edge.from == at) {
            if ends.get(edge.next).copied().unwrap_or(false) {
                take(first.from..edge.to);
                if !reached.contains(&edge.next) {
                    reached.push(edge.next);
                }
            }
        }
    }
}

/// Every listed noun in the word with every joint after it, by ascending start.
fn edges(word: &str) -> Vec<Edge> {
    let mut edges = Vec::new();
    for from in 0..word.len() {
        // Most places of a word begin no noun, and looking for one in vain is most of the work.
        let lengths = word
            .get(from..from + 3)
            .and_then(beginning)
            .map_or(0, |n| BEGINNINGS.lengths(n));
        if lengths == 0 {
            continue;
        }
        for to in from + 3..=word.len().min(from + 16) {
            if lengths & length_bit(to - from) == 0 {
                continue;
            }
            if !word
                .get(from..to)
                .is_some_and(|part| NOUNS.contains_key(part))
            {
                continue;
            }
            for joint in JOINTS {
                if word.get(to..).is_some_and(|rest| rest.starts_with(joint)) {
                    edges.push(Edge {
                        from,
                        to,
                        next: to + joint.len(),
                    });
                }
            }
        }
    }
    edges
}

/// The first three letters of a noun as a number.
fn beginning(letters: &str) -> Option<u16> {
    letters.bytes().try_fold(0u16, |n, letter| {
        letter
            .is_ascii_lowercase()
            .then(|| n * 26 + u16::from(letter - b'a'))
    })
}

/// With what three letters the listed nouns begin, and how long those are.
static BEGINNINGS: LazyLock<Beginnings> = LazyLock::new(|| {
    let mut beginnings = Beginnings(vec![0; 26 * 26 * 26]);
    for noun in NOUNS.keys() {
        if let Some(n) = noun.get(..3).and_then(beginning)
            && let Some(lengths) = beginnings.0.get_mut(usize::from(n))
        {
            *lengths |= length_bit(noun.len());
        }
    }
    beginnings
});

struct Beginnings(Vec<u16>);

impl Beginnings {
    /// A bit for each length of a noun that begins so.
    fn lengths(&self, n: u16) -> u16 {
        self.0.get(usize::from(n)).copied().unwrap_or_default()
    }
}

/// Lengths from 3 to 16; 0 for another, which is never looked for.
fn length_bit(length: usize) -> u16 {
    let place = length.checked_sub(3).and_then(|n| u32::try_from(n).ok());
    place.and_then(|n| 1_u16.checked_shl(n)).unwrap_or_default()
}

/// Folded noun → its other spelling, if it has one.
static NOUNS: LazyLock<HashMap<String, Option<String>>> = LazyLock::new(|| {
    let mut nouns = HashMap::new();
    for noun in GERMAN
        .split_whitespace()
        .chain(DUTCH.split_whitespace())
        .chain(NORDIC.split_whitespace())
    {
        let folded = super::fold::fold(noun);
        if let Some(spelling) = &folded.spelling {
            nouns.entry(spelling.clone()).or_insert(None);
        }
        nouns.insert(folded.term, folded.spelling);
    }
    nouns
});

const GERMAN: &str = "
abend abgabe abgaben ablauf abnahme abrechnung absatz abschluss absicht absprache abstimmung abteilung abwehr abzug
adresse akte akten aktie aktien aktion alarm alter altersvorsorge amt analyse anfang anfrage angebot angriff anhang anlage anlagen
anleihe anleihen anmeldung annahme anruf anschrift ansicht anspruch antrag antwort anwalt anzahl anzeige apparat apotheke
arbeit arbeiter arbeitgeber arbeitnehmer archiv art artikel arzt aufgabe aufgaben auflage auflösung aufnahme aufsicht auftrag aufwand
ausbildung ausfall ausfuhr ausgabe ausgaben auskunft ausland ausschreibung ausschuss aussage ausweis auszahlung auto autobahn
bad bahn bahnhof bank banken bau baustelle beamte bedarf bedingung befehl befund beginn begriff behandlung behörde beitrag beiträge
bekanntmachung belastung beleg beratung berater bereich bericht beruf bescheid bescheinigung beschluss beschwerde besprechung bestand
bestätigung bestellung besuch beteiligung betrag betrieb betriebs betrug bett bewegung beweis bewertung bewerbung beziehung bezirk
bezug bild bilanz bildung blatt blut boden börse brand brief broschüre bruch brücke buch buchhaltung buchung bude bühne bund bundes bürger
bürgermeister büro chef computer dach daten datum dauer deckung denkmal depot dienst dokument dorf druck durchsuchung ebene ehe eigentum
eigentümer einfuhr eingang einheit einigung einkauf einkommen einlage einnahme einnahmen einrichtung einsatz einschreiben einsicht
einspruch einstellung eintrag eintritt einwand einwilligung einwohner einzahlung eis eisen eltern empfang empfänger ende energie entgelt
entscheidung entschädigung entwicklung entwurf erbe erfahrung erfolg ergebnis erhöhung erklärung erlaubnis ermittlung eröffnung ersatz
erstattung ertrag erwerb erzeugung fabrik fach fahrer fahrt fahrzeug fall familie farbe fassung fehler feier feld fenster ferien fest
fest feuer feuerwehr film finanz finanzen firma fisch fläche fleisch flucht flug flughafen fluss folge fonds förderung forderung form
formular forschung frage frau freiheit freigabe frist führer führung funk fusion fuß gabe gang garten gas gast gebäude gebiet gebühr gebühren
geburt geburtstag gefahr gefängnis gehalt geheimnis geheim gehör geld geltung gemeinde genehmigung gerät gericht geschäft geschäfte
geschäftsführer geschichte gesellschaft gesetz gespräch gesundheit gewähr gewalt gewerbe gewicht gewinn gipfel glas glück gold grad
grenze grund grundstück gruppe gut gutachten güter guthaben haft haftung hafen halle haltung hand handel händler handlung handwerk haus
haushalt heft heil heim heizung herbst herr hilfe himmel hinweis hof höhe holz hotel hund hypothek idee import index industrie information
inhaber inhalt inkasso insolvenz institut interesse jahr jahres jahrgang jugend kabel kaffee kalender kammer kampf kanal kandidat kanzlei
kanzler kapital karte karten kartell kasse kasten kauf käufer keller kenntnis kette kind kinder kirche klage kläger klasse klausel kleid
klima klinik knoten kohle kommission konferenz konflikt kongress kontakt konto konten kontrolle konzern kopf kopie körper kosten kraft
kraftwerk kranken krankenhaus krankheit kredit kreis krieg krise kultur kunde kunden kündigung kunst kurs kurse küste lager land landes
landschaft last lauf leben lebens legung lehre lehrer leistung leiter leitung lenkung leser leute licht liebe lieferant lieferung liefer
lied linie liste lizenz lohn lösung luft lust macht mahnung makler mangel mann mannschaft marke markt märkte maschine maß maßnahme material
mauer medien medikament meer mehrheit meister meldung menge mensch menschen messe messung metall miete mieter miet milch minister
ministerium mitarbeiter mitglied mittel mitteilung modell monat monats motor müll mund museum musik muster mutter nachfrage nachlass
nachricht nachrichten nacht nachweis name namen natur netz netzwerk niederlage norm not notar note notiz nummer nutzen nutzer nutzung
oberfläche objekt öffnung öl opfer ordner ordnung organ ort paket panne papier park partei partner patent patient patienten pause pension
person personal personen pfand pflege pflicht plan planung platz politik polizei portal post praxis preis preise presse prinzip privat
probe problem produkt produktion programm projekt protokoll prozent prozess prüfer prüfung punkt quelle quittung rad rahmen rand rang
rat rate raten raum rechnung rechnungs recht rechte rechts rede regel regelung regen regierung region register reich reihe reise reklame
rendite rente renten reparatur reserve rest revision richter richtlinie richtung risiko risiken rolle rücklage ruf ruhe runde rundfunk
sache sachen sach satz satzung schaden schadens schein schiff schlag schloss schluss schlüssel schnee schrank schreiben schrift schuh schuld
schulden schule schüler schutz schwein see seite sekretär sendung senkung serie sicherheit sicherung sicht sieg siedlung signal silber sitz
sitzung sohn soldat sommer sonder sonne sorge sozial sparkasse speicher speise sperre spesen spiegel spiel spieler sport sprache sprecher
sprung staat staats stadt städte stahl stall stamm stand standort stange station statistik statut stein stelle stellen stellung stempel
steuer steuern stiftung stimme stoff störung strafe straf strahl strand straße strategie strecke streik streit strom struktur stück student
studie studium stufe stunde stunden summe system tag tages tagung tank tarif tasche tasse tat täter tausch technik teil teile telefon termin
test text theater thema tier tisch titel tochter tod ton tor tour transport treffen treppe treue trieb tuch tür turm überfall übergabe
übernahme übersetzung übersicht übertragung überweisung überwachung uhr umfang umfrage umgang umlage umsatz umwelt umzug unfall unternehmen
unternehmer unterlage unterlagen unterricht unterschrift unterstützung untersuchung urkunde urlaub urlaubs ursache urteil vater
veranstaltung verband verbindung verbot verbrauch verbraucher verein vereinbarung verfahren verfassung vergabe vergleich vergütung
verhalten verhandlung verkauf verkaufs verkäufer verkehr verkehrs verlag verlängerung verlauf verletzung verlust verlauf vermerk vermieter
vermittlung vermögen vermögens verordnung verpflichtung versammlung versand versicherung versicherungs versicherter version versorgung
verstoß versuch vertrag verträge vertreter vertretung vertrieb verwalter verwaltung verwaltungs verzeichnis verzicht verzug vieh volk
vollmacht vorbereitung vorbehalt vorgang vorhaben vorlage vorrat vorschlag vorschrift vorschuss vorsorge vorstand vorteil vortrag vorwurf
wache waffe waffen wagen wahl wahlen wald wand ware waren wärme wasser wechsel weg weihnacht weihnachts wein welt werbung werk werkstatt wert
werte wertpapier wesen wette wetter wetterbericht widerruf widerspruch wind winter wirkung wirtschaft wirtschafts wissen wissenschaft woche wochen
wohnung wort wunsch zahl zahlen zahlung zahlungs zahn zeichen zeit zeiten zeitung zelle zentrum zentrale zertifikat zeuge zeugnis ziel
zimmer zins zinsen zoll zone zug zugang zulage zulassung zusage zusammenarbeit zuschlag zuschuss zustand zustellung zustimmung zuwendung zweck zweig
";

const DUTCH: &str = "
aandeel aanvraag aanslag achterstand adres afdeling afspraak arbeid arbeids bedrijf bedrijfs belang belasting beleid bericht beroep besluit
bestand bestuur betaling betalings bewijs boek bouw brief burger contract dag dienst dossier factuur fiets gebied gebruik gegevens geld gemeente
gerecht geschil gezondheid groep handel handels huis huur huurder inkomen inkoop jaar jaren kamer kantoor kapitaal kind kinder klant klanten
kosten krediet land lasten lening levering leven levens loon maand markt meester melding mensen naam naams nota onderhoud onderneming onderwijs
ontslag opdracht opzegging overeenkomst overheid pand plaats plan prijs proces product raad rechtbank recht rechts regel rekening rente
ruimte school schade schuld spoor staat stad stelsel straat stuk tijd toezicht vakantie veiligheid vergadering vergoeding vergunning verkeer
verkoop verslag verzekering verzekerings voorstel vrijheid waarde water werk werkgever werknemer winkel woning zaak zaken zeker zekerheid ziekte ziekenhuis zorg
";

const NORDIC: &str = "
aftale aktie ansvar anställning arbejde arbejds arbeid arbeids arbete arbets avtal avtale bank barn besked beslut beslutning bil bolag bolags bolig
bostad bostads brev budget by byrå dag dags dom dokument eiendom ejendom faktura familie familj fastighet fisk fond forening forsikring försäkring försäkrings
fortegnelse fortrolighed gård gemenskap grupp gruppe handel handels havn hjälp hjelp hus huse hyra hyres husleje jord kontor kontrakt konto
kost kostnad kraft kredit kund kunde kunskap lag lån land leder ledning lejer leje leverans liv livs lokal lov lön løn marked markeds marknad marknads mat medarbejder
medlem møde möte navn nämnd olje opsigelse ordning parti penge pengar pension pensions person plan plads pris projekt prosjekt prosess
regering regjering regel regnskab rekneskap ränta rente rett retts rätt rätts sag samarbejde sak sager samfund samfunn samhälle säkerhet sikkerhet sjuk sjukhus sykehus sygehus skat skatt skatte skole skola
skade stat stats sted styrelse styre sund sundhed svar system telefon tid tids tillstånd tilladelse tjänst tjeneste trafik uppsägning utbildning utvikling vann vand vatten
verksamhet virksomhed virksomhet viden väg vei vej vård værdi verdi värde år års ärende
";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(word: &str) -> Vec<&str> {
        parts(word).into_iter().map(|range| &word[range]).collect()
    }

    #[test]
    fn compounds_part_at_their_joints() {
        let parts = found("mietvertragskundigung");
        for part in [
            "miet",
            "vertrag",
            "kundigung",
            "mietvertrag",
            "vertragskundigung",
        ] {
            assert!(parts.contains(&part), "{part} in {parts:?}");
        }
        assert!(found("krankenhausrechnung").contains(&"rechnung"));
        assert!(found("haushaltsausschusssitzung").contains(&"ausschuss"));
        assert!(found("huurovereenkomst").contains(&"overeenkomst"));
        assert!(found("hyresavtal").contains(&"avtal"));
        assert!(found("fluxkompensatorvertrag").contains(&"vertrag"));
    }

    #[test]
    fn simple_words_stay_whole() {
        for word in [
            "understanding",
            "important",
            "transportation",
            "conversation",
            "international",
            "vertrag",
            "vertragen",
        ] {
            assert!(
                found(word).iter().all(|part| part.len() >= SURE),
                "{word}: {:?}",
                found(word)
            );
        }
        assert!(found("conversation").is_empty() && found("reasonable").is_empty());
    }

    #[test]
    fn the_longest_word_takes_no_time() {
        let long = "rechts".repeat(10);
        assert!(!parts(&long).is_empty());
        assert!(parts(&"a".repeat(10_000)).is_empty());
    }
}
