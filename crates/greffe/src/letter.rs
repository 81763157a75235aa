//! The letter of an invitation: one page in English and one in French, as PDF, with the QR code.
//! The standard fonts of PDF, nothing embedded, so only Latin letters (Windows-1252) are shown; others
//! become "?".

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};
use seal::Invitation;

use crate::command::consent;
use crate::failure::Failure;
use crate::text::{self, say, word};

/// A4 in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 56.0;
/// Size of the text and distance of lines.
const SIZE: f32 = 9.5;
const LINE: f32 = 13.0;
/// Side of the QR code with its quiet zone.
const QR: f32 = 190.0;

/// The letter.
pub(crate) fn pdf(invitation: &Invitation) -> Result<Vec<u8>, Failure> {
    let text = invitation.to_text();
    let upper = text.to_ascii_uppercase();
    let code = qrcode::QrCode::new(upper.as_bytes())
        .map_err(|error| Failure::new("letter-failed").because(&error))?;
    let mut pdf = Pdf::new();
    let mut next = 1;
    let mut fresh = || {
        next += 1;
        Ref::new(next - 1)
    };
    let (catalog, tree, regular, bold) = (fresh(), fresh(), fresh(), fresh());
    let pages: Vec<(Ref, Ref, &str)> = text::LANGUAGES
        .iter()
        .map(|language| (fresh(), fresh(), *language))
        .collect();
    pdf.catalog(catalog).pages(tree);
    pdf.pages(tree)
        .kids(pages.iter().map(|(page, _, _)| *page))
        .count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
    for (id, name) in [(regular, "Helvetica"), (bold, "Helvetica-Bold")] {
        pdf.type1_font(id)
            .base_font(Name(name.as_bytes()))
            .encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    for (page_id, content_id, language) in pages {
        let mut page = pdf.page(page_id);
        page.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT));
        page.parent(tree).contents(content_id);
        page.resources()
            .fonts()
            .pair(Name(b"F"), regular)
            .pair(Name(b"B"), bold);
        page.finish();
        let content = text::in_language(language, || page_of(invitation, &text, &code));
        pdf.stream(content_id, &content.finish());
    }
    Ok(pdf.finish())
}

/// The QR code for a terminal.
pub(crate) fn qr_text(text: &str) -> String {
    use qrcode::render::unicode::Dense1x2;
    // Upper case is a third smaller in a QR code.
    qrcode::QrCode::new(text.to_ascii_uppercase().as_bytes())
        .map(|code| {
            code.render::<Dense1x2>()
                .dark_color(Dense1x2::Dark)
                .light_color(Dense1x2::Light)
                .build()
        })
        .unwrap_or_default()
}

fn page_of(invitation: &Invitation, text: &str, code: &qrcode::QrCode) -> Content {
    let mut content = Content::new();
    let mut y = HEIGHT - MARGIN;
    let mut put = |content: &mut Content, text: &str, font: &[u8], size: f32| {
        for line in wrapped(text, size, WIDTH - 2.0 * MARGIN) {
            content.begin_text();
            content.set_font(Name(font), size);
            content.next_line(MARGIN, y);
            content.show(Str(&windows_1252(&line)));
            content.end_text();
            y -= size * (LINE / SIZE);
        }
        y -= 5.0;
    };
    put(&mut content, &word("letter-heading"), b"B", 15.0);
    put(&mut content, &consent::intro(invitation), b"F", SIZE);
    for paragraph in consent::text(invitation).split("\n\n") {
        put(&mut content, paragraph, b"F", SIZE);
    }
    put(&mut content, &word("letter-how"), b"B", SIZE);
    put(&mut content, &say!("letter-command"), b"F", SIZE);
    let digits: Vec<char> = text.chars().collect();
    for line in digits.chunks(80) {
        put(&mut content, &line.iter().collect::<String>(), b"F", 8.0);
    }
    draw(&mut content, code, WIDTH - MARGIN - QR, MARGIN / 2.0);
    put(
        &mut content,
        &say!(
            "letter-fingerprint",
            fingerprint = invitation.archive.to_string()
        ),
        b"F",
        8.0,
    );
    content
}

/// Dark modules as squares; the corner of the quiet zone stands at x, y.
fn draw(content: &mut Content, code: &qrcode::QrCode, x: f32, y: f32) {
    let side = code.width();
    let module = QR / narrowed(side + 8);
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == qrcode::Color::Dark {
            let (row, column) = (at / side, at % side);
            content.rect(
                x + (narrowed(column) + 4.0) * module,
                y + QR - (narrowed(row) + 5.0) * module,
                module,
                module,
            );
        }
    }
    content.fill_nonzero();
}

/// A QR code has at most 177 modules a side.
fn narrowed(number: usize) -> f32 {
    u16::try_from(number).map_or(f32::MAX, f32::from)
}

/// Lines that fit into a width.
fn wrapped(text: &str, size: f32, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in unbroken(paragraph) {
            let longer = if line.is_empty() {
                word.clone()
            } else {
                format!("{line} {word}")
            };
            if !line.is_empty() && length(&longer, size) > width {
                lines.push(std::mem::replace(&mut line, word));
            } else {
                line = longer;
            }
        }
        lines.push(line);
    }
    lines
}

/// Words that stay together: French sets a space before some signs, behind which no line begins.
/// What is set as code elsewhere stands in quotes on paper.
fn unbroken(paragraph: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut code = false;
    for word in paragraph.split_whitespace() {
        let quoted: String = word
            .chars()
            .map(|c| match c {
                '`' => {
                    code = !code;
                    if code { '“' } else { '”' }
                }
                other => other,
            })
            .collect();
        match words.last_mut() {
            Some(before)
                if quoted.starts_with([':', ';', '?', '!', '»']) || before.ends_with('«') =>
            {
                before.push(' ');
                before.push_str(&quoted);
            }
            _ => words.push(quoted),
        }
    }
    words
}

/// The length of a line in Helvetica, in points. Adobe's widths of ASCII; letters with accents are
/// as wide as those without.
fn length(line: &str, size: f32) -> f32 {
    let thousandths: u32 = line
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '\'' | '’' => 222,
            ' ' | '.' | ',' | ':' | ';' | '/' | 'f' | 't' | 'I' | '!' => 278,
            '(' | ')' | '-' | 'r' => 333,
            'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' | 'J' => 500,
            'm' | 'M' => 833,
            'w' | 'C' | 'D' | 'H' | 'N' | 'R' | 'U' => 722,
            'A' | 'B' | 'E' | 'K' | 'P' | 'S' | 'V' | 'X' | 'Y' | 'Z' => 667,
            'G' | 'O' | 'Q' => 778,
            'W' | '—' => 1_000,
            'F' | 'T' => 611,
            _ => 556,
        })
        .sum();
    f32::from(u16::try_from(thousandths).unwrap_or(u16::MAX)) * size / 1_000.0
}

/// The encoding of the standard fonts.
fn windows_1252(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| match c {
            ' '..='~' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(c)).unwrap_or(b'?'),
            '’' => 0x92,
            '‘' => 0x91,
            '“' => 0x93,
            '”' => 0x94,
            '–' => 0x96,
            '—' => 0x97,
            '…' => 0x85,
            'œ' => 0x9c,
            'Œ' => 0x8c,
            '€' => 0x80,
            '\u{202f}' => 0xa0,
            _ => b'?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical::Milliseconds;
    use seal::InvitationCode;
    use wire::{ArchiveId, TlsIdentity};

    #[test]
    fn the_letter_has_two_pages_with_consent_and_code() {
        let invitation = Invitation {
            archive: ArchiveId::from_bytes([0xab; 32]),
            relay: "https://relay.example:7443".into(),
            pin: TlsIdentity::from_bytes([2; 32]),
            code: InvitationCode::from_bytes([3; 16]),
            until: Milliseconds::new(1_800_000_000_000),
            automatic: false,
            inviter: Some("Banque Société".into()),
        };
        let bytes = pdf(&invitation).unwrap();
        assert!(bytes.starts_with(b"%PDF-"));
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.matches("/Type /Page\n").count(), 2);
        assert!(text.contains("WinAnsiEncoding"));
        // Page contents are not compressed: the line and the squares of the code are found.
        assert!(text.contains("greffe-invite:"));
        assert!(text.matches(" re\n").count() > 500);
        // Each page keeps its lines clear of the QR code and on the paper.
        for language in text::LANGUAGES {
            text::in_language(language, || {
                let lines: usize = consent::text(&invitation)
                    .split("\n\n")
                    .map(|paragraph| wrapped(paragraph, SIZE, WIDTH - 2.0 * MARGIN).len())
                    .sum();
                assert!((8..36).contains(&lines), "{language}: {lines}");
            });
        }
    }

    #[test]
    fn text_is_wrapped_and_encoded() {
        let lines = wrapped(&"mot ".repeat(100), SIZE, 200.0);
        assert!(lines.len() > 5 && lines.iter().all(|line| length(line, SIZE) <= 200.0));
        assert_eq!(windows_1252("é’œ中"), [0xe9, 0x92, 0x9c, b'?']);
        // No line begins with a colon, and code stands in quotes.
        for width in 40..120_u8 {
            let lines = wrapped("voici : « ceci » ; `greffe agent plan`", SIZE, width.into());
            assert!(lines.iter().all(|line| !line.starts_with([':', ';', '»'])));
            assert!(lines.join(" ").ends_with("“greffe agent plan”"));
        }
    }
}
