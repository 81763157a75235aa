//! Bytes that nobody meant: refused, never a panic.

use proptest::prelude::*;
use seal::keyring::{Keyring, WrappedSigningKey};
use seal::{
    AuditEvent, ChunkOpener, SealedAttachment, Share, StreamError, StreamOpener, StreamPlace,
    StreamSealer,
};
use wire::ArchiveId;

use crate::archive::Seeded;

const PLACE: StreamPlace = StreamPlace {
    archive: ArchiveId::from_bytes([1; 32]),
    record: record::RecordId::from_bytes([2; 32]),
    index: 0,
};

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Keyring::from_bytes(&bytes, None);
        let _ = WrappedSigningKey::from_bytes(&bytes);
        let _ = Share::from_bytes(&bytes);
        let _ = AuditEvent::from_bytes(&bytes);
        let _ = canonical::from_bytes::<SealedAttachment>(&bytes);
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in "\\PC{0,400}") {
        prop_assert!(Share::from_words(&text).is_err());
        prop_assert!(Share::from_qr(&text).is_err());
        let _ = Share::from_qr(&format!("greffe-share:{text}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// STREAM-2: any altered byte of a stream is found, in whatever pieces it is read.
    #[test]
    fn stream_2_any_altered_byte_is_found(
        size in 0_usize..200_000,
        sealing in 1_usize..100_000,
        opening in 1_usize..100_000,
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let plain: Vec<u8> = (0..size).map(|at| (at % 253) as u8).collect();
        let mut sealer = StreamSealer::new(&PLACE, &mut Seeded::new(size as u64)).unwrap();
        let mut object = Vec::new();
        for mut rest in plain.chunks(sealing) {
            while !rest.is_empty() {
                let step = sealer.push(rest).unwrap();
                object.extend_from_slice(step.ready);
                rest = &rest[step.taken..];
            }
        }
        let (last, sealed) = sealer.finish().unwrap();
        object.extend_from_slice(&last);
        let open = |object: &[u8]| -> Result<Vec<u8>, StreamError> {
            let expected = Some((sealed.size, sealed.hash));
            let mut opener = StreamOpener::new(&PLACE, &sealed.stream, expected)?;
            let mut plain = Vec::new();
            for mut rest in object.chunks(opening) {
                while !rest.is_empty() {
                    let step = opener.push(rest)?;
                    plain.extend_from_slice(step.ready);
                    rest = &rest[step.taken..];
                }
            }
            plain.extend_from_slice(&opener.finish()?);
            Ok(plain)
        };
        prop_assert_eq!(open(&object), Ok(plain));
        let at = at.index(object.len());
        object[at] ^= flip;
        prop_assert!(open(&object).is_err());
        prop_assert!(ChunkOpener::new(&PLACE, &sealed.stream).unwrap().range(u64::MAX).is_none());
    }
}
