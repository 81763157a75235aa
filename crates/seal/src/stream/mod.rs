//! Attachments: chunked streams under their own keys, in constant memory (STREAM-1 to STREAM-3).
//!
//! Neither side does I/O: the caller pushes what it has read and writes what comes back. Each
//! holds two chunks at most, whatever the size of the attachment (STREAM-3).

mod opener;
mod sealer;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{Context, SHA256};
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use record::{FileHash, RecordId};
use wire::{ArchiveId, ObjectHash, ObjectLength};

use crate::key::define_secret;
use crate::label;
use crate::suite::TAG;

pub use opener::{ChunkOpener, StreamOpener};
pub use sealer::StreamSealer;

/// Bytes of a full plain chunk.
pub const CHUNK: usize = 65_536;

/// First byte of a sealed stream.
const STREAM: u8 = 2;
const HEAD: usize = 2;

define_secret!(
    pub StreamKey,
    "The key of one attachment's stream. It stands in the record that the attachment belongs to."
);

/// Where a stream belongs; it opens nowhere else (STREAM-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPlace {
    /// The archive.
    pub archive: ArchiveId,
    /// The record that has the attachment.
    pub record: RecordId,
    /// The attachment's index among the record's attachments, from 0.
    pub index: u32,
}

impl StreamPlace {
    fn aad(&self) -> Vec<u8> {
        let mut aad = label::STREAM.framed();
        aad.extend_from_slice(self.archive.as_bytes());
        aad.extend_from_slice(self.record.as_bytes());
        aad.extend_from_slice(&self.index.to_be_bytes());
        aad
    }
}

/// What a record says of a sealed stream: where it is and what opens it.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Stream {
    /// SHA-256 of the sealed bytes.
    #[n(0)]
    pub object: ObjectHash,
    /// Their length.
    #[n(1)]
    pub length: ObjectLength,
    /// The key.
    #[n(2)]
    pub key: StreamKey,
}

impl<C> Encode<C> for StreamKey {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self.expose())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for StreamKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let at = d.position();
        let bytes = d.bytes()?.try_into();
        bytes
            .map(Self::from_bytes)
            .map_err(|_| decode::Error::message("stream key of another length").at(at))
    }
}

/// A stream that is sealed to its end.
#[derive(Clone, Debug)]
pub struct SealedStream {
    /// What the record is to say of it.
    pub stream: Stream,
    /// Bytes of the attachment itself.
    pub size: u64,
    /// SHA-256 of the attachment itself.
    pub hash: FileHash,
}

/// Sealing or opening failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// Not a sealed stream, or of a suite that this version does not know.
    #[error("does not begin as a sealed stream of suite 1")]
    Head,
    /// A chunk's tag does not verify: altered, exchanged, moved, cut off or made longer.
    #[error("chunk {chunk} does not verify")]
    Chunk {
        /// The chunk's number, from 0.
        chunk: u64,
    },
    /// The bytes are not the object that the record names.
    #[error("the stream is not the object that the record names")]
    Object,
    /// The plain bytes are not those that the record describes.
    #[error("the attachment is not the one that the record describes")]
    Plain,
    /// An empty chunk after a full one: one attachment has one stream only.
    #[error("the last chunk is empty though the attachment is not")]
    EmptyChunk,
    /// The AES-GCM implementation could not seal.
    #[error("the AES-GCM implementation could not seal")]
    Cipher,
}

/// What one call took and gave.
#[derive(Debug)]
pub struct Step<'a> {
    /// Bytes taken from the front of what was pushed; push the rest again.
    pub taken: usize,
    /// Bytes ready to be written; empty while a chunk fills.
    pub ready: &'a [u8],
}

/// Length of the sealed stream of an attachment of so many bytes.
#[must_use]
pub fn sealed_length(size: u64) -> u64 {
    let chunks = size.div_ceil(CHUNK as u64).max(1);
    size.saturating_add(chunks.saturating_mul(TAG as u64))
        .saturating_add(HEAD as u64)
}

/// AES-256-GCM with the chunk's number and its place at the end as nonce (STREAM-1).
struct ChunkCipher {
    key: LessSafeKey,
    aad: Vec<u8>,
    next: u64,
}

impl ChunkCipher {
    fn new(place: &StreamPlace, key: &StreamKey) -> Result<Self, StreamError> {
        let key = UnboundKey::new(&AES_256_GCM, key.expose()).map_err(|_| StreamError::Cipher)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            aad: place.aad(),
            next: 0,
        })
    }

    fn seal(&mut self, chunk: &mut [u8], last: bool) -> Result<[u8; TAG], StreamError> {
        let nonce = nonce(self.next, last);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&self.aad), chunk)
            .map_err(|_| StreamError::Cipher)?;
        self.next += 1;
        sealed.as_ref().try_into().map_err(|_| StreamError::Cipher)
    }

    /// Opens in place; gives the length of the plain bytes.
    fn open(&mut self, chunk: &mut [u8], last: bool) -> Result<usize, StreamError> {
        let nonce = nonce(self.next, last);
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(&self.aad), chunk)
            .map_err(|_| StreamError::Chunk { chunk: self.next })?;
        self.next += 1;
        Ok(plain.len())
    }
}

/// `uint88 n ‖ uint8 last`.
fn nonce(chunk: u64, last: bool) -> Nonce {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&chunk.to_be_bytes());
    nonce[11] = u8::from(last);
    Nonce::assume_unique_for_key(nonce)
}

/// Length and hash of bytes that pass by.
struct Tally {
    length: u64,
    hash: Context,
}

impl Tally {
    fn new() -> Self {
        Self {
            length: 0,
            hash: Context::new(&SHA256),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.hash.update(bytes);
    }

    fn finish(self) -> (u64, [u8; 32]) {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.hash.finish().as_ref());
        (self.length, hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::seeded::Seeded;

    fn place() -> StreamPlace {
        StreamPlace {
            archive: ArchiveId::from_bytes([1; 32]),
            record: RecordId::from_bytes([2; 32]),
            index: 3,
        }
    }

    fn seal(plain: &[u8], piece: usize) -> (Vec<u8>, SealedStream) {
        let mut sealer = StreamSealer::new(&place(), &mut Seeded::new(1)).unwrap();
        let mut object = Vec::new();
        for mut rest in plain.chunks(piece) {
            while !rest.is_empty() {
                let step = sealer.push(rest).unwrap();
                object.extend_from_slice(step.ready);
                rest = &rest[step.taken..];
            }
        }
        let (last, sealed) = sealer.finish().unwrap();
        object.extend_from_slice(&last);
        (object, sealed)
    }

    fn open_at(
        place: &StreamPlace,
        sealed: &SealedStream,
        object: &[u8],
        piece: usize,
    ) -> Result<Vec<u8>, StreamError> {
        let mut opener =
            StreamOpener::new(place, &sealed.stream, Some((sealed.size, sealed.hash))).unwrap();
        let mut plain = Vec::new();
        for mut rest in object.chunks(piece) {
            while !rest.is_empty() {
                let step = opener.push(rest)?;
                plain.extend_from_slice(step.ready);
                rest = &rest[step.taken..];
            }
        }
        plain.extend_from_slice(&opener.finish()?);
        Ok(plain)
    }

    fn open(sealed: &SealedStream, object: &[u8]) -> Result<Vec<u8>, StreamError> {
        open_at(&place(), sealed, object, 10_000)
    }

    fn bytes(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 31 + at / 251) as u8).collect()
    }

    #[test]
    fn stream_1_opens_what_was_sealed() {
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 200_000] {
            let plain = bytes(size);
            let (object, sealed) = seal(&plain, 70_000);
            assert_eq!(object.len() as u64, sealed_length(size as u64), "{size}");
            assert_eq!(sealed.stream.length.get(), object.len() as u64);
            assert_eq!(sealed.stream.object.as_bytes(), &canonical::sha256(&object));
            assert_eq!(sealed.hash.as_bytes(), &canonical::sha256(&plain));
            for piece in [1_000, CHUNK + TAG, 1 << 20] {
                assert_eq!(
                    open_at(&place(), &sealed, &object, piece),
                    Ok(plain.clone())
                );
            }
        }
    }

    #[test]
    fn stream_1_pieces_make_no_difference() {
        let plain = bytes(150_000);
        assert_eq!(seal(&plain, 1).0, seal(&plain, 1 << 20).0);
    }

    /// STREAM-2: nothing altered is released, nothing cut off is reported whole.
    #[test]
    fn stream_2_refuses_what_was_altered() {
        let (object, sealed) = seal(&bytes(2 * CHUNK + 5), 1 << 20);
        let chunk = CHUNK + TAG;
        let refused = |object: &[u8]| open(&sealed, object).unwrap_err();

        for at in [2, 2 + CHUNK, 2 + chunk, object.len() - 1] {
            let mut bad = object.clone();
            bad[at] ^= 1;
            assert!(matches!(refused(&bad), StreamError::Chunk { .. }), "{at}");
        }
        let mut bad = object.clone();
        bad[1] = 2;
        assert_eq!(refused(&bad), StreamError::Head);

        // Exchanged chunks, a missing last chunk, a cut inside a chunk, bytes that follow.
        let swapped = [
            &object[..2],
            &object[2 + chunk..2 + 2 * chunk],
            &object[2..2 + chunk],
            &object[2 + 2 * chunk..],
        ]
        .concat();
        assert_eq!(refused(&swapped), StreamError::Chunk { chunk: 0 });
        assert_eq!(
            refused(&object[..2 + 2 * chunk]),
            StreamError::Chunk { chunk: 1 }
        );
        assert_eq!(
            refused(&object[..object.len() - 1]),
            StreamError::Chunk { chunk: 2 }
        );
        assert_eq!(
            refused(&[&object[..], &[0]].concat()),
            StreamError::Chunk { chunk: 2 }
        );
        assert_eq!(refused(&object[..1]), StreamError::Head);
        assert_eq!(refused(&object[..2]), StreamError::Chunk { chunk: 0 });
    }

    #[test]
    fn stream_1_opens_only_in_its_place() {
        let (object, sealed) = seal(b"abc", 10);
        for other in [
            StreamPlace {
                archive: ArchiveId::from_bytes([9; 32]),
                ..place()
            },
            StreamPlace {
                record: RecordId::from_bytes([9; 32]),
                ..place()
            },
            StreamPlace {
                index: 9,
                ..place()
            },
        ] {
            assert_eq!(
                open_at(&other, &sealed, &object, 100),
                Err(StreamError::Chunk { chunk: 0 })
            );
        }
    }

    #[test]
    fn stream_2_checks_what_the_record_says() {
        let (object, sealed) = seal(b"abc", 10);
        let mut other = sealed.clone();
        other.stream.object = ObjectHash::from_bytes([0; 32]);
        assert_eq!(open(&other, &object), Err(StreamError::Object));
        let mut other = sealed.clone();
        other.stream.length = ObjectLength::new(4);
        assert_eq!(open(&other, &object), Err(StreamError::Object));
        let mut other = sealed.clone();
        other.size = 4;
        assert_eq!(open(&other, &object), Err(StreamError::Plain));
        let mut other = sealed;
        other.hash = FileHash::from_bytes([0; 32]);
        assert_eq!(open(&other, &object), Err(StreamError::Plain));
    }

    /// STREAM-3: ten chunks through buffers of one.
    #[test]
    fn stream_3_memory_does_not_grow() {
        let mut sealer = StreamSealer::new(&place(), &mut Seeded::new(1)).unwrap();
        let plain = vec![1; 10 * CHUNK];
        let mut rest = &plain[..];
        while !rest.is_empty() {
            let step = sealer.push(rest).unwrap();
            assert!(step.ready.len() <= HEAD + CHUNK + TAG);
            rest = &rest[step.taken..];
        }
        assert_eq!(sealer.held(), CHUNK + HEAD + CHUNK + TAG);
    }

    #[test]
    fn chunks_open_alone() {
        let plain = bytes(2 * CHUNK + 5);
        let (object, sealed) = seal(&plain, 1 << 20);
        let mut opener = ChunkOpener::new(&place(), &sealed.stream).unwrap();
        for chunk in [2, 0, 1] {
            let range = opener.range(chunk).unwrap();
            let part = &object[range.start as usize..range.end as usize];
            let start = chunk as usize * CHUNK;
            let end = plain.len().min(start + CHUNK);
            assert_eq!(*opener.open(chunk, part).unwrap(), plain[start..end]);
            assert!(opener.open(chunk + 1, part).is_err());
        }
        assert_eq!(opener.range(3), None);
    }

    #[test]
    fn debug_of_streams_tells_no_secret() {
        let (_, sealed) = seal(b"abc", 10);
        let text = format!("{:?}", sealed.stream);
        assert!(text.ends_with("key: StreamKey(secret) }"), "{text}");
        let sealer = StreamSealer::new(&place(), &mut Seeded::new(1)).unwrap();
        assert_eq!(format!("{sealer:?}"), "StreamSealer(chunk 0)");
        let opener = StreamOpener::new(&place(), &sealed.stream, None).unwrap();
        assert_eq!(format!("{opener:?}"), "StreamOpener(chunk 0)");
    }
}
