//! The original bytes of an event, and the files that belong to it.

use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::redact::redacted;

canonical::define_id!(FileHash, 32, "SHA-256 of a file's plain bytes.");

/// Which attachment of its record is meant, from 0 (RECORD-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct AttachmentIndex(#[n(0)] u32);

impl AttachmentIndex {
    /// The attachment that stands at this place, from 0.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// Its place, from 0.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// What is known of one file; its bytes are sealed as a stream of their own.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Attachment {
    /// File name as given, at most 1,024 bytes; never a path (RECORD-7).
    #[n(0)]
    pub name: Option<String>,
    /// Media type as declared.
    #[n(1)]
    pub declared_type: Option<String>,
    /// Media type as found in the bytes.
    #[n(2)]
    pub sniffed_type: Option<String>,
    /// Size of the plain bytes.
    #[n(3)]
    pub size: u64,
    /// SHA-256 of the plain bytes.
    #[n(4)]
    pub sha256: FileHash,
    /// The network's reference: an id or address.
    #[n(5)]
    pub reference: Option<String>,
    /// Width in pixels.
    #[n(6)]
    pub width: Option<u32>,
    /// Height in pixels.
    #[n(7)]
    pub height: Option<u32>,
    /// Duration in milliseconds.
    #[n(8)]
    pub duration_ms: Option<u64>,
}

impl Attachment {
    /// Of `size` plain bytes with that hash, nothing else known.
    #[must_use]
    pub fn new(size: u64, sha256: FileHash) -> Self {
        Self {
            name: None,
            declared_type: None,
            sniffed_type: None,
            size,
            sha256,
            reference: None,
            width: None,
            height: None,
            duration_ms: None,
        }
    }
}

/// The network's original bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Original {
    /// Their media type.
    pub media_type: String,
    /// The bytes, or where they are.
    pub content: OriginalContent,
}

/// The original's bytes, or where they are (RECORD-6).
#[derive(Clone, PartialEq, Eq)]
pub enum OriginalContent {
    /// The bytes themselves, at most 256 KiB.
    Inline(Vec<u8>),
    /// The attachment that holds them.
    Attached(AttachmentIndex),
}

impl Original {
    /// Bytes of at most 256 KiB.
    #[must_use]
    pub fn inline(media_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            media_type: media_type.into(),
            content: OriginalContent::Inline(bytes.into()),
        }
    }

    /// Bytes that an attachment holds.
    #[must_use]
    pub fn attached(media_type: impl Into<String>, index: AttachmentIndex) -> Self {
        Self {
            media_type: media_type.into(),
            content: OriginalContent::Attached(index),
        }
    }
}

// Two keys of which exactly one is there: a choice within a map, which the derive can not say.
impl<C> Encode<C> for Original {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.map(2)?.u8(0)?.str(&self.media_type)?;
        match &self.content {
            OriginalContent::Inline(bytes) => e.u8(1)?.bytes(bytes)?.ok(),
            OriginalContent::Attached(index) => {
                e.u8(2)?;
                index.encode(e, ctx)
            }
        }
    }
}

impl<'b, C> Decode<'b, C> for Original {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let at = d.position();
        let wrong = |at| decode::Error::message("original has other keys").at(at);
        if d.map()? != Some(2) || d.u8()? != 0 {
            return Err(wrong(at));
        }
        let media_type = d.str()?.to_owned();
        let content = match d.u8()? {
            1 => OriginalContent::Inline(d.bytes()?.to_vec()),
            2 => OriginalContent::Attached(AttachmentIndex::decode(d, ctx)?),
            _ => return Err(wrong(at)),
        };
        Ok(Self {
            media_type,
            content,
        })
    }
}

redacted!(Attachment, Original);

impl std::fmt::Debug for OriginalContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inline(bytes) => write!(f, "Inline(‹{} bytes›)", bytes.len()),
            Self::Attached(index) => write!(f, "Attached({})", index.get()),
        }
    }
}
