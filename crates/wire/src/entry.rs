//! An entry, from its draft to the signed bytes (entry.md).
//!
//! ```text
//! EntryDraft ──aad──▶ (seal objects) ──with_objects──▶ UnsignedEntry ──sign──▶ Entry ──verify_signatures──▶ SignedEntry
//! ```

use canonical::{CanonicalError, Milliseconds};
use minicbor::{Decode, Encode};
use tlog::{Hash, TreeSize};

use crate::body::{Body, BodyError, Kind};
use crate::id::{ArchiveId, EntryId, ObjectHash, ObjectLength, SequenceNumber, SignerId, labelled};
use crate::key::{PublicKey, SignatureBytes, SignerKey};
use crate::log_codec::{log_hash, tree_size};
use crate::refusal::{Refusal, RefusalCode};
use crate::{label, limit};

/// All of an entry but its objects and signatures: what objects are sealed with as `aad`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryDraft(Fields);

/// A whole entry that waits for signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsignedEntry {
    fields: Fields,
    unsigned: Vec<u8>,
}

/// A whole entry within all limits. Its signatures are there; whether they verify is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    fields: Fields,
    unsigned: Vec<u8>,
    bytes: Vec<u8>,
    id: EntryId,
}

/// An entry whose signatures verify under the keys that their signer ids name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEntry(Entry);

/// A sealed object, by hash and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Object {
    /// SHA-256 of the sealed bytes.
    #[n(0)]
    pub hash: ObjectHash,
    /// Their length in bytes, 1 to 8 GiB.
    #[n(1)]
    pub length: ObjectLength,
}

/// The last checkpoint that a signer has verified (LEAF-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(map)]
pub struct Seen {
    /// Size of its tree.
    #[cbor(n(0), with = "tree_size")]
    pub size: TreeSize,
    /// Root hash of its tree.
    #[cbor(n(1), with = "log_hash")]
    pub root: Hash,
}

/// One signature of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Signature {
    /// Who signed.
    #[n(0)]
    pub signer: SignerId,
    /// Ed25519 over [`UnsignedEntry::to_be_signed`].
    #[n(1)]
    pub bytes: SignatureBytes,
}

/// Where an entry stands in its signer's chain (CHAIN-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainPosition {
    /// Its number.
    pub number: SequenceNumber,
    /// Entry id of the signer's previous entry; zeros at number 0.
    pub previous: EntryId,
}

/// Why values or bytes are no entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// ENTRY-6.
    #[error("the entry has {0} bytes, more than 16,384")]
    TooLarge(usize),
    /// Not canonical, or not this structure.
    #[error("the entry is not canonical")]
    Encoding(#[source] CanonicalError),
    /// Version or suite is not known.
    #[error("version {version}, suite {suite} is not known")]
    Version {
        /// Version found.
        version: u8,
        /// Suite found.
        suite: u8,
    },
    /// An impossible body.
    #[error("the entry's body is impossible")]
    Body(#[source] BodyError),
    /// ENTRY-5: an object twice, empty, or above 8 GiB.
    #[error("object {0} stands twice, is empty or too large")]
    Object(usize),
    /// CHAIN-1: number 0 and a zero `previous` go together.
    #[error("the entry's number and its previous entry do not go together")]
    Chain,
    /// LEAF-2: a `stored` without a checkpoint of at least the size that it claims.
    #[error("the entry names no checkpoint that holds what it claims")]
    Seen,
    /// No signature, too many, out of order, or one signer twice.
    #[error("the signatures are missing, too many or out of order")]
    Signatures,
    /// ENTRY-4: the entry's own signer has not signed.
    #[error("the entry's own signer has not signed")]
    SignerMissing,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Fields {
    #[n(0)]
    version: u8,
    #[n(1)]
    suite: u8,
    #[n(2)]
    archive: ArchiveId,
    #[n(3)]
    signer: SignerId,
    #[n(4)]
    number: SequenceNumber,
    #[n(5)]
    previous: EntryId,
    #[n(6)]
    body: Body,
    #[n(7)]
    objects: Vec<Object>,
    #[n(8)]
    seen: Option<Seen>,
    #[n(9)]
    time: Milliseconds,
    #[cbor(n(10), skip_if = "Vec::is_empty")]
    signatures: Vec<Signature>,
}

impl ChainPosition {
    /// The first entry of a chain.
    pub const FIRST: Self = Self {
        number: SequenceNumber::new(0),
        previous: EntryId::from_bytes([0; 32]),
    };
}

impl EntryDraft {
    /// A draft with the signer's time (which nobody trusts; LEAF-2).
    #[must_use]
    pub fn new(
        archive: ArchiveId,
        signer: SignerId,
        at: ChainPosition,
        body: Body,
        time: Milliseconds,
    ) -> Self {
        Self(Fields {
            version: 1,
            suite: 1,
            archive,
            signer,
            number: at.number,
            previous: at.previous,
            body,
            objects: Vec::new(),
            seen: None,
            time,
            signatures: Vec::new(),
        })
    }

    /// Names the last checkpoint that the signer has verified. Set before [`aad`](Self::aad).
    #[must_use]
    pub fn with_seen(mut self, seen: Option<Seen>) -> Self {
        self.0.seen = seen;
        self
    }

    /// Whose archive it is for.
    #[must_use]
    pub fn archive(&self) -> ArchiveId {
        self.0.archive
    }

    /// What the entry will say.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.0.body
    }

    /// ENTRY-7: what the entry's objects are sealed with as additional data.
    #[must_use]
    pub fn aad(&self) -> Vec<u8> {
        canonical::to_bytes(&self.0)
    }

    /// Adds the sealed objects, in the order that the body says.
    ///
    /// # Errors
    /// When body, objects, chain position or size are impossible.
    pub fn with_objects(self, objects: Vec<Object>) -> Result<UnsignedEntry, EntryError> {
        let Self(mut fields) = self;
        fields.objects = objects;
        UnsignedEntry::of(fields)
    }
}

impl UnsignedEntry {
    /// Reads an unsigned entry, as it travels between the people who sign it.
    ///
    /// # Errors
    /// As [`Entry::parse`]; also when there are signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let fields = Fields::parse(bytes)?;
        if !fields.signatures.is_empty() {
            return Err(EntryError::Signatures);
        }
        Self::of(fields)
    }

    /// The canonical entry without signatures.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.unsigned.clone()
    }

    /// The entry's id (ENTRY-2); signatures will not change it.
    #[must_use]
    pub fn id(&self) -> EntryId {
        entry_id(&self.unsigned)
    }

    /// ENTRY-1: the bytes that signatures cover.
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        to_be_signed(&self.unsigned)
    }

    /// What the entry says.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.fields.body
    }

    /// Whose chain it stands in.
    #[must_use]
    pub fn signer(&self) -> SignerId {
        self.fields.signer
    }

    /// One signature, for [`with_signatures`](Self::with_signatures).
    #[must_use]
    pub fn signature_by(&self, key: &SignerKey) -> Signature {
        Signature {
            signer: key.id(),
            bytes: key.sign(&self.to_be_signed()),
        }
    }

    /// Signs with the given keys: the signer's own, and as many further ones as the kind needs.
    ///
    /// # Errors
    /// When the signer's own key is missing, a key is given twice, or the entry grows too large.
    pub fn sign(self, keys: &[&SignerKey]) -> Result<Entry, EntryError> {
        let signatures = keys.iter().map(|key| self.signature_by(key)).collect();
        self.with_signatures(signatures)
    }

    /// Adds signatures that were made elsewhere, in any order. They are not verified here.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn with_signatures(self, mut signatures: Vec<Signature>) -> Result<Entry, EntryError> {
        signatures.sort_by_key(|signature| signature.signer);
        let Self {
            mut fields,
            unsigned,
        } = self;
        fields.signatures = signatures;
        fields.check_signatures()?;
        let bytes = canonical::to_bytes(&fields);
        if bytes.len() > limit::ENTRY_BYTES {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        let id = entry_id(&unsigned);
        Ok(Entry {
            fields,
            unsigned,
            bytes,
            id,
        })
    }

    fn of(fields: Fields) -> Result<Self, EntryError> {
        fields.validate()?;
        let unsigned = canonical::to_bytes(&fields);
        if unsigned.len() > limit::ENTRY_BYTES {
            return Err(EntryError::TooLarge(unsigned.len()));
        }
        Ok(Self { fields, unsigned })
    }
}

impl Entry {
    /// Reads an entry: size, canonical form, every limit, own signature present. Verifies no signature.
    ///
    /// # Errors
    /// When a check fails; all of them are the refusal `malformed`, a missing own signature is `bad-signature`.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let mut fields = Fields::parse(bytes)?;
        fields.validate()?;
        fields.check_signatures()?;
        let signatures = std::mem::take(&mut fields.signatures);
        let unsigned = canonical::to_bytes(&fields);
        fields.signatures = signatures;
        let id = entry_id(&unsigned);
        Ok(Self {
            fields,
            unsigned,
            bytes: bytes.to_vec(),
            id,
        })
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// The canonical bytes, borrowed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entry's id (ENTRY-2).
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The archive.
    #[must_use]
    pub fn archive(&self) -> ArchiveId {
        self.fields.archive
    }

    /// Whose chain the entry stands in.
    #[must_use]
    pub fn signer(&self) -> SignerId {
        self.fields.signer
    }

    /// Its number in that chain.
    #[must_use]
    pub fn number(&self) -> SequenceNumber {
        self.fields.number
    }

    /// The id of the entry before in that chain; zeros at number 0.
    #[must_use]
    pub fn previous(&self) -> EntryId {
        self.fields.previous
    }

    /// What the entry says.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.fields.body
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.fields.body.kind()
    }

    /// The sealed objects that belong to it.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.fields.objects
    }

    /// The last checkpoint that the signer had verified.
    #[must_use]
    pub fn seen(&self) -> Option<&Seen> {
        self.fields.seen.as_ref()
    }

    /// The signer's own time; proves nothing.
    #[must_use]
    pub fn time(&self) -> Milliseconds {
        self.fields.time
    }

    /// The signatures, sorted by signer id.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.fields.signatures
    }

    /// ENTRY-7: what the entry's objects were sealed with as additional data.
    #[must_use]
    pub fn aad(&self) -> Vec<u8> {
        let mut fields = self.fields.clone();
        fields.objects.clear();
        fields.signatures.clear();
        canonical::to_bytes(&fields)
    }

    /// ENTRY-1: the bytes that the signatures cover.
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        to_be_signed(&self.unsigned)
    }

    /// Verifies every signature. Needs no order and no state but the keys, so that many entries can
    /// be verified at once; a signer id names its key for ever (ENTRY-3).
    ///
    /// # Errors
    /// `unknown-signer` when the entry's own signer has no key, `bad-signature` when another has
    /// none or a signature does not verify.
    pub fn verify_signatures(
        self,
        key_of: impl Fn(&SignerId) -> Option<PublicKey>,
    ) -> Result<SignedEntry, Refusal> {
        let signer = self.signer();
        // Before any arithmetic: a stranger costs a look-up, not a verification.
        if key_of(&signer).is_none() {
            return Err(Refusal::new(
                RefusalCode::UnknownSigner,
                "the signer is neither enrolled nor delegated to",
            ));
        }
        let message = self.to_be_signed();
        for signature in self.signatures() {
            let verifies = key_of(&signature.signer).is_some_and(|key| {
                key.signer_id() == signature.signer && key.verifies(&message, &signature.bytes)
            });
            if !verifies {
                return Err(Refusal::new(
                    RefusalCode::BadSignature,
                    "a signature does not verify",
                ));
            }
        }
        Ok(SignedEntry(self))
    }
}

impl SignedEntry {
    /// The entry.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.0
    }

    /// The entry, without the knowledge that its signatures verify.
    #[must_use]
    pub fn into_entry(self) -> Entry {
        self.0
    }
}

impl EntryError {
    /// The refusal that a relay answers with.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let code = match self {
            Self::SignerMissing => RefusalCode::BadSignature,
            _ => RefusalCode::Malformed,
        };
        Refusal::new(code, self.to_string())
    }
}

impl Fields {
    /// ENTRY-6 before anything else: the size bounds all further work.
    fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > limit::ENTRY_BYTES {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        canonical::from_bytes(bytes).map_err(EntryError::Encoding)
    }

    fn validate(&self) -> Result<(), EntryError> {
        if (self.version, self.suite) != (1, 1) {
            return Err(EntryError::Version {
                version: self.version,
                suite: self.suite,
            });
        }
        if (self.number.get() == 0) != (self.previous == ChainPosition::FIRST.previous) {
            return Err(EntryError::Chain);
        }
        self.body
            .validate(self.objects.len())
            .map_err(EntryError::Body)?;
        // LEAF-2: a `stored` names the checkpoint that it speaks of.
        if let Body::Stored(stored) = &self.body
            && self.seen.is_none_or(|seen| seen.size < stored.through)
        {
            return Err(EntryError::Seen);
        }
        // ENTRY-5: an object belongs to one entry, once.
        let mut hashes = std::collections::HashSet::with_capacity(self.objects.len());
        for (at, object) in self.objects.iter().enumerate() {
            let sized = (1..=limit::OBJECT_BYTES).contains(&object.length.get());
            if !sized || !hashes.insert(object.hash.as_bytes()) {
                return Err(EntryError::Object(at));
            }
        }
        Ok(())
    }

    fn check_signatures(&self) -> Result<(), EntryError> {
        let ascending = self
            .signatures
            .windows(2)
            .all(|pair| pair[0].signer < pair[1].signer);
        if !ascending || self.signatures.is_empty() || self.signatures.len() > limit::SIGNATURES {
            return Err(EntryError::Signatures);
        }
        // ENTRY-4.
        if self
            .signatures
            .iter()
            .any(|signature| signature.signer == self.signer)
        {
            Ok(())
        } else {
            Err(EntryError::SignerMissing)
        }
    }
}

fn to_be_signed(unsigned: &[u8]) -> Vec<u8> {
    let mut bytes = label::ENTRY_SIGNATURE.framed();
    bytes.extend_from_slice(unsigned);
    bytes
}

fn entry_id(unsigned: &[u8]) -> EntryId {
    EntryId::from_bytes(labelled(label::ENTRY, unsigned))
}
