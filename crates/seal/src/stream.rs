//! Attachments: chunked streams under their own keys, in constant memory (STREAM-1 to STREAM-3).
//!
//! Neither side does I/O: the caller pushes what it has read and writes what comes back. Each
//! holds two chunks at most, whatever the size of the attachment (STREAM-3).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{Context, SHA256};
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use record::{FileHash, RecordId};
use wire::{ArchiveId, ObjectHash, ObjectLength};
use zeroize::{Zeroize, Zeroizing};

use crate::key::define_secret;
use crate::label;
use crate::randomness::{Randomness, fresh};
use crate::suite::{SUITE, TAG};

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

/// Seals one attachment.
///
/// ```
/// # struct Fixed;
/// # impl seal::Randomness for Fixed {
/// #     fn fill(&mut self, bytes: &mut [u8]) { bytes.fill(7) }
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let place = seal::StreamPlace {
/// #     archive: wire::ArchiveId::from_bytes([1; 32]),
/// #     record: record::RecordId::from_bytes([2; 32]),
/// #     index: 0,
/// # };
/// # let (mut randomness, mut file) = (Fixed, Vec::new());
/// let mut sealer = seal::StreamSealer::new(&place, &mut randomness)?;
/// let mut plain = &b"the bytes of an attachment"[..];
/// while !plain.is_empty() {
///     let step = sealer.push(plain)?;
///     file.extend_from_slice(step.ready);
///     plain = &plain[step.taken..];
/// }
/// let (last, sealed) = sealer.finish()?;
/// file.extend_from_slice(&last);
/// assert_eq!(sealed.stream.length.get(), file.len() as u64);
/// # Ok(())
/// # }
/// ```
pub struct StreamSealer {
    cipher: ChunkCipher,
    key: StreamKey,
    /// Plain bytes of the chunk that fills.
    filling: Zeroizing<Vec<u8>>,
    /// The chunk that was sealed last.
    sealed: Vec<u8>,
    plain: Tally,
    object: Tally,
}

impl StreamSealer {
    /// Begins, under a new key.
    ///
    /// # Errors
    ///
    /// Only if the AES-GCM implementation refuses a key of 32 bytes.
    pub fn new(place: &StreamPlace, randomness: &mut dyn Randomness) -> Result<Self, StreamError> {
        let key = StreamKey::from_bytes(&fresh(randomness));
        Ok(Self {
            cipher: ChunkCipher::new(place, &key)?,
            key,
            filling: Zeroizing::new(Vec::with_capacity(CHUNK)),
            sealed: Vec::with_capacity(HEAD + CHUNK + TAG),
            plain: Tally::new(),
            object: Tally::new(),
        })
    }

    /// Takes some of the plain bytes; gives a sealed chunk when one is complete.
    ///
    /// # Errors
    ///
    /// Only if the AES-GCM implementation fails.
    pub fn push(&mut self, plain: &[u8]) -> Result<Step<'_>, StreamError> {
        self.sealed.clear();
        // A full chunk waits until it is known not to be the last.
        if self.filling.len() == CHUNK && !plain.is_empty() {
            self.seal(false)?;
        }
        let taken = plain.len().min(CHUNK - self.filling.len());
        let (now, _) = plain.split_at_checked(taken).unwrap_or_default();
        self.filling.extend_from_slice(now);
        self.plain.update(now);
        Ok(Step {
            taken,
            ready: &self.sealed,
        })
    }

    /// Seals the last chunk. Gives its bytes, and what the record is to say.
    ///
    /// # Errors
    ///
    /// Only if the AES-GCM implementation fails.
    pub fn finish(mut self) -> Result<(Vec<u8>, SealedStream), StreamError> {
        self.sealed.clear();
        self.seal(true)?;
        let (length, object) = self.object.finish();
        let (size, hash) = self.plain.finish();
        let sealed = SealedStream {
            stream: Stream {
                object: ObjectHash::from_bytes(object),
                length: ObjectLength::new(length),
                key: self.key,
            },
            size,
            hash: FileHash::from_bytes(hash),
        };
        Ok((self.sealed, sealed))
    }

    fn seal(&mut self, last: bool) -> Result<(), StreamError> {
        if self.cipher.next == 0 {
            self.sealed.extend_from_slice(&[STREAM, SUITE]);
        }
        let start = self.sealed.len();
        self.sealed.extend_from_slice(&self.filling);
        self.filling.zeroize();
        let chunk = self.sealed.get_mut(start..).unwrap_or_default();
        let tag = self.cipher.seal(chunk, last)?;
        self.sealed.extend_from_slice(&tag);
        self.object.update(&self.sealed);
        Ok(())
    }
}

impl std::fmt::Debug for StreamSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamSealer(chunk {})", self.cipher.next)
    }
}

/// Opens one attachment. Gives a chunk only after its tag was checked (STREAM-2).
pub struct StreamOpener {
    cipher: ChunkCipher,
    stream: Stream,
    expected: Option<(u64, FileHash)>,
    head: Vec<u8>,
    /// Sealed bytes of the chunk that fills.
    filling: Vec<u8>,
    /// The chunk that was opened last.
    opened: Zeroizing<Vec<u8>>,
    plain: Tally,
    object: Tally,
}

impl StreamOpener {
    /// Begins. `expected` are size and SHA-256 of the attachment as its record describes them.
    ///
    /// # Errors
    ///
    /// Only if the AES-GCM implementation refuses a key of 32 bytes.
    pub fn new(
        place: &StreamPlace,
        stream: &Stream,
        expected: Option<(u64, FileHash)>,
    ) -> Result<Self, StreamError> {
        Ok(Self {
            cipher: ChunkCipher::new(place, &stream.key)?,
            stream: stream.clone(),
            expected,
            head: Vec::with_capacity(HEAD),
            filling: Vec::with_capacity(CHUNK + TAG),
            opened: Zeroizing::new(Vec::with_capacity(CHUNK + TAG)),
            plain: Tally::new(),
            object: Tally::new(),
        })
    }

    /// Takes some of the sealed bytes; gives an opened chunk when one is complete.
    ///
    /// # Errors
    ///
    /// At the first chunk that does not verify. What was given before it is genuine, but not the
    /// whole attachment.
    pub fn push(&mut self, sealed: &[u8]) -> Result<Step<'_>, StreamError> {
        if !self.opened.is_empty() {
            self.opened.zeroize();
        }
        if self.head.len() < HEAD {
            let taken = sealed.len().min(HEAD - self.head.len());
            let (now, _) = sealed.split_at_checked(taken).unwrap_or_default();
            self.head.extend_from_slice(now);
            self.object.update(now);
            if self.head.len() == HEAD && self.head != [STREAM, SUITE] {
                return Err(StreamError::Head);
            }
            return Ok(Step { taken, ready: &[] });
        }
        // A full chunk waits until it is known not to be the last.
        if self.filling.len() == CHUNK + TAG && !sealed.is_empty() {
            self.open(false)?;
        }
        let taken = sealed.len().min(CHUNK + TAG - self.filling.len());
        let (now, _) = sealed.split_at_checked(taken).unwrap_or_default();
        self.filling.extend_from_slice(now);
        self.object.update(now);
        Ok(Step {
            taken,
            ready: &self.opened,
        })
    }

    /// Opens the last chunk and gives its plain bytes; only now the attachment is known to be
    /// whole.
    ///
    /// # Errors
    ///
    /// When the stream was cut off or altered, or is not the one that the record describes.
    pub fn finish(mut self) -> Result<Zeroizing<Vec<u8>>, StreamError> {
        self.opened.zeroize();
        if self.head.len() < HEAD {
            return Err(StreamError::Head);
        }
        self.open(true)?;
        if self.opened.is_empty() && self.cipher.next > 1 {
            return Err(StreamError::EmptyChunk);
        }
        let (length, object) = self.object.finish();
        if length != self.stream.length.get() || object != *self.stream.object.as_bytes() {
            return Err(StreamError::Object);
        }
        if self
            .expected
            .is_some_and(|(size, hash)| (size, *hash.as_bytes()) != self.plain.finish())
        {
            return Err(StreamError::Plain);
        }
        Ok(self.opened)
    }

    fn open(&mut self, last: bool) -> Result<(), StreamError> {
        self.opened.extend_from_slice(&self.filling);
        self.filling.clear();
        let length = self.cipher.open(&mut self.opened, last)?;
        self.opened.truncate(length);
        self.plain.update(&self.opened);
        Ok(())
    }
}

impl std::fmt::Debug for StreamOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamOpener(chunk {})", self.cipher.next)
    }
}

/// Opens single chunks of a stream in any order, for what is looked at in parts.
///
/// It shows that a chunk is genuine and in its place, not that the stream is whole.
pub struct ChunkOpener {
    cipher: ChunkCipher,
    length: u64,
}

impl ChunkOpener {
    /// Begins.
    ///
    /// # Errors
    ///
    /// Only if the AES-GCM implementation refuses a key of 32 bytes.
    pub fn new(place: &StreamPlace, stream: &Stream) -> Result<Self, StreamError> {
        Ok(Self {
            cipher: ChunkCipher::new(place, &stream.key)?,
            length: stream.length.get(),
        })
    }

    /// Where a chunk's sealed bytes stand in the object: from, to. `None` beyond the end.
    #[must_use]
    pub fn range(&self, chunk: u64) -> Option<std::ops::Range<u64>> {
        let sealed = (CHUNK + TAG) as u64;
        let start = chunk.checked_mul(sealed)?.checked_add(HEAD as u64)?;
        (start < self.length).then(|| start..self.length.min(start + sealed))
    }

    /// Opens a chunk from the bytes of its [`range`](Self::range).
    ///
    /// # Errors
    ///
    /// When the bytes are not that chunk of that stream.
    pub fn open(&mut self, chunk: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StreamError> {
        let last = self
            .range(chunk)
            .is_none_or(|range| range.end == self.length);
        self.cipher.next = chunk;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let length = self.cipher.open(&mut plain, last)?;
        plain.truncate(length);
        Ok(plain)
    }
}

impl std::fmt::Debug for ChunkOpener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChunkOpener")
    }
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
        assert_eq!(sealer.filling.capacity(), CHUNK);
        assert_eq!(sealer.sealed.capacity(), HEAD + CHUNK + TAG);
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
