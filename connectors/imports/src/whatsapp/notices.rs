//! Lines that the app writes about the conversation: who came and went, what was renamed.

/// What a notice tells, with the texts that stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) what: What,
    pub(crate) actor: Option<String>,
    /// Those who are concerned, as listed.
    pub(crate) members: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// The kinds of notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Encryption,
    Created,
    Title,
    Description,
    Avatar,
    Timer,
    Settings,
    NumberChanged,
    SecurityCode,
    Added,
    AddedOwner,
    Removed,
    RemovedOwner,
    Left,
    JoinedByLink,
    Promoted,
    Demoted,
    Pinned,
}

/// Words by which the app calls the account's owner.
pub(crate) fn is_owner_word(word: &str) -> bool {
    OWNER.contains(&word)
}

/// Reads a notice; `None` if no pattern fits.
pub(crate) fn notice(text: &str) -> Option<Notice> {
    let plain = plain(text);
    PATTERNS
        .iter()
        .find_map(|(pattern, what)| fit(pattern, &plain, *what))
}

/// Marks removed, all quotation marks and spaces made alike, without the closing stop.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => {}
            '“' | '”' | '„' | '‟' | '«' | '»' | '「' | '」' | '『' | '』' => {
                plain.push('"')
            }
            '’' => plain.push('\''),
            '\u{a0}' | '\u{202f}' => plain.push(' '),
            c => plain.push(c),
        }
    }
    let kept = plain
        .trim_end()
        .trim_end_matches(['.', '。'])
        .trim_end()
        .len();
    plain.truncate(kept);
    plain
}

/// Placeholders: `{a}` who did it, `{m}` whom it concerns, `{o}` and `{n}` before and after,
/// `{x}` anything.
fn fit(pattern: &str, text: &str, what: What) -> Option<Notice> {
    // Most patterns are out by how they end or begin.
    let closing = pattern.rfind('}').and_then(|at| pattern.get(at + 1..));
    let opening = pattern.find('{').and_then(|at| pattern.get(..at));
    if !text.ends_with(closing.unwrap_or(pattern)) || !text.starts_with(opening.unwrap_or(pattern))
    {
        return None;
    }
    let mut notice = Notice {
        what,
        actor: None,
        members: None,
        before: None,
        after: None,
    };
    let mut text = text;
    let mut pattern = pattern;
    loop {
        let Some(open) = pattern.find('{') else {
            return (text == pattern).then_some(notice);
        };
        text = text.strip_prefix(pattern.get(..open)?)?;
        let slot = pattern.get(open + 1..open + 2)?;
        pattern = pattern.get(open + 3..)?;
        let literal = pattern.get(..pattern.find('{').unwrap_or(pattern.len()))?;
        let end = if literal.is_empty() {
            text.len()
        } else if literal.len() == pattern.len() {
            // The last literal closes the text; what it might also be found in stays in the slot.
            text.strip_suffix(literal)?.len()
        } else {
            memchr::memmem::find(text.as_bytes(), literal.as_bytes())?
        };
        let value = text.get(..end)?.trim().trim_matches('"');
        if value.is_empty() || value.len() > MAX_SLOT {
            return None;
        }
        let value = Some(value.to_owned());
        match slot {
            "a" => notice.actor = value,
            "m" => notice.members = value,
            "o" => notice.before = value,
            "n" => notice.after = value,
            _ => {}
        }
        text = text.get(end..)?;
    }
}

const MAX_SLOT: usize = 512;

const OWNER: &[&str] = &[
    "You",
    "you",
    "Du",
    "du",
    "dich",
    "Dich",
    "Sie",
    "Vous",
    "vous",
    "Tú",
    "tú",
    "Te",
    "te",
    "ti",
    "Você",
    "você",
    "Tu",
    "tu",
    "U",
    "u",
    "Je",
    "je",
    "Jij",
    "jou",
    "Вы",
    "Вас",
    "вас",
    "Siz",
    "siz",
    "Sinä",
    "sinut",
    "dig",
    "deg",
    "Ty",
    "Ciebie",
    "ciebie",
    "أنت",
    "את/ה",
    "אתה",
    "אותך",
    "شما",
    "你",
    "您",
    "あなた",
    "나",
    "회원님",
    "आप",
    "आपने",
    "आपको",
    "Anda",
    "anda",
];

use What::{
    Added, AddedOwner, Avatar, Created, Demoted, Description, Encryption, JoinedByLink, Left,
    NumberChanged, Pinned, Promoted, Removed, RemovedOwner, SecurityCode, Settings, Timer, Title,
};

/// The first that fits wins: more particular ones stand first.
const PATTERNS: &[(&str, What)] = &[
    // English
    (
        "Messages and calls are end-to-end encrypted. {x}",
        Encryption,
    ),
    (
        "Messages to this chat and calls are now secured with end-to-end encryption. {x}",
        Encryption,
    ),
    (
        "Messages to this group are now secured with end-to-end encryption. {x}",
        Encryption,
    ),
    (
        "Messages you send to this chat and calls are now secured with end-to-end encryption. {x}",
        Encryption,
    ),
    ("{a} created group \"{n}\"", Created),
    ("{a} created the group \"{n}\"", Created),
    ("{a} created this group", Created),
    ("{a} changed the group name from \"{o}\" to \"{n}\"", Title),
    ("{a} changed the subject from \"{o}\" to \"{n}\"", Title),
    ("{a} changed the group name to \"{n}\"", Title),
    ("{a} changed the subject to \"{n}\"", Title),
    ("{a} changed the group description", Description),
    ("{a} changed this group's icon", Avatar),
    ("{a} changed the group's icon", Avatar),
    ("{a} deleted this group's icon", Avatar),
    (
        "{a} changed their phone number to a new number. {x}",
        NumberChanged,
    ),
    ("{a} changed to {n}", NumberChanged),
    ("{a} changed from {o} to {n}", NumberChanged),
    ("Your security code with {a} changed. {x}", SecurityCode),
    ("{a}'s security code changed. {x}", SecurityCode),
    ("{a} joined using a group link", JoinedByLink),
    ("{a} joined using this group's invite link", JoinedByLink),
    ("{a} joined from the community", JoinedByLink),
    ("{a} turned on disappearing messages. {n}", Timer),
    ("{a} turned off disappearing messages", Timer),
    ("{a} updated the message timer. {n}", Timer),
    ("{a} pinned a message", Pinned),
    ("{a} changed this group's settings to {n}", Settings),
    ("{a} changed the settings so {n}", Settings),
    ("{a} added {m}", Added),
    ("{m} was added", Added),
    ("{m} were added", Added),
    ("{a} removed {m}", Removed),
    ("{m} was removed", Removed),
    ("{a} left", Left),
    ("You're now an admin", Promoted),
    ("You're no longer an admin", Demoted),
    ("{m} is now an admin", Promoted),
    ("{m} is no longer an admin", Demoted),
    // German
    (
        "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt. {x}",
        Encryption,
    ),
    (
        "Nachrichten, die du in diesem Chat sendest, {x}",
        Encryption,
    ),
    ("{a} hat die Gruppe \"{n}\" erstellt", Created),
    ("{a} hast die Gruppe \"{n}\" erstellt", Created),
    (
        "{a} hat den Gruppennamen von \"{o}\" zu \"{n}\" geändert",
        Title,
    ),
    ("{a} hat den Betreff von \"{o}\" zu \"{n}\" geändert", Title),
    ("{a} hat den Betreff zu \"{n}\" geändert", Title),
    ("{a} hat die Gruppenbeschreibung geändert", Description),
    ("{a} hat das Gruppenbild geändert", Avatar),
    ("{a} hat dich hinzugefügt", AddedOwner),
    ("{a} hat dich entfernt", RemovedOwner),
    ("{a} hat {m} hinzugefügt", Added),
    ("{a} hast {m} hinzugefügt", Added),
    ("{m} wurde hinzugefügt", Added),
    ("{a} hat {m} entfernt", Removed),
    ("{a} hat die Gruppe verlassen", Left),
    (
        "{a} ist der Gruppe per Einladungslink beigetreten",
        JoinedByLink,
    ),
    (
        "{a} ist der Gruppe über einen Link beigetreten",
        JoinedByLink,
    ),
    ("{a} hat zu {n} gewechselt", NumberChanged),
    (
        "Deine Sicherheitsnummer für {a} hat sich geändert. {x}",
        SecurityCode,
    ),
    (
        "{a} hat selbstlöschende Nachrichten eingeschaltet. {n}",
        Timer,
    ),
    ("{a} hat selbstlöschende Nachrichten ausgeschaltet", Timer),
    ("{m} ist jetzt Admin", Promoted),
    // French
    (
        "Les messages et les appels sont chiffrés de bout en bout. {x}",
        Encryption,
    ),
    (
        "Les messages envoyés dans ce groupe sont désormais protégés {x}",
        Encryption,
    ),
    ("{a} a créé le groupe \"{n}\"", Created),
    ("{a} avez créé le groupe \"{n}\"", Created),
    ("{a} a changé le nom du groupe de \"{o}\" à \"{n}\"", Title),
    ("{a} a changé le sujet de \"{o}\" à \"{n}\"", Title),
    ("{a} a changé le sujet en \"{n}\"", Title),
    ("{a} a changé la description du groupe", Description),
    ("{a} a changé l'icône de ce groupe", Avatar),
    ("{a} vous a ajouté", AddedOwner),
    ("{a} vous a ajouté(e)", AddedOwner),
    ("{a} vous a retiré", RemovedOwner),
    ("{a} a ajouté {m}", Added),
    ("{a} avez ajouté {m}", Added),
    ("{a} a retiré {m}", Removed),
    ("{a} a supprimé {m}", Removed),
    ("{a} a quitté le groupe", Left),
    ("{a} est parti", Left),
    (
        "{a} a rejoint le groupe via le lien d'invitation",
        JoinedByLink,
    ),
    ("{a} a activé les messages éphémères. {n}", Timer),
    ("{a} a désactivé les messages éphémères", Timer),
    ("{m} est désormais admin", Promoted),
    // Spanish
    (
        "Los mensajes y las llamadas están cifrados de extremo a extremo. {x}",
        Encryption,
    ),
    ("{a} creó el grupo \"{n}\"", Created),
    ("{a} cambió el nombre del grupo de \"{o}\" a \"{n}\"", Title),
    ("{a} cambió el asunto de \"{o}\" a \"{n}\"", Title),
    ("{a} cambió el asunto a \"{n}\"", Title),
    ("{a} cambió la descripción del grupo", Description),
    ("{a} cambió el ícono de este grupo", Avatar),
    ("{a} te añadió", AddedOwner),
    ("{a} te eliminó", RemovedOwner),
    ("{a} añadió a {m}", Added),
    ("{a} agregó a {m}", Added),
    ("{a} eliminó a {m}", Removed),
    ("{a} salió del grupo", Left),
    ("{a} salió", Left),
    ("{a} se unió usando el enlace de invitación", JoinedByLink),
    // Portuguese
    (
        "As mensagens e as ligações são protegidas com a criptografia de ponta a ponta{x}",
        Encryption,
    ),
    (
        "As mensagens e as chamadas são encriptadas de ponta a ponta. {x}",
        Encryption,
    ),
    ("{a} criou o grupo \"{n}\"", Created),
    ("{a} mudou o nome do grupo de \"{o}\" para \"{n}\"", Title),
    ("{a} alterou o nome do grupo de \"{o}\" para \"{n}\"", Title),
    ("{a} mudou a descrição do grupo", Description),
    ("{a} mudou a imagem deste grupo", Avatar),
    ("{a} adicionou você", AddedOwner),
    ("{a} adicionou {m}", Added),
    ("{a} removeu {m}", Removed),
    ("{a} saiu", Left),
    (
        "{a} entrou usando o link de convite deste grupo",
        JoinedByLink,
    ),
    // Italian
    (
        "I messaggi e le chiamate sono crittografati end-to-end. {x}",
        Encryption,
    ),
    ("{a} ha creato il gruppo \"{n}\"", Created),
    (
        "{a} ha cambiato il nome del gruppo da \"{o}\" a \"{n}\"",
        Title,
    ),
    ("{a} ha cambiato l'oggetto da \"{o}\" a \"{n}\"", Title),
    ("{a} ha modificato la descrizione del gruppo", Description),
    ("{a} ha cambiato l'immagine del gruppo", Avatar),
    ("{a} ti ha aggiunto", AddedOwner),
    ("{a} ha aggiunto {m}", Added),
    ("{a} ha rimosso {m}", Removed),
    ("{a} ha abbandonato", Left),
    ("{a} è uscito", Left),
    ("{a} si è unito tramite il link di invito", JoinedByLink),
    // Dutch
    (
        "Berichten en oproepen worden end-to-end versleuteld. {x}",
        Encryption,
    ),
    (
        "Berichten en gesprekken zijn end-to-end versleuteld. {x}",
        Encryption,
    ),
    ("{a} heeft de groep \"{n}\" aangemaakt", Created),
    ("{a} heeft groep \"{n}\" gemaakt", Created),
    (
        "{a} heeft de groepsnaam gewijzigd van \"{o}\" naar \"{n}\"",
        Title,
    ),
    (
        "{a} heeft het onderwerp gewijzigd van \"{o}\" naar \"{n}\"",
        Title,
    ),
    ("{a} heeft de groepsbeschrijving gewijzigd", Description),
    ("{a} heeft de groepsafbeelding gewijzigd", Avatar),
    ("{a} heeft jou toegevoegd", AddedOwner),
    ("{a} heeft {m} toegevoegd", Added),
    ("{a} heeft {m} verwijderd", Removed),
    ("{a} heeft de groep verlaten", Left),
    // Russian
    (
        "Сообщения и звонки защищены сквозным шифрованием. {x}",
        Encryption,
    ),
    ("{a} создал(-а) группу \"{n}\"", Created),
    ("{a} создал(а) группу \"{n}\"", Created),
    (
        "{a} изменил(-а) название группы с \"{o}\" на \"{n}\"",
        Title,
    ),
    ("{a} изменил(а) тему с \"{o}\" на \"{n}\"", Title),
    ("{a} изменил(-а) описание группы", Description),
    ("{a} изменил(-а) картинку группы", Avatar),
    ("{a} добавил(-а) вас", AddedOwner),
    ("{a} добавил(-а) {m}", Added),
    ("{a} добавил(а) {m}", Added),
    ("{a} удалил(-а) {m}", Removed),
    ("{a} удалил(а) {m}", Removed),
    ("{a} вышел(-ла)", Left),
    ("{a} покинул(а) группу", Left),
    ("{a} вышел(-шла)", Left),
    // Turkish
    ("Mesajlar ve aramalar uçtan uca şifrelidir. {x}", Encryption),
    ("{a}, \"{n}\" grubunu oluşturdu", Created),
    ("{a} \"{n}\" grubunu oluşturdu", Created),
    (
        "{a}, grubun konusunu \"{o}\" iken \"{n}\" olarak değiştirdi",
        Title,
    ),
    ("{a}, sizi ekledi", AddedOwner),
    ("{a} sizi ekledi", AddedOwner),
    ("{a}, {m} kişisini ekledi", Added),
    ("{a}, {m} kişisini çıkardı", Removed),
    ("{a} ayrıldı", Left),
    // Finnish, Swedish, Norwegian, Danish
    ("Viestit ja puhelut ovat täysin salattuja. {x}", Encryption),
    ("{a} loi ryhmän \"{n}\"", Created),
    ("{a} vaihtoi ryhmän nimen \"{o}\" nimeen \"{n}\"", Title),
    ("{a} lisäsi sinut", AddedOwner),
    ("{a} lisäsi: {m}", Added),
    ("{a} lisäsi henkilön {m}", Added),
    ("{a} poisti: {m}", Removed),
    ("{a} poisti henkilön {m}", Removed),
    ("{a} poistui", Left),
    (
        "Meddelanden och samtal är end-to-end-krypterade. {x}",
        Encryption,
    ),
    (
        "Meddelanden och samtal krypteras från ände till ände. {x}",
        Encryption,
    ),
    ("{a} skapade gruppen \"{n}\"", Created),
    ("{a} ändrade gruppens namn från \"{o}\" till \"{n}\"", Title),
    ("{a} lade till dig", AddedOwner),
    ("{a} lade till {m}", Added),
    ("{a} tog bort {m}", Removed),
    ("{a} lämnade", Left),
    (
        "Meldinger og anrop er ende-til-ende-kryptert. {x}",
        Encryption,
    ),
    ("{a} opprettet gruppen \"{n}\"", Created),
    ("{a} endret gruppenavnet fra \"{o}\" til \"{n}\"", Title),
    ("{a} la til deg", AddedOwner),
    ("{a} la til {m}", Added),
    ("{a} fjernet {m}", Removed),
    ("{a} forlot gruppen", Left),
    (
        "Beskeder og opkald er end-to-end-krypterede. {x}",
        Encryption,
    ),
    ("{a} oprettede gruppen \"{n}\"", Created),
    ("{a} ændrede gruppenavnet fra \"{o}\" til \"{n}\"", Title),
    ("{a} tilføjede dig", AddedOwner),
    ("{a} tilføjede {m}", Added),
    ("{a} fjernede {m}", Removed),
    ("{a} forlod gruppen", Left),
    // Polish
    (
        "Wiadomości i połączenia są w pełni szyfrowane. {x}",
        Encryption,
    ),
    (
        "Wiadomości i połączenia są szyfrowane end-to-end. {x}",
        Encryption,
    ),
    ("{a} utworzył(a) grupę \"{n}\"", Created),
    ("{a} zmienił(a) nazwę grupy z \"{o}\" na \"{n}\"", Title),
    ("{a} dodał(a) Ciebie", AddedOwner),
    ("{a} dodał(a) {m}", Added),
    ("{a} usunął(ęła) {m}", Removed),
    ("{a} opuścił(a) grupę", Left),
    // Arabic, Hebrew, Persian
    (
        "الرسائل والمكالمات مشفرة تمامًا بين الطرفين. {x}",
        Encryption,
    ),
    ("أنشأ {a} المجموعة \"{n}\"", Created),
    ("قام {a} بإنشاء المجموعة \"{n}\"", Created),
    ("غيّر {a} اسم المجموعة من \"{o}\" إلى \"{n}\"", Title),
    ("أضافك {a}", Added),
    ("أضاف {a} العضو {m}", Added),
    ("أزال {a} العضو {m}", Removed),
    ("غادر {a}", Left),
    ("ההודעות והשיחות מוצפנות מקצה-לקצה. {x}", Encryption),
    ("ההודעות והשיחות מוצפנות מקצה לקצה. {x}", Encryption),
    ("קבוצה \"{n}\" נוצרה על ידי {a}", Created),
    ("{a} יצר/ה את הקבוצה \"{n}\"", Created),
    ("{a} שינה/תה את שם הקבוצה מ-\"{o}\" ל-\"{n}\"", Title),
    ("{a} הוסיף/ה אותך", AddedOwner),
    ("{a} הוסיף/ה את {m}", Added),
    ("{a} הסיר/ה את {m}", Removed),
    ("{a} יצא/ה", Left),
    ("پیام‌ها و تماس‌ها رمزگذاری سرتاسری شده‌اند. {x}", Encryption),
    ("پیامها و تماسها رمزگذاری سرتاسری شدهاند. {x}", Encryption),
    ("{a} گروه \"{n}\" را ایجاد کرد", Created),
    ("{a} نام گروه را از \"{o}\" به \"{n}\" تغییر داد", Title),
    ("{a} شما را اضافه کرد", AddedOwner),
    ("{a}، {m} را اضافه کرد", Added),
    ("{a}، {m} را حذف کرد", Removed),
    ("{a} گروه را ترک کرد", Left),
    // Chinese, Japanese, Korean
    ("消息和通话已进行端到端加密。{x}", Encryption),
    ("消息和通话都经过端到端加密。{x}", Encryption),
    ("訊息和通話已受到端對端加密。{x}", Encryption),
    ("{a}创建了群组\"{n}\"", Created),
    ("{a} 创建了群组 \"{n}\"", Created),
    ("{a}将群组名称从\"{o}\"更改为\"{n}\"", Title),
    ("{a}添加了你", AddedOwner),
    ("{a}添加了{m}", Added),
    ("{a}移除了{m}", Removed),
    ("{a}退出了群组", Left),
    ("{a}已退出", Left),
    (
        "メッセージと通話はエンドツーエンド暗号化されています。{x}",
        Encryption,
    ),
    ("{a}がグループ\"{n}\"を作成しました", Created),
    ("{a}がグループ名を\"{o}\"から\"{n}\"に変更しました", Title),
    ("{a}があなたを追加しました", AddedOwner),
    ("{a}が{m}を追加しました", Added),
    ("{a}が{m}を削除しました", Removed),
    ("{a}が退出しました", Left),
    ("메시지와 통화는 종단간 암호화됩니다. {x}", Encryption),
    (
        "메시지와 통화는 종단간 암호화되어 있습니다. {x}",
        Encryption,
    ),
    ("{a}님이 \"{n}\" 그룹을 만들었습니다", Created),
    (
        "{a}님이 그룹 이름을 \"{o}\"에서 \"{n}\"(으)로 변경했습니다",
        Title,
    ),
    ("{a}님이 회원님을 추가했습니다", AddedOwner),
    ("{a}님이 {m}님을 추가했습니다", Added),
    ("{a}님이 {m}님을 삭제했습니다", Removed),
    ("{a}님이 나갔습니다", Left),
    // Hindi, Indonesian
    ("मैसेज और कॉल एंड-टू-एंड एन्क्रिप्टेड हैं। {x}", Encryption),
    ("{a} ने ग्रुप \"{n}\" बनाया", Created),
    ("{a} ने ग्रुप का नाम \"{o}\" से बदलकर \"{n}\" किया", Title),
    ("{a} ने आपको जोड़ा", AddedOwner),
    ("{a} ने {m} को जोड़ा", Added),
    ("{a} ने {m} को हटाया", Removed),
    ("{a} ने ग्रुप छोड़ा", Left),
    (
        "Pesan dan panggilan terenkripsi secara end-to-end. {x}",
        Encryption,
    ),
    ("{a} membuat grup \"{n}\"", Created),
    ("{a} mengubah nama grup dari \"{o}\" menjadi \"{n}\"", Title),
    ("{a} menambahkan Anda", AddedOwner),
    ("{a} menambahkan {m}", Added),
    ("{a} mengeluarkan {m}", Removed),
    ("{a} keluar", Left),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_taken_apart() {
        let created = notice("\u{200e}Anna Keller created group “Rates desk”").unwrap();
        assert_eq!(created.what, Created);
        assert_eq!(created.actor.as_deref(), Some("Anna Keller"));
        assert_eq!(created.after.as_deref(), Some("Rates desk"));
        let title = notice("Anna changed the group name from “a: b” to “c to d”").unwrap();
        assert_eq!(title.before.as_deref(), Some("a: b"));
        assert_eq!(title.after.as_deref(), Some("c to d"));
        let added = notice("Dr. Katrin Weber hat Jonas, Meryem und Ali hinzugefügt.").unwrap();
        assert_eq!(added.members.as_deref(), Some("Jonas, Meryem und Ali"));
        let left = notice("Paul Lefèvre a quitté le groupe").unwrap();
        assert_eq!(
            (left.what, left.actor.as_deref()),
            (Left, Some("Paul Lefèvre"))
        );
        assert_eq!(notice("Something new that nobody knows"), None);
        assert_eq!(notice(""), None);
    }
}
