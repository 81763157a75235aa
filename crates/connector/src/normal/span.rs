//! The exact bytes of one element of a JSON text.

/// The bytes of the element at `path` (`entry[0].value`, keys without dots) of a text that
/// `serde_json` has accepted. Of a key that stands twice, the last counts, as for `serde_json`.
#[must_use]
pub fn find<'b>(json: &'b [u8], path: &str) -> Option<&'b [u8]> {
    let mut here = json;
    for step in path.split('.') {
        let (key, mut rest) = step.split_at(step.find('[').unwrap_or(step.len()));
        if !key.is_empty() {
            here = member(here, key)?;
        }
        while let Some((index, behind)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            here = element(here, index.parse().ok()?)?;
            rest = behind;
        }
    }
    Some(here)
}

fn member<'b>(json: &'b [u8], key: &str) -> Option<&'b [u8]> {
    let mut found = None;
    let mut at = open(json, b'{')?;
    while *json.get(at)? != b'}' {
        let end = value_end(json, at)?;
        let name: String = serde_json::from_slice(json.get(at..end)?).ok()?;
        let colon = blank(json, end);
        let start = blank(json, colon + 1);
        let stop = value_end(json, start)?;
        if name == key {
            found = json.get(start..stop);
        }
        at = next(json, stop);
    }
    found
}

fn element(json: &[u8], index: usize) -> Option<&[u8]> {
    let mut at = open(json, b'[')?;
    let mut number = 0;
    while *json.get(at)? != b']' {
        let end = value_end(json, at)?;
        if number == index {
            return json.get(at..end);
        }
        number += 1;
        at = next(json, end);
    }
    None
}

fn open(json: &[u8], bracket: u8) -> Option<usize> {
    let at = blank(json, 0);
    (*json.get(at)? == bracket).then(|| blank(json, at + 1))
}

/// Behind the comma, if one follows.
fn next(json: &[u8], end: usize) -> usize {
    let at = blank(json, end);
    match json.get(at) {
        Some(b',') => blank(json, at + 1),
        _ => at,
    }
}

fn blank(json: &[u8], mut at: usize) -> usize {
    while json.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

fn value_end(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut depth = 0_usize;
    loop {
        match json.get(at)? {
            b'"' => at = string_end(json, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            byte if depth > 0 && !byte.is_ascii_alphanumeric() => at += 1,
            _ => at = word_end(json, at)?,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn string_end(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Behind a number or a word such as `true`; at least one byte further.
fn word_end(json: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while json
        .get(at)
        .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'))
    {
        at += 1;
    }
    (at > start).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_are_found_with_their_exact_bytes() {
        let json = br#" { "a" : [ 1, -2.5e3 , {"b]":"x\"}"} ], "c":{"d": [[true],[ null ]]},"a2":"", "a":[7 ] }"#;
        let found = |path| find(json, path).map(|b| std::str::from_utf8(b).unwrap());
        assert_eq!(found("a"), Some("[7 ]"), "the last of two counts");
        assert_eq!(found("a[0]"), Some("7"));
        assert_eq!(found("c.d[1]"), Some("[ null ]"));
        assert_eq!(found("c.d[0][0]"), Some("true"));
        assert_eq!(found("a2"), Some("\"\""));
        assert_eq!(found("c.x"), None);
        assert_eq!(found("a[1]"), None);
        let first = br#"{"a":[1, -2.5e3 , {"b]":"x\"}"}]}"#;
        assert_eq!(find(first, "a[2]"), Some(&br#"{"b]":"x\"}"}"#[..]));
        assert_eq!(find(first, "a[1]"), Some(&b"-2.5e3"[..]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(json in any::<Vec<u8>>(), path in "[a-c\\[\\]0-2.]{0,12}") {
            let _ = find(&json, &path);
        }
    }
}
