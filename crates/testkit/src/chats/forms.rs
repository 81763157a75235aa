//! The forms in which phones write exports, by platform and language.

use std::fmt::Write;

use super::{TrueEvent, TrueWhat, When};

/// One platform and language.
#[derive(Debug)]
pub struct Form {
    /// Platform and language.
    pub name: &'static str,
    /// `{Y}` `{y}` year; `{M}` `{m}` month with and without zero; `{D}` `{d}` day; `{H}` `{h}`
    /// hour of 24 with and without zero; `{K}` hour of 12; `{I}` minute; `{S}` second; `{P}` part
    /// of the day.
    header: &'static str,
    halves: (&'static str, &'static str),
    digits: Option<[&'static str; 10]>,
    /// Whether lines of the app stand under a name and begin with a mark.
    marked: bool,
    /// Whether the form has seconds.
    pub seconds: bool,
    /// The setting that names the order of the date.
    pub dates: &'static str,
    pub(super) people: &'static [&'static str],
    pub(super) words: &'static [&'static str],
    pub(super) space: &'static str,
    /// Encryption; created `{a}` `{n}`; added `{a}` `{m}`; left `{a}`.
    notices: [&'static str; 4],
    deleted: &'static str,
    edited: &'static str,
    omitted: &'static str,
    /// `{f}` for the file's name.
    attached: &'static str,
}

impl Form {
    /// Writes one event with its line end.
    pub fn write(&self, event: &TrueEvent, line: &mut String) {
        self.header(&event.when, line);
        let [encryption, created, added, left] = self.notices;
        let author = event.author.as_str();
        let mark = if self.marked { "\u{200e}" } else { "" };
        let notice = match &event.what {
            TrueWhat::Encryption => Some(encryption.to_owned()),
            TrueWhat::Created(title) => Some(created.replace("{n}", title)),
            TrueWhat::Added(member) => Some(added.replace("{m}", member)),
            TrueWhat::Left => Some(left.to_owned()),
            _ => None,
        };
        if notice.is_none() || self.marked {
            line.push_str(author);
            line.push_str(": ");
        }
        // Writing to a string does not fail.
        let _ = match (&event.what, notice) {
            (_, Some(notice)) => write!(line, "{mark}{}", notice.replace("{a}", author)),
            (TrueWhat::Text(text), _) => write!(line, "{text}"),
            (TrueWhat::Edited(text), _) => write!(line, "{text} {mark}<{}>", self.edited),
            (TrueWhat::Deleted, _) => write!(line, "{mark}{}", self.deleted),
            (TrueWhat::Omitted, _) => write!(line, "{mark}{}", self.omitted),
            (TrueWhat::File(name), _) => {
                write!(line, "{mark}{}", self.attached.replace("{f}", name))
            }
            (TrueWhat::Place(latitude, longitude), _) => {
                write!(
                    line,
                    "{mark}Location: https://maps.google.com/?q={latitude},{longitude}"
                )
            }
            _ => Ok(()),
        };
        line.push('\n');
    }

    fn header(&self, when: &When, line: &mut String) {
        let ((year, month, day), (hour, minute, second)) = (when.date, when.time);
        let mut rest = self.header;
        while let Some((before, behind)) = rest.split_once('{') {
            line.push_str(before);
            let Some((slot, behind)) = behind.split_once('}') else {
                break;
            };
            rest = behind;
            let text = match slot {
                "Y" => format!("{year:04}"),
                "y" => format!("{:02}", year % 100),
                "M" => format!("{month:02}"),
                "m" => month.to_string(),
                "D" => format!("{day:02}"),
                "d" => day.to_string(),
                "H" => format!("{hour:02}"),
                "h" => hour.to_string(),
                "K" => ((hour + 11) % 12 + 1).to_string(),
                "I" => format!("{minute:02}"),
                "S" => format!("{second:02}"),
                _ => (if hour < 12 {
                    self.halves.0
                } else {
                    self.halves.1
                })
                .to_owned(),
            };
            for c in text.chars() {
                let digit = c
                    .to_digit(10)
                    .and_then(|digit| self.digits?.get(digit as usize).copied());
                match digit {
                    Some(digit) => line.push_str(digit),
                    None => line.push(c),
                }
            }
        }
        line.push_str(rest);
    }
}

const LATIN: &[&str] = &[
    "Anna Keller",
    "Tom Okafor",
    "Mira Öz",
    "João Şahin",
    "~\u{202f}Zoë",
    "+49 170 0000001",
];
const ARABIC: &[&str] = &["سارة الحداد", "عمر القاسم", "Nadia", "+966 50 000 0001"];
const HEBREW: &[&str] = &["דנה לוי", "יוסי כהן", "Tom"];
const CYRILLIC: &[&str] = &["Илья Соколов", "Ольга Петрова", "Tom Okafor"];
const HAN: &[&str] = &["李娜", "王伟", "Tom Okafor"];
const KANA: &[&str] = &["佐藤 花子", "鈴木", "Tom"];
const HANGUL: &[&str] = &["김민준", "이서연", "Tom"];
const DEVANAGARI: &[&str] = &["आरव शर्मा", "प्रिया", "Tom"];

const EN: &[&str] = &[
    "budget",
    "call me",
    "at",
    "ten:",
    "settles",
    "Thursday",
    "limit 98.42",
    "ok",
    "👍",
    "https://example.org/a?b=1",
    "who",
    "(see below)",
    "1/2/20, 9:00 - no",
];
const DE: &[&str] = &[
    "Budget",
    "Übergabe",
    "um sieben",
    "Krankenversicherungskarte",
    "bitte",
    "nicht",
    "Grüße",
    "🙂",
    "ja",
];
const ROMANCE: &[&str] = &[
    "presupuesto",
    "l'hôpital",
    "demain",
    "à midi",
    "reunião",
    "contratto",
    "perché",
    "sí",
    "🥗",
    "«annexe»",
];
const NORTH: &[&str] = &[
    "budjetti",
    "kokous",
    "möte",
    "i dag",
    "bekräfta",
    "ærlig",
    "zażółć",
    "gęślą",
    "bütçe",
    "İmza",
];
const RU: &[&str] = &[
    "бюджет",
    "договор",
    "завтра",
    "в",
    "18:00",
    "подпись",
    "да",
    "нет",
    "👌",
];
const AR: &[&str] = &[
    "الميزانية",
    "العقد",
    "غدا",
    "نعم",
    "شكراً",
    "قبل الظهر",
    "🙏",
];
const HE: &[&str] = &["תקציב", "חוזה", "מחר", "כן", "תודה"];
const FA: &[&str] = &["بودجه", "قرارداد", "فردا", "بله", "می‌رسد"];
const ZH: &[&str] = &["预算", "合同", "下午", "确认", "四百二十万", "好的", "✅"];
const JA: &[&str] = &["予算", "契約書", "明日", "確認", "お願いします", "はい"];
const KO: &[&str] = &["예산", "계약서", "내일", "확인", "네", "감사합니다"];
const HI: &[&str] = &["बजट", "अनुबंध", "कल", "हाँ", "धन्यवाद"];

const ARABIC_DIGITS: [&str; 10] = ["٠", "١", "٢", "٣", "٤", "٥", "٦", "٧", "٨", "٩"];
const PERSIAN_DIGITS: [&str; 10] = ["۰", "۱", "۲", "۳", "۴", "۵", "۶", "۷", "۸", "۹"];

const NONE: Form = Form {
    name: "",
    header: "",
    halves: ("", ""),
    digits: None,
    marked: false,
    seconds: false,
    dates: "dmy",
    people: LATIN,
    words: EN,
    space: " ",
    notices: [
        "Messages and calls are end-to-end encrypted. Only people in this chat can read, listen to, or share them.",
        "{a} created group “{n}”",
        "{a} added {m}",
        "{a} left",
    ],
    deleted: "This message was deleted",
    edited: "This message was edited",
    omitted: "<Media omitted>",
    attached: "{f} (file attached)",
};

const IOS: Form = Form {
    marked: true,
    seconds: true,
    deleted: "This message was deleted.",
    omitted: "image omitted",
    attached: "<attached: {f}>",
    ..NONE
};

const GERMAN: Form = Form {
    words: DE,
    notices: [
        "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt. Niemand außerhalb dieses Chats kann sie lesen.",
        "{a} hat die Gruppe „{n}“ erstellt",
        "{a} hat {m} hinzugefügt",
        "{a} hat die Gruppe verlassen",
    ],
    deleted: "Diese Nachricht wurde gelöscht.",
    edited: "Diese Nachricht wurde bearbeitet.",
    omitted: "<Medien ausgeschlossen>",
    attached: "{f} (Datei angehängt)",
    ..NONE
};

/// All forms.
pub static FORMS: &[Form] = &[
    Form {
        name: "ios-en-gb",
        header: "[{D}/{M}/{Y}, {H}:{I}:{S}] ",
        ..IOS
    },
    Form {
        name: "android-en-gb",
        header: "{D}/{M}/{Y}, {H}:{I} - ",
        ..NONE
    },
    Form {
        name: "ios-en-us",
        header: "[{m}/{d}/{y}, {K}:{I}:{S}\u{202f}{P}] ",
        halves: ("AM", "PM"),
        dates: "mdy",
        ..IOS
    },
    Form {
        name: "android-en-us",
        header: "{m}/{d}/{y}, {K}:{I}\u{202f}{P} - ",
        halves: ("AM", "PM"),
        dates: "mdy",
        ..NONE
    },
    Form {
        name: "ios-en-ca",
        header: "[{Y}-{M}-{D}, {K}:{I}:{S} {P}] ",
        halves: ("a.m.", "p.m."),
        dates: "ymd",
        ..IOS
    },
    Form {
        name: "android-de",
        header: "{D}.{M}.{y}, {H}:{I} - ",
        ..GERMAN
    },
    Form {
        name: "ios-de",
        header: "[{D}.{M}.{y}, {H}:{I}:{S}] ",
        marked: true,
        seconds: true,
        attached: "<Anhang: {f}>",
        omitted: "Bild weggelassen",
        ..GERMAN
    },
    Form {
        name: "android-fr",
        header: "{D}/{M}/{Y} à {H}:{I} - ",
        words: ROMANCE,
        notices: [
            "Les messages et les appels sont chiffrés de bout en bout. Aucun tiers ne peut les lire.",
            "{a} a créé le groupe \"{n}\"",
            "{a} a ajouté {m}",
            "{a} a quitté le groupe",
        ],
        deleted: "Ce message a été supprimé",
        edited: "Ce message a été modifié",
        omitted: "<Médias omis>",
        attached: "{f} (fichier joint)",
        ..NONE
    },
    Form {
        name: "android-es",
        header: "{d}/{m}/{y}, {K}:{I} {P} - ",
        halves: ("a. m.", "p. m."),
        words: ROMANCE,
        notices: [
            "Los mensajes y las llamadas están cifrados de extremo a extremo. Nadie fuera de este chat puede leerlos.",
            "{a} creó el grupo \"{n}\"",
            "{a} añadió a {m}",
            "{a} salió del grupo",
        ],
        deleted: "Se eliminó este mensaje.",
        edited: "Se editó este mensaje.",
        omitted: "<Multimedia omitido>",
        attached: "{f} (archivo adjunto)",
        ..NONE
    },
    Form {
        name: "ios-pt",
        header: "[{D}/{M}/{Y}, {H}:{I}:{S}] ",
        words: ROMANCE,
        notices: [
            "As mensagens e as ligações são protegidas com a criptografia de ponta a ponta e ficam somente entre os participantes desta conversa.",
            "{a} criou o grupo \"{n}\"",
            "{a} adicionou {m}",
            "{a} saiu",
        ],
        deleted: "Esta mensagem foi apagada.",
        edited: "Mensagem editada",
        omitted: "imagem ocultada",
        attached: "<anexado: {f}>",
        ..IOS
    },
    Form {
        name: "android-it",
        header: "{D}/{M}/{y}, {H}:{I} - ",
        words: ROMANCE,
        notices: [
            "I messaggi e le chiamate sono crittografati end-to-end. Nessuno al di fuori di questa chat può leggerne il contenuto.",
            "{a} ha creato il gruppo \"{n}\"",
            "{a} ha aggiunto {m}",
            "{a} ha abbandonato",
        ],
        deleted: "Questo messaggio è stato eliminato",
        edited: "Questo messaggio è stato modificato",
        omitted: "<Media omessi>",
        attached: "{f} (file allegato)",
        ..NONE
    },
    Form {
        name: "ios-nl",
        header: "[{D}-{M}-{Y} {H}:{I}:{S}] ",
        words: DE,
        notices: [
            "Berichten en oproepen worden end-to-end versleuteld. Niemand buiten deze chat kan ze lezen.",
            "{a} heeft de groep \"{n}\" aangemaakt",
            "{a} heeft {m} toegevoegd",
            "{a} heeft de groep verlaten",
        ],
        deleted: "Dit bericht is verwijderd.",
        edited: "Dit bericht is bewerkt",
        omitted: "afbeelding weggelaten",
        attached: "<bijlage: {f}>",
        ..IOS
    },
    Form {
        name: "android-ru",
        header: "{D}.{M}.{Y}, {H}:{I} - ",
        people: CYRILLIC,
        words: RU,
        notices: [
            "Сообщения и звонки защищены сквозным шифрованием. Третьи лица не могут прочитать их.",
            "{a} создал(-а) группу «{n}»",
            "{a} добавил(-а) {m}",
            "{a} вышел(-ла)",
        ],
        deleted: "Данное сообщение удалено",
        edited: "Сообщение изменено",
        omitted: "<Без медиафайлов>",
        attached: "{f} (файл добавлен)",
        ..NONE
    },
    Form {
        name: "ios-tr",
        header: "[{d}.{M}.{Y} {H}:{I}:{S}] ",
        words: NORTH,
        notices: [
            "Mesajlar ve aramalar uçtan uca şifrelidir. Bu sohbetin dışındaki hiç kimse bunları okuyamaz.",
            "{a} \"{n}\" grubunu oluşturdu",
            "{a}, {m} kişisini ekledi",
            "{a} ayrıldı",
        ],
        deleted: "Bu mesaj silindi.",
        edited: "Bu mesaj düzenlendi",
        omitted: "görüntü dahil edilmedi",
        attached: "<eklendi: {f}>",
        ..IOS
    },
    Form {
        name: "ios-fi",
        header: "[{d}.{m}.{Y} klo {h}.{I}.{S}] ",
        words: NORTH,
        notices: [
            "Viestit ja puhelut ovat täysin salattuja. Kukaan tämän keskustelun ulkopuolinen ei voi lukea niitä.",
            "{a} loi ryhmän \"{n}\"",
            "{a} lisäsi henkilön {m}",
            "{a} poistui",
        ],
        deleted: "Tämä viesti poistettiin.",
        edited: "Tätä viestiä on muokattu",
        omitted: "kuva jätettiin pois",
        attached: "<liite: {f}>",
        ..IOS
    },
    Form {
        name: "android-sv",
        header: "{Y}-{M}-{D} {H}:{I} - ",
        dates: "ymd",
        words: NORTH,
        notices: [
            "Meddelanden och samtal är end-to-end-krypterade. Ingen utanför den här chatten kan läsa dem.",
            "{a} skapade gruppen \"{n}\"",
            "{a} lade till {m}",
            "{a} lämnade",
        ],
        deleted: "Detta meddelande har tagits bort",
        edited: "Detta meddelande redigerades",
        omitted: "<Media har utelämnats>",
        attached: "{f} (fil bifogad)",
        ..NONE
    },
    Form {
        name: "ios-pl",
        header: "[{d}.{M}.{Y}, {H}:{I}:{S}] ",
        words: NORTH,
        notices: [
            "Wiadomości i połączenia są w pełni szyfrowane. Nikt spoza tego czatu nie może ich odczytać.",
            "{a} utworzył(a) grupę „{n}”",
            "{a} dodał(a) {m}",
            "{a} opuścił(a) grupę",
        ],
        deleted: "Ta wiadomość została usunięta.",
        edited: "Ta wiadomość została edytowana",
        omitted: "pominięto obraz",
        attached: "<załączono: {f}>",
        ..IOS
    },
    Form {
        name: "android-ar",
        header: "{D}\u{200f}/{M}\u{200f}/{Y}، {K}:{I} {P} - ",
        halves: ("ص", "م"),
        digits: Some(ARABIC_DIGITS),
        people: ARABIC,
        words: AR,
        notices: [
            "الرسائل والمكالمات مشفرة تمامًا بين الطرفين. لا يمكن لأي شخص خارج هذه الدردشة قراءتها.",
            "قام {a} بإنشاء المجموعة \"{n}\"",
            "أضاف {a} العضو {m}",
            "غادر {a}",
        ],
        deleted: "تم حذف هذه الرسالة",
        edited: "تم تعديل هذه الرسالة",
        omitted: "<تم استبعاد الوسائط>",
        attached: "{f} (الملف مرفق)",
        ..NONE
    },
    Form {
        name: "android-he",
        header: "{d}.{m}.{Y}, {h}:{I} - \u{200f}",
        people: HEBREW,
        words: HE,
        notices: [
            "ההודעות והשיחות מוצפנות מקצה לקצה. אף אחד מחוץ לצ'אט הזה לא יכול לקרוא אותן.",
            "{a} יצר/ה את הקבוצה \"{n}\"",
            "{a} הוסיף/ה את {m}",
            "{a} יצא/ה",
        ],
        deleted: "הודעה זו נמחקה",
        edited: "הודעה זו נערכה",
        omitted: "<המדיה לא נכללה>",
        attached: "{f} (קובץ מצורף)",
        ..NONE
    },
    Form {
        name: "android-fa",
        header: "{Y}/{m}/{d}،\u{200f} {H}:{I} - ",
        digits: Some(PERSIAN_DIGITS),
        dates: "ymd",
        people: ARABIC,
        words: FA,
        notices: [
            "پیام‌ها و تماس‌ها رمزگذاری سرتاسری شده‌اند. هیچ‌کس بیرون از این گفتگو نمی‌تواند آن‌ها را بخواند.",
            "{a} گروه «{n}» را ایجاد کرد",
            "{a}، {m} را اضافه کرد",
            "{a} گروه را ترک کرد",
        ],
        deleted: "این پیام حذف شده است",
        edited: "این پیام ویرایش شد",
        omitted: "<رسانه حذف شد>",
        attached: "{f} (فایل پیوست شد)",
        ..NONE
    },
    Form {
        name: "ios-zh",
        header: "[{Y}/{m}/{d} {P}{K}:{I}:{S}] ",
        halves: ("上午", "下午"),
        dates: "ymd",
        people: HAN,
        words: ZH,
        space: "",
        notices: [
            "消息和通话已进行端到端加密。只有此聊天中的成员可以查看、收听或分享。",
            "{a}创建了群组“{n}”",
            "{a}添加了{m}",
            "{a}退出了群组",
        ],
        deleted: "此消息已删除。",
        edited: "此消息已编辑",
        omitted: "图像已忽略",
        attached: "<附件：{f}>",
        ..IOS
    },
    Form {
        name: "android-ja",
        header: "{Y}/{M}/{D} {H}:{I} - ",
        dates: "ymd",
        people: KANA,
        words: JA,
        space: "",
        notices: [
            "メッセージと通話はエンドツーエンド暗号化されています。このチャットの参加者以外は読むことができません。",
            "{a}がグループ「{n}」を作成しました",
            "{a}が{m}を追加しました",
            "{a}が退出しました",
        ],
        deleted: "このメッセージは削除されました",
        edited: "このメッセージは編集されました",
        omitted: "<メディアは含まれていません>",
        attached: "{f} (ファイル添付)",
        ..NONE
    },
    Form {
        name: "android-ko",
        header: "{Y}. {m}. {d}. {P} {K}:{I} - ",
        halves: ("오전", "오후"),
        dates: "ymd",
        people: HANGUL,
        words: KO,
        notices: [
            "메시지와 통화는 종단간 암호화됩니다. 이 채팅방에 없는 사람은 읽을 수 없습니다.",
            "{a}님이 \"{n}\" 그룹을 만들었습니다",
            "{a}님이 {m}님을 추가했습니다",
            "{a}님이 나갔습니다",
        ],
        deleted: "삭제된 메시지입니다",
        edited: "수정된 메시지입니다",
        omitted: "<미디어 파일 제외됨>",
        attached: "{f} (파일 첨부됨)",
        ..NONE
    },
    Form {
        name: "android-hi",
        header: "{D}/{M}/{y}, {K}:{I} {P} - ",
        halves: ("am", "pm"),
        people: DEVANAGARI,
        words: HI,
        notices: [
            "मैसेज और कॉल एंड-टू-एंड एन्क्रिप्टेड हैं। इस चैट के बाहर कोई भी इन्हें पढ़ नहीं सकता.",
            "{a} ने ग्रुप \"{n}\" बनाया",
            "{a} ने {m} को जोड़ा",
            "{a} ने ग्रुप छोड़ा",
        ],
        deleted: "यह मैसेज डिलीट किया गया",
        edited: "इस मैसेज को एडिट किया गया",
        omitted: "<मीडिया के बिना>",
        attached: "{f} (फ़ाइल अटैच की गई)",
        ..NONE
    },
];
