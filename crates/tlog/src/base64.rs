//! Base64 in its one spelling.

use data_encoding::BASE64;

/// Reads canonical standard base64 with padding. (TLOG-10)
///
/// The decoder alone takes several padded pieces one behind the other (`AA==AA==`): a second
/// spelling of the same bytes, with which a note would not be written again as it was read.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    (BASE64.encode(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tlog_10_base64_has_one_spelling() {
        assert_eq!(decode("AAA="), Some(vec![0, 0]));
        assert_eq!(decode(""), Some(Vec::new()));
        for other in ["AA==AA==", "AAA=AAAA", "AAA", "AAB=", "AAA=\n", "AA-_"] {
            assert_eq!(decode(other), None, "{other}");
        }
    }
}
