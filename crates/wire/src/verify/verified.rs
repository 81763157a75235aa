//! What a settled run gives out.

use std::sync::Arc;

use tlog::{Hash, LogIndex, Verdict};

use crate::control::Role;
use crate::entry::Entry;
use crate::id::AdmittedAt;
use crate::key::PublicKey;
use crate::leaf::Leaf;

/// An entry that stands in the log, was allowed to, and is whole. Only a settled run makes one:
/// it can not be made of an entry by hand.
///
/// ```compile_fail,E0451
/// fn believe(entry: wire::Entry, other: wire::verify::VerifiedEntry) -> wire::verify::VerifiedEntry {
///     wire::verify::VerifiedEntry { entry, ..other }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    pub(super) index: LogIndex,
    pub(super) admitted_at: AdmittedAt,
    pub(super) leaf: Hash,
    pub(super) entry: Entry,
    pub(super) key: PublicKey,
    pub(super) role: Option<Role>,
    pub(super) compromised: bool,
    pub(super) verdict: Arc<Verdict>,
}

impl VerifiedEntry {
    /// Where it stands.
    #[must_use]
    pub fn index(&self) -> LogIndex {
        self.index
    }

    /// When it was admitted.
    #[must_use]
    pub fn admitted_at(&self) -> AdmittedAt {
        self.admitted_at
    }

    /// The hash of its leaf.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        self.leaf
    }

    /// The entry.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The leaf's bytes, as the log hashes them.
    #[must_use]
    pub fn leaf_bytes(&self) -> Vec<u8> {
        Leaf::new(self.admitted_at, self.entry.clone()).to_bytes()
    }

    /// The signer's public key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// The signer's role at that index; `None` for the root and for keys that are only delegated to.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// The signer was known to be compromised (from a later number) when the entry was admitted.
    #[must_use]
    pub fn compromised(&self) -> bool {
        self.compromised
    }

    /// Who cosigned the checkpoint under which it was settled.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Whether enough independent witnesses did.
    #[must_use]
    pub fn witnessed(&self) -> bool {
        self.verdict.is_witnessed()
    }
}
