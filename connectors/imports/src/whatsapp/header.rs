//! The beginning of a message: date, time, and where the author or the text begins.
//!
//! One grammar serves all platforms and languages: three numbers of a date, two or three of a
//! time, what stands between them, and a word for the part of the day. Forms differ only in
//! separators and words, so a language that nobody has listed is read as well, as long as it
//! keeps to that shape.

/// The longest header in bytes.
pub(crate) const MAX_HEADER: usize = 112;

/// What stands at the beginning of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The three numbers of the date in their order.
    pub date: [u16; 3],
    /// Digits of the first and the third number: four of them make a year.
    pub(crate) digits: [u8; 2],
    /// The hour as written.
    pub hour: u8,
    /// The minute.
    pub minute: u8,
    /// The second, where the form has seconds.
    pub second: Option<u8>,
    /// The part of the day, where the form has twelve hours.
    pub half: Half,
    /// The first separator of the date, a hint of the locale.
    pub(crate) separator: u8,
    /// Names the form: everything but the numbers and the part of the day.
    pub(crate) form: Form,
    /// Where in the line author and text begin.
    pub(crate) rest: usize,
}

/// The form of a header; equal in all headers of one export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form(u32);

/// A part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The form counts twenty-four hours.
    None,
    /// Before noon.
    Morning,
    /// Around noon: 11 and 12 as they are, 1 and 2 after noon.
    Noon,
    /// After noon.
    Afternoon,
}

impl Stamp {
    /// The hour from 0 to 23, if what is written can be one.
    #[must_use]
    pub fn hour_of_day(&self) -> Option<u8> {
        let hour = match (self.half, self.hour) {
            (Half::None, 24) => 0,
            (Half::Morning, hour @ 0..=12) => hour % 12,
            (Half::Afternoon, hour @ 0..=12) => hour % 12 + 12,
            (Half::Noon, hour @ 0..=5) => hour + 12,
            (_, hour) => hour,
        };
        (hour < 24).then_some(hour)
    }
}

/// Reads the header of a message at the beginning of `line`; `None` if there is none, as in the
/// further lines of a message.
#[must_use]
pub fn header(line: &[u8]) -> Option<Stamp> {
    let mut at = skip_marks(line, 0);
    let bracket = line.get(at) == Some(&b'[');
    if bracket {
        at = skip_marks(line, at + 1);
    }
    let mut form = Hash::new();
    form.add(u8::from(bracket));
    let mut numbers = [0_u16; 5];
    let mut digits = [0_u8; 5];
    let mut half = Half::None;
    let mut separator = 0;
    for place in 0..5 {
        let (value, count, end) = number(line, at)?;
        if let (Some(number), Some(digit)) = (numbers.get_mut(place), digits.get_mut(place)) {
            (*number, *digit) = (value, count);
        }
        at = end;
        if place == 4 {
            break;
        }
        let run = run(line, at)?;
        at += run.len();
        match place {
            0 | 1 => {
                let sign = date_separator(run)?;
                if place == 0 {
                    separator = sign;
                }
                form.add(sign);
            }
            2 => half = between(run, &mut form)?,
            _ => form.add(time_separator(run)?),
        }
    }
    let [first, second_number, third, hour, minute] = numbers;
    let [first_digits, _, third_digits, hour_digits, minute_digits] = digits;
    if hour_digits > 2 || minute_digits != 2 || (first_digits > 2 && third_digits > 2) {
        return None;
    }
    // Whether and where the year has four digits is the same in all of an export.
    form.add(u8::from(first_digits == 4) * 2 + u8::from(third_digits == 4));
    let mut second = None;
    let sign = line.get(at).copied();
    if matches!(sign, Some(b':' | b'.'))
        && let Some((value, 2, end)) = number(line, at + 1)
    {
        second = Some(u8::try_from(value).ok()?);
        at = end;
        form.add(1);
    }
    let (rest, found) = tail(line, at, bracket, &mut form)?;
    if found != Half::None {
        half = found;
    }
    form.add(u8::from(half != Half::None));
    Some(Stamp {
        date: [first, second_number, third],
        digits: [first_digits, third_digits],
        hour: u8::try_from(hour).ok()?,
        minute: u8::try_from(minute).ok()?,
        second,
        half,
        separator,
        form: form.finish(),
        rest,
    })
}

/// Bytes of the invisible mark at `at`: directions, embeddings, isolates, byte order.
pub(crate) fn mark(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..at + 3) {
        Some([0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae] | [0xe2, 0x81, 0xa6..=0xa9]) => 3,
        Some([0xef, 0xbb, 0xbf]) => 3,
        _ => 0,
    }
}

/// The first place from `at` on that is no mark.
pub(crate) fn skip_marks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| *byte >= 0xe2) {
        match mark(bytes, at) {
            0 => break,
            length => at += length,
        }
    }
    at
}

/// Value, digits and end of a number of at most four digits of any of the scripts that phones
/// write dates in.
fn number(line: &[u8], mut at: usize) -> Option<(u16, u8, usize)> {
    let (mut value, mut count) = (0_u16, 0_u8);
    while let Some((digit, length)) = digit(line, at) {
        count += 1;
        if count > 4 {
            return None;
        }
        value = value * 10 + u16::from(digit);
        at += length;
    }
    (count > 0).then_some((value, count, at))
}

fn digit(line: &[u8], at: usize) -> Option<(u8, usize)> {
    let first = *line.get(at)?;
    if first.is_ascii_digit() {
        return Some((first - b'0', 1));
    }
    if first < 0xd9 {
        return None;
    }
    match (line.get(at..)?, first) {
        // Arabic, Persian
        ([_, second @ 0xa0..=0xa9, ..], 0xd9) => Some((second - 0xa0, 2)),
        ([_, second @ 0xb0..=0xb9, ..], 0xdb) => Some((second - 0xb0, 2)),
        // Devanagari, Bengali, Burmese, full width
        ([_, 0xa5, third @ 0xa6..=0xaf, ..], 0xe0) => Some((third - 0xa6, 3)),
        ([_, 0xa7, third @ 0xa6..=0xaf, ..], 0xe0) => Some((third - 0xa6, 3)),
        ([_, 0x81, third @ 0x80..=0x89, ..], 0xe1) => Some((third - 0x80, 3)),
        ([_, 0xbc, third @ 0x90..=0x99, ..], 0xef) => Some((third - 0x90, 3)),
        _ => None,
    }
}

/// What stands before the next number.
fn run(line: &[u8], start: usize) -> Option<&[u8]> {
    let mut at = start;
    while digit(line, at).is_none() {
        at += 1;
        if at >= line.len() || at > start + MAX_RUN {
            return None;
        }
    }
    line.get(start..at)
}

const MAX_RUN: usize = 48;

fn date_separator(run: &[u8]) -> Option<u8> {
    // Arabic and Hebrew put a mark before the sign.
    let bare = run.get(skip_marks(run, 0)..).unwrap_or_default();
    if let [sign @ (b'/' | b'.' | b'-')] = bare {
        return Some(*sign);
    }
    let mut clean = Clean::new();
    clean.take(run)?;
    match clean.bytes() {
        [sign @ (b'/' | b'.' | b'-')] => Some(*sign),
        b".-" => Some(b'.'),
        bytes => ["年", "月", "년", "월", "/."]
            .iter()
            .position(|word| word.as_bytes() == bytes)
            .and_then(|place| u8::try_from(place).ok()),
    }
}

fn time_separator(run: &[u8]) -> Option<u8> {
    match run {
        [sign @ (b':' | b'.' | b'h')] => Some(*sign),
        [b' ', b'h', b' '] => Some(b'h'),
        _ => {
            let mut clean = Clean::new();
            clean.take(run)?;
            match clean.bytes() {
                [sign @ (b':' | b'.' | b'h')] => Some(*sign),
                _ => None,
            }
        }
    }
}

/// What stands between date and time: comma, space, a little word, a part of the day.
fn between(run: &[u8], form: &mut Hash) -> Option<Half> {
    if run == b", " || run == b" " {
        form.add(u8::from(run.len() == 2));
        return Some(Half::None);
    }
    if run == "، ".as_bytes() {
        form.add(6);
        return Some(Half::None);
    }
    let mut clean = Clean::new();
    clean.take(run)?;
    let spaced = clean.spaces > 0;
    let mut bytes = clean.bytes();
    let mut half = Half::None;
    if let Some((word, found)) = half_at_the_end(bytes) {
        bytes = bytes.get(..bytes.len() - word.len())?;
        half = found;
    }
    let plain =
        |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0x80 || matches!(byte, b'.' | b',');
    let parted = spaced || half != Half::None || !bytes.is_empty();
    if !parted || bytes.len() > 16 || !bytes.iter().all(plain) {
        return None;
    }
    form.add(2);
    bytes.iter().for_each(|byte| form.add(*byte));
    Some(half)
}

/// What stands behind the time, up to author and text.
fn tail(line: &[u8], at: usize, bracket: bool, form: &mut Hash) -> Option<(usize, Half)> {
    let rest = line.get(at..)?;
    if bracket {
        if rest.starts_with(b"] ") {
            form.add(3);
            return Some((at + 2, Half::None));
        }
        let end = rest.iter().take(MAX_RUN).position(|byte| *byte == b']')?;
        let half = day_part(rest.get(..end)?, form)?;
        form.add(3);
        let space = usize::from(rest.get(end + 1) == Some(&b' '));
        return Some((at + end + 1 + space, half));
    }
    if rest.starts_with(b" - ") {
        form.add(4);
        return Some((at + 3, Half::None));
    }
    if rest.starts_with(b": ") {
        form.add(5);
        return Some((at + 2, Half::None));
    }
    let within = rest.get(..rest.len().min(MAX_RUN))?;
    let (end, length) = [&b" - "[..], " – ".as_bytes(), &b": "[..]]
        .iter()
        .find_map(|sign| {
            let end = within
                .windows(sign.len())
                .position(|window| window == *sign)?;
            Some((end, sign.len()))
        })?;
    let half = day_part(within.get(..end)?, form)?;
    form.add(4);
    Some((at + end + length, half))
}

/// A part of the day behind the time, or another little word such as `Uhr`.
fn day_part(run: &[u8], form: &mut Hash) -> Option<Half> {
    let mut clean = Clean::new();
    clean.take(run)?;
    let bytes = clean.bytes();
    if bytes.is_empty() {
        return Some(Half::None);
    }
    let ascii = match bytes {
        b"am" | b"a.m." => Some(Half::Morning),
        b"pm" | b"p.m." => Some(Half::Afternoon),
        _ => None,
    };
    if let Some(half) = ascii {
        return Some(half);
    }
    if let Some((word, half)) = half_at_the_end(bytes)
        && word.len() == bytes.len()
    {
        return Some(half);
    }
    let plain = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0x80 || *byte == b'.';
    if bytes.len() > 12 || !bytes.iter().all(plain) {
        return None;
    }
    bytes.iter().for_each(|byte| form.add(*byte));
    Some(Half::None)
}

/// The first of the words with which the bytes end.
fn half_at_the_end(bytes: &[u8]) -> Option<(&'static str, Half)> {
    let last = *bytes.last()?;
    if !END_HALVES.get(usize::from(last)).copied().unwrap_or(false) {
        return None;
    }
    HALVES
        .iter()
        .find(|(word, _)| word.as_bytes().last() == Some(&last) && bytes.ends_with(word.as_bytes()))
        .copied()
}

/// Bytes with which the words end: what stands between most dates and times ends otherwise.
static END_HALVES: std::sync::LazyLock<[bool; 256]> = std::sync::LazyLock::new(|| {
    let mut ends = [false; 256];
    for last in HALVES.iter().filter_map(|(word, _)| word.as_bytes().last()) {
        if let Some(end) = ends.get_mut(usize::from(*last)) {
            *end = true;
        }
    }
    ends
});

/// Words for parts of the day, lower case, without spaces and marks.
const HALVES: &[(&str, Half)] = &[
    ("a.m.", Half::Morning),
    ("p.m.", Half::Afternoon),
    ("am", Half::Morning),
    ("pm", Half::Afternoon),
    ("上午", Half::Morning),
    ("下午", Half::Afternoon),
    ("凌晨", Half::Morning),
    ("清晨", Half::Morning),
    ("早上", Half::Morning),
    ("中午", Half::Noon),
    ("傍晚", Half::Afternoon),
    ("晚上", Half::Afternoon),
    ("午前", Half::Morning),
    ("午後", Half::Afternoon),
    ("오전", Half::Morning),
    ("오후", Half::Afternoon),
    ("ص", Half::Morning),
    ("م", Half::Afternoon),
    ("ق.ظ.", Half::Morning),
    ("ب.ظ.", Half::Afternoon),
    ("ق.ظ", Half::Morning),
    ("ب.ظ", Half::Afternoon),
    ("قبلازظهر", Half::Morning),
    ("بعدازظهر", Half::Afternoon),
    ("לפנה״צ", Half::Morning),
    ("אחה״צ", Half::Afternoon),
    ("पूर्वाह्न", Half::Morning),
    ("अपराह्न", Half::Afternoon),
    ("ÖÖ", Half::Morning),
    ("ÖS", Half::Afternoon),
    ("π.μ.", Half::Morning),
    ("μ.μ.", Half::Afternoon),
    ("πμ", Half::Morning),
    ("μμ", Half::Afternoon),
    ("dop.", Half::Morning),
    ("odp.", Half::Afternoon),
    ("de.", Half::Morning),
    ("du.", Half::Afternoon),
    ("sa", Half::Morning),
    ("ch", Half::Afternoon),
    ("vm.", Half::Morning),
    ("nm.", Half::Afternoon),
    ("ap.", Half::Morning),
    ("ip.", Half::Afternoon),
    ("pg", Half::Morning),
    ("ptg", Half::Afternoon),
    ("f.m.", Half::Morning),
    ("e.m.", Half::Afternoon),
    ("fm", Half::Morning),
    ("em", Half::Afternoon),
    ("ก่อนเที่ยง", Half::Morning),
    ("หลังเที่ยง", Half::Afternoon),
];

/// A run without spaces and marks, ASCII in lower case.
struct Clean {
    bytes: [u8; MAX_RUN + 4],
    length: usize,
    spaces: usize,
}

impl Clean {
    fn new() -> Self {
        Self {
            bytes: [0; MAX_RUN + 4],
            length: 0,
            spaces: 0,
        }
    }

    fn take(&mut self, run: &[u8]) -> Option<()> {
        let mut at = 0;
        while let Some(byte) = run.get(at) {
            let skipped = match space(run, at) {
                0 => mark(run, at),
                length => {
                    self.spaces += 1;
                    length
                }
            };
            if skipped > 0 {
                at += skipped;
                continue;
            }
            *self.bytes.get_mut(self.length)? = byte.to_ascii_lowercase();
            self.length += 1;
            at += 1;
        }
        Some(())
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Bytes of the space at `at`: plain, no-break, narrow no-break, thin.
pub(crate) fn space(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b' ' | b'\t') => 1,
        Some(0xc2) if bytes.get(at + 1) == Some(&0xa0) => 2,
        Some(0xe2) => match bytes.get(at + 1..at + 3) {
            Some([0x80, 0xaf | 0x80..=0x8a]) => 3,
            _ => 0,
        },
        _ => 0,
    }
}

/// FNV-1a: short inputs, no adversary, equal forms within one file only.
struct Hash(u32);

impl Hash {
    const fn new() -> Self {
        Self(0x811c_9dc5)
    }

    fn add(&mut self, byte: u8) {
        self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }

    const fn finish(self) -> Form {
        Form(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read<'l> = ([u16; 3], u8, u8, Option<u8>, &'l str);

    fn read(line: &str) -> Option<Read<'_>> {
        let stamp = header(line.as_bytes())?;
        Some((
            stamp.date,
            stamp.hour_of_day()?,
            stamp.minute,
            stamp.second,
            &line[stamp.rest..],
        ))
    }

    #[test]
    fn headers_of_many_platforms_and_languages_are_read_by_their_shape() {
        let cases = [
            ("[03/11/2026, 08:01:58] A: x", [3, 11, 2026], 8, 1, Some(58)),
            (
                "\u{200e}[11/3/26, 8:01:58\u{202f}PM] A: x",
                [11, 3, 26],
                20,
                1,
                Some(58),
            ),
            ("11/3/26, 12:01\u{202f}AM - A: x", [11, 3, 26], 0, 1, None),
            ("3/6/18, 1:55 p. m. - A: x", [3, 6, 18], 13, 55, None),
            ("05.11.26, 06:55 - A: x", [5, 11, 26], 6, 55, None),
            ("04/11/2026 à 09:00 - A: x", [4, 11, 2026], 9, 0, None),
            (
                "[13.6.2018 klo 21.25.15] A: x",
                [13, 6, 2018],
                21,
                25,
                Some(15),
            ),
            ("13.6.2018 klo 21.25 - A: x", [13, 6, 2018], 21, 25, None),
            ("[15-01-20 02:22:56] A: x", [15, 1, 20], 2, 22, Some(56)),
            ("2026-11-03 08:01 - A: x", [2026, 11, 3], 8, 1, None),
            (
                "[2026/11/7 上午9:02:11] A: x",
                [2026, 11, 7],
                9,
                2,
                Some(11),
            ),
            ("2026/11/7 下午2:15 - A: x", [2026, 11, 7], 14, 15, None),
            (
                "[2026. 11. 7. 오후 2:15:44] A: x",
                [2026, 11, 7],
                14,
                15,
                Some(44),
            ),
            ("2026. 11. 7. 오전 9:02 - A: x", [2026, 11, 7], 9, 2, None),
            ("2026年11月7日 14:15 - A: x", [2026, 11, 7], 14, 15, None),
            (
                "٠٦\u{200f}/١١\u{200f}/٢٠٢٦، ٨:٠٢ م - A: x",
                [6, 11, 2026],
                20,
                2,
                None,
            ),
            (
                "[۱۴۰۵/۸/۱۶،\u{200f} ۱۴:۱۵:۰۹] A: x",
                [1405, 8, 16],
                14,
                15,
                Some(9),
            ),
            (
                "7.11.2026, 14:15 - \u{200f}A: x",
                [7, 11, 2026],
                14,
                15,
                None,
            ),
            ("07/11/26 14.15 - A: x", [7, 11, 26], 14, 15, None),
            ("7.11.26 г., 14:15 ч. - A: x", [7, 11, 26], 14, 15, None),
            ("15/01/20 02:22:56: A: x", [15, 1, 20], 2, 22, Some(56)),
            ("०७/११/२६, २:१५ अपराह्न - A: x", [7, 11, 26], 14, 15, None),
        ];
        for (line, date, hour, minute, second) in cases {
            let (d, h, m, s, rest) = read(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((d, h, m, s), (date, hour, minute, second), "{line}");
            assert_eq!(rest.trim_start_matches('\u{200f}'), "A: x", "{line}");
        }
    }

    #[test]
    fn what_is_no_header_is_none() {
        for line in [
            "",
            "12",
            "Meet at 12/11/2026, 08:00 - maybe",
            "1. first\n",
            "10/11 12:30 - x",
            "192.168.1.1:8080",
            "[12/11/2026] x",
            "2026-11-03",
            "03/11/2026, 08:0",
            "12345/1/1, 10:00 - x",
        ] {
            assert_eq!(header(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn one_form_has_one_name_and_others_have_others() {
        let form = |line: &str| header(line.as_bytes()).unwrap().form;
        assert_eq!(
            form("1/2/26, 1:05 PM - x"),
            form("11/12/27, 11:05\u{202f}AM - x")
        );
        assert_eq!(
            form("2026/1/7 上午9:02 - x"),
            form("2026/11/17 晚上9:02 - x")
        );
        assert_ne!(form("1/2/26, 1:05 - x"), form("[1/2/26, 1:05] x"));
        assert_ne!(form("1/2/26, 1:05 - x"), form("1.2.26, 1:05 - x"));
        assert_ne!(form("1/2/26, 1:05 - x"), form("1/2/26, 1:05 PM - x"));
    }
}
