//! Whatever the bytes: no panic, and what is accepted is what was written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use canonical::{CanonicalError, check, encoded_len, from_bytes, to_bytes};
use minicbor::{Decode, Encode};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
struct Sample {
    #[n(0)]
    number: i64,
    #[n(1)]
    text: Option<String>,
    #[n(2)]
    #[cbor(skip_if = "Vec::is_empty")]
    list: Vec<u32>,
}

#[test]
fn cbor_4_unknown_keys_are_refused() {
    // {0: 1, 9: 1}
    assert!(matches!(
        from_bytes::<Sample>(&[0xa2, 0, 1, 9, 1]),
        Err(CanonicalError::Differs { .. })
    ));
}

#[test]
fn cbor_2_empty_optional_lists_are_refused() {
    // {0: 1, 2: []}
    assert!(matches!(
        from_bytes::<Sample>(&[0xa2, 0, 1, 2, 0x80]),
        Err(CanonicalError::Differs { .. })
    ));
}

#[test]
fn cbor_4_missing_fields_are_refused() {
    assert!(matches!(
        from_bytes::<Sample>(&[0xa0]),
        Err(CanonicalError::Structure(_))
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        number in any::<i64>(),
        text in any::<Option<String>>(),
        list in any::<Vec<u32>>(),
    ) {
        let sample = Sample { number, text, list };
        let bytes = to_bytes(&sample);
        prop_assert_eq!(encoded_len(&sample), bytes.len());
        prop_assert_eq!(from_bytes::<Sample>(&bytes).unwrap(), sample);
    }

    #[test]
    fn cbor_1_accepted_bytes_are_the_only_ones(
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        if let Ok(sample) = from_bytes::<Sample>(&bytes) {
            prop_assert_eq!(to_bytes(&sample), bytes);
        }
    }

    #[test]
    fn any_bytes_are_judged_without_panic(
        bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(0x81), Just(0xa1), Just(0xa2), Just(0x61), Just(0x00)],
            0..200,
        ),
    ) {
        if let Ok(shape) = check(&bytes) {
            prop_assert!(shape.longest_text < bytes.len());
            // What the pass accepts, another decoder can read to its end.
            let mut decoder = minicbor::Decoder::new(&bytes);
            prop_assert!(decoder.skip().is_ok());
            prop_assert_eq!(decoder.position(), bytes.len());
        }
    }
}
