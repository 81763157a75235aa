//! Sealing a stream.

use record::FileHash;
use wire::{ObjectHash, ObjectLength};
use zeroize::{Zeroize, Zeroizing};

use super::{
    CHUNK, ChunkCipher, HEAD, STREAM, SealedStream, Step, Stream, StreamError, StreamKey,
    StreamPlace, Tally,
};
use crate::randomness::{Randomness, fresh};
use crate::suite::{SUITE, TAG};

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

    /// Bytes held in buffers.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.filling.capacity() + self.sealed.capacity()
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
