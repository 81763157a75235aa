//! Opening a stream, whole or in single chunks.

use record::FileHash;
use zeroize::{Zeroize, Zeroizing};

use super::{CHUNK, ChunkCipher, HEAD, STREAM, Step, Stream, StreamError, StreamPlace, Tally};
use crate::suite::{SUITE, TAG};

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
        (start < self.length).then(|| start..self.length.min(start.saturating_add(sealed)))
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
