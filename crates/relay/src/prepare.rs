//! What can be checked of a bundle before its turn, side by side with others: structure, limits,
//! signatures, uploaded objects, and the checkpoint that its signer has seen.
//!
//! Nothing here depends on the order of the log. A finding about an entry is kept with it and
//! counts only when its turn comes, because an entry that was admitted before stays admitted.

use wire::{Entry, Object, Refusal, RefusalCode, SignedEntry, SignerId, api};

use crate::archive::Archive;
use crate::store::StoreError;
use crate::tiles::TilesError;

/// A bundle whose entries were looked at.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The signer of all entries.
    pub(crate) signer: Option<SignerId>,
    /// The entries before the first one that can be refused without its turn.
    pub(crate) entries: Vec<PreparedEntry>,
    /// That refusal; it concerns the entry behind [`entries`](Self::entries).
    pub(crate) refused: Option<Refusal>,
}

/// An entry and what was found out about it.
#[derive(Debug)]
pub(crate) struct PreparedEntry {
    pub(crate) entry: Signatures,
    /// The first object that is not there as the entry says.
    pub(crate) missing: Option<Object>,
    /// Whether the log had the root that the signer has seen; also true when it has seen none.
    pub(crate) agrees: bool,
}

/// Whether the signatures are known to verify.
#[derive(Debug)]
pub(crate) enum Signatures {
    Verified(Box<SignedEntry>),
    /// Nobody is known yet: the log has not begun.
    Open(Box<Entry>),
}

/// A bundle of at most so many entries is verified by the thread that serves the request: a tenth of
/// a millisecond each, and another thread takes nearly as long to begin.
const VERIFIED_HERE: usize = 4;

/// Why a bundle could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrepareError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Tiles(#[from] TilesError),
    #[error("the work was stopped")]
    Stopped,
}

impl Signatures {
    pub(crate) fn entry(&self) -> &Entry {
        match self {
            Self::Verified(signed) => signed.entry(),
            Self::Open(entry) => entry,
        }
    }
}

impl Prepared {
    /// Reads the frame and each entry; bounded by the bundle's own limits.
    pub(crate) fn parse(bundle: &[u8], archive: wire::ArchiveId) -> Self {
        let mut prepared = Self {
            signer: None,
            entries: Vec::new(),
            refused: None,
        };
        let frames = match api::read_bundle(bundle) {
            Ok(frames) => frames,
            Err(error) => {
                prepared.refused = Some(error.refusal());
                return prepared;
            }
        };
        for frame in frames {
            match prepared.parse_entry(frame, archive) {
                Ok(entry) => {
                    prepared.signer = Some(entry.signer());
                    let entry = Signatures::Open(Box::new(entry));
                    prepared.entries.push(PreparedEntry {
                        entry,
                        missing: None,
                        agrees: true,
                    });
                }
                Err(refusal) => {
                    prepared.refused = Some(refusal);
                    break;
                }
            }
        }
        prepared
    }

    fn parse_entry(&self, frame: &[u8], archive: wire::ArchiveId) -> Result<Entry, Refusal> {
        let entry = Entry::parse(frame).map_err(|error| error.refusal())?;
        if entry.archive() != archive {
            return Err(Refusal::new(
                RefusalCode::ForeignArchive,
                "the entry names another archive",
            ));
        }
        if let Some(before) = self.entries.last() {
            api::check_order(before.entry.entry(), &entry)?;
        }
        Ok(entry)
    }

    /// Verifies the signatures; those of a large bundle away from the threads that serve requests. Before the log has begun
    /// nobody is known, and the genesis is verified at its turn; after that a stranger is refused
    /// here, so that nobody else makes the stores work.
    pub(crate) async fn verify(self, archive: &Archive) -> Result<Self, PrepareError> {
        let directory = archive.directory();
        if directory.is_empty() {
            return Ok(self);
        }
        let few = self.entries.len() <= VERIFIED_HERE;
        let verify = move || {
            let Self {
                signer,
                entries,
                mut refused,
            } = self;
            let mut kept = Vec::with_capacity(entries.len());
            for prepared in entries {
                let entry = match prepared.entry {
                    Signatures::Open(entry) => {
                        let known = directory
                            .keys_of(entry.signatures().iter().map(|signature| signature.signer));
                        entry.verify_signatures(|id| known.get(id).copied())
                    }
                    Signatures::Verified(signed) => Ok(*signed),
                };
                match entry {
                    Ok(signed) => {
                        let entry = Signatures::Verified(Box::new(signed));
                        kept.push(PreparedEntry { entry, ..prepared });
                    }
                    Err(refusal) => {
                        refused = Some(refusal);
                        break;
                    }
                }
            }
            Self {
                signer,
                entries: kept,
                refused,
            }
        };
        if few {
            return Ok(verify());
        }
        tokio::task::spawn_blocking(verify)
            .await
            .map_err(|_| PrepareError::Stopped)
    }

    /// Looks for objects and compares what the signers have seen.
    pub(crate) async fn look(mut self, archive: &Archive) -> Result<Self, PrepareError> {
        for prepared in &mut self.entries {
            let entry = prepared.entry.entry();
            if matches!(prepared.entry, Signatures::Open(_)) {
                // Nothing that may begin a log has objects, or has seen it.
                prepared.missing = entry.objects().first().copied();
                prepared.agrees = entry.seen().is_none();
                continue;
            }
            let mut missing = None;
            for object in entry.objects() {
                if archive.objects().length(object.hash).await? != Some(object.length.get()) {
                    missing = Some(*object);
                    break;
                }
            }
            let agrees = match entry.seen() {
                Some(seen) => archive.root_at(seen.size).await? == Some(seen.root),
                None => true,
            };
            prepared.missing = missing;
            prepared.agrees = agrees;
        }
        Ok(self)
    }
}
