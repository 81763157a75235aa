//! Mail: plans and notices, sealed to one agent's mailbox key.

use canonical::CanonicalError;
use minicbor::{Decode, Encode};
use wire::verify::{JudgedEntry, VerifiedEntry};
use wire::{Body, Entry, EntryDraft, UnsignedEntry};
use zeroize::Zeroizing;

use crate::batch::{SealError, SealedObject, seal_plain};
use crate::content::MAX_CONTENT;
use crate::key::{ForMail, OpeningKey, RecipientKey};
use crate::open::{OpenError, open_object};
use crate::randomness::Randomness;

/// Longest subject in bytes.
const MAX_SUBJECT: usize = 255;

/// What one agent is told: a subject that says what the content is, and the content.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Mail {
    #[n(0)]
    version: u64,
    #[n(1)]
    subject: String,
    #[cbor(n(2), with = "minicbor::bytes")]
    content: Vec<u8>,
}

/// A subject or content that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mail has a subject of at most {MAX_SUBJECT} bytes and a content below 4 MiB")]
pub struct MailTooLong;

/// Why mail does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// Key, entry and object do not belong together.
    #[error("opening the object")]
    Open(#[source] OpenError),
    /// The entry is addressed to another mailbox key.
    #[error("addressed to another mailbox key")]
    Addressee,
    /// The content is no mail.
    #[error("reading the mail")]
    Encoding(#[source] CanonicalError),
    /// A version that this program does not know, or too long.
    #[error("mail of version {version}, or too long")]
    Version {
        /// The version found.
        version: u64,
    },
}

impl Mail {
    /// A mail.
    ///
    /// # Errors
    ///
    /// When subject or content are too long.
    pub fn new(
        subject: impl Into<String>,
        content: impl Into<Vec<u8>>,
    ) -> Result<Self, MailTooLong> {
        let mail = Self {
            version: 1,
            subject: subject.into(),
            content: content.into(),
        };
        if !mail.fits() {
            return Err(MailTooLong);
        }
        Ok(mail)
    }

    /// What the content is: `plan`, `notice`, …
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The content.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    fn fits(&self) -> bool {
        self.subject.len() <= MAX_SUBJECT && canonical::encoded_len(self) <= MAX_CONTENT
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail(‹{} bytes›)", self.content.len())
    }
}

/// Seals mail to a mailbox key. The draft's body is a `mail` that names this key's hash.
///
/// # Errors
///
/// When the draft says something else, or an implementation fails.
pub fn seal_mail(
    mail: &Mail,
    recipient: &RecipientKey<ForMail>,
    draft: EntryDraft,
    randomness: &mut dyn Randomness,
) -> Result<(SealedObject, UnsignedEntry), SealError> {
    match draft.body() {
        Body::Mail(head) if head.mailbox == recipient.key().mailbox_hash() => {}
        _ => return Err(SealError::Draft),
    }
    let content = Zeroizing::new(canonical::to_bytes(mail));
    let object = seal_plain(recipient, &draft, content.len(), randomness, |object| {
        object.extend_from_slice(&content);
    })?;
    let entry = draft
        .with_objects(vec![object.object()])
        .map_err(SealError::Entry)?;
    Ok((object, entry))
}

/// Opens the mail of a verified entry.
///
/// # Errors
///
/// When key, entry and bytes do not belong together, or the content is no mail.
pub fn open_mail(
    key: &OpeningKey<ForMail>,
    entry: &VerifiedEntry,
    object: &[u8],
) -> Result<Mail, MailError> {
    open_entry(key, entry.entry(), object)
}

/// Opens the mail of an entry that stands in the log and was judged by the control chain: how an
/// agent, which does not follow the whole log, reads what is addressed to it.
///
/// # Errors
///
/// As [`open_mail`].
pub fn open_judged_mail(
    key: &OpeningKey<ForMail>,
    entry: &JudgedEntry,
    object: &[u8],
) -> Result<Mail, MailError> {
    open_entry(key, entry.entry(), object)
}

fn open_entry(key: &OpeningKey<ForMail>, entry: &Entry, object: &[u8]) -> Result<Mail, MailError> {
    let Body::Mail(head) = entry.body() else {
        return Err(MailError::Open(OpenError::Kind));
    };
    if head.mailbox != key.recipient().key().mailbox_hash() {
        return Err(MailError::Addressee);
    }
    let (_, opened) =
        open_object(key, key.epoch(), entry, object, false).map_err(MailError::Open)?;
    let mail: Mail = canonical::from_bytes(opened.content()).map_err(MailError::Encoding)?;
    if mail.version != 1 || !mail.fits() {
        return Err(MailError::Version {
            version: mail.version,
        });
    }
    Ok(mail)
}
