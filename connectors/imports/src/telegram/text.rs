//! Texts with their styles: a string, or a list of strings and styled pieces.

use connector::Fields;
use record::{Span, Text};

/// The text of a message; none if it is empty. The list of entities counts where it is there, and
/// the older form beside it then says nothing new.
pub(crate) fn text(fields: &Fields<'_>, text: &str, entities: &str) -> Option<Text> {
    let styled = pieces(fields, entities);
    let older = pieces(fields, text);
    let found = if styled.text.is_empty() {
        older
    } else {
        styled
    };
    (!found.text.is_empty()).then_some(found)
}

/// Whether an empty text or list stands there.
pub(crate) fn is_empty(fields: &Fields<'_>, path: &str) -> bool {
    fields.value().get(path).is_some_and(|value| {
        value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
    })
}

fn pieces(fields: &Fields<'_>, path: &str) -> Text {
    if let Some(text) = fields.text(path) {
        return Text::plain(text);
    }
    let mut whole = Text::default();
    let mut length = 0_u32;
    for piece in fields.list(path) {
        if let Some(text) = piece.text("") {
            whole.text.push_str(text);
            length = length.saturating_add(characters(text));
            continue;
        }
        let Some(text) = piece.text("text") else {
            continue;
        };
        let count = characters(text);
        if let Some((style, target)) = style(&piece)
            && count > 0
        {
            whole.spans.push(Span {
                start: length,
                length: count,
                style,
                target,
            });
        }
        whole.text.push_str(text);
        length = length.saturating_add(count);
    }
    whole
}

fn characters(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

fn style(piece: &Fields<'_>) -> Option<(String, Option<String>)> {
    let kind = piece.text("type")?;
    let owned = |text: &str| text.to_owned();
    let target = match kind {
        "plain" => return None,
        "text_link" => piece.text("href").map(owned),
        "mention_name" => piece.any("user_id").map(|id| format!("user:{id}")),
        "pre" => piece.text("language").filter(|l| !l.is_empty()).map(owned),
        "custom_emoji" => piece.any("document_id"),
        "blockquote" => piece
            .flag("collapsed")
            .filter(|collapsed| *collapsed)
            .map(|_| owned("collapsed")),
        _ => None,
    };
    let style = match kind {
        "text_link" => "link",
        "mention_name" => "mention",
        "pre" => "code",
        "code" => "monospace",
        other => other,
    };
    Some((owned(style), target))
}
