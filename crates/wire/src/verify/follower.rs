//! Following a log whole: every leaf in order, judged by the authority in force at its index, and
//! believed only when the tree over all leaves is the one that the log signed.

use std::collections::BTreeSet;
use std::sync::Arc;

use canonical::CanonicalError;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use tlog::{
    CheckpointError, ConsistencyProof, Frontier, Hash, LogIndex, ProofError, SignedCheckpoint,
    TreeSize, Verdict, VerifiedCheckpoint,
};

use super::{LogPolicyError, VerifiedEntry};
use crate::authority::{Admitted, Authority, Outcome, Past, RestoreError};
use crate::entry::{Entry, Seen, SignedEntry};
use crate::genesis::Genesis;
use crate::id::{AdmittedAt, SequenceNumber, SignerId};
use crate::key::PublicKey;
use crate::leaf::{Leaf, LeafError};
use crate::log_codec::{log_hash, tree_size};
use crate::refusal::Refusal;

/// Everything that is known of a log up to a size that was settled.
#[derive(Debug, Clone)]
pub struct Follower {
    authority: Authority,
    frontier: Frontier,
    /// The largest checkpoint that was ever accepted.
    latest: Seen,
}

/// A checkpoint that is the log's and continues what it showed before.
#[derive(Debug, Clone)]
pub struct Accepted {
    checkpoint: VerifiedCheckpoint,
    verdict: Arc<Verdict>,
}

/// A leaf that was read; its signatures may be verified early and in parallel.
#[derive(Debug, Clone)]
pub struct ReadLeaf {
    hash: Hash,
    admitted_at: AdmittedAt,
    entry: Read,
}

/// Leaves on their way to be settled. Gives nothing out before [`settle`](Self::settle); after an
/// error the follower is gone and is restored from its stored rows.
#[derive(Debug)]
pub struct Run {
    follower: Follower,
    accepted: Accepted,
    base: TreeSize,
    /// Root of the tree after each leaf of this run, so that `seen` can be compared (LEAF-2).
    roots: Vec<Hash>,
    entries: Vec<VerifiedEntry>,
    changed: BTreeSet<SignerId>,
    standing: bool,
    flagged: Vec<(SignerId, SequenceNumber)>,
}

/// What a run settled.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settled {
    /// The follower, to be stored together with what was made of the entries.
    pub follower: Follower,
    /// The entries, in order.
    pub entries: Vec<VerifiedEntry>,
    /// Signers whose rows changed ([`Authority::signer_row`]).
    pub signers: BTreeSet<SignerId>,
    /// Whether the standing row changed ([`Authority::standing_row`]).
    pub standing: bool,
    /// Signers found compromised: their entries from that number on, wherever they stand before the
    /// act, are flagged (CHAIN-4).
    pub flagged: Vec<(SignerId, SequenceNumber)>,
}

/// Where following a log stopped, and why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The archive's keys make no policy.
    #[error("judging the log's checkpoints")]
    Policy(#[source] LogPolicyError),
    /// The checkpoint is not this log's.
    #[error("verifying the checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// The log does not continue what it showed before: a fork.
    #[error("the checkpoint of size {size} does not continue the log's tree of {known} leaves")]
    Fork {
        /// Size of the new tree.
        size: TreeSize,
        /// Size of the known tree.
        known: TreeSize,
        /// What the proof lacks.
        #[source]
        source: ProofError,
    },
    /// A leaf is no entry.
    #[error("reading the leaf at index {index}")]
    Leaf {
        /// Where.
        index: LogIndex,
        /// Why.
        #[source]
        source: LeafError,
    },
    /// The log admitted what it should have refused.
    #[error("the entry at index {index} should have been refused")]
    Refused {
        /// Where.
        index: LogIndex,
        /// For which reason.
        #[source]
        refusal: Refusal,
    },
    /// An entry stands in the log twice (CHAIN-3).
    #[error("the entry at index {index} stood at {earlier} already")]
    Twice {
        /// Where it stands again.
        index: LogIndex,
        /// Where it stood.
        earlier: LogIndex,
    },
    /// More leaves than the checkpoint has.
    #[error("there is no leaf at index {index} under the checkpoint")]
    Beyond {
        /// Where.
        index: LogIndex,
    },
    /// The leaves make another tree than the log signed.
    #[error("the leaves up to {size} make another tree than the log signed")]
    OtherTree {
        /// Number of leaves.
        size: TreeSize,
        /// What the proof lacks.
        #[source]
        source: ProofError,
    },
    /// The caller's store can not answer.
    #[error("looking up the log's past")]
    Past(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[derive(Debug, Clone)]
enum Read {
    Unverified(Entry),
    Signed(SignedEntry),
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct FollowerRow {
    #[n(0)]
    edge: Vec<ByteArray<32>>,
    #[cbor(n(1), with = "tree_size")]
    latest_size: TreeSize,
    #[cbor(n(2), with = "log_hash")]
    latest_root: Hash,
}

impl Follower {
    /// Before the first leaf.
    #[must_use]
    pub fn new(genesis: Genesis) -> Self {
        Self {
            authority: Authority::new(genesis),
            frontier: Frontier::empty(),
            latest: Seen {
                size: TreeSize::ZERO,
                root: Hash::empty_root(),
            },
        }
    }

    /// Takes up a stored follower: the authority from its rows, and [`row`](Self::row).
    ///
    /// # Errors
    /// When the row is damaged or of another size than the authority.
    pub fn restore(authority: Authority, row: &[u8]) -> Result<Self, RestoreError> {
        let damaged = |source: CanonicalError| RestoreError::Damaged {
            what: "follower",
            source,
        };
        let row: FollowerRow = canonical::from_bytes(row).map_err(damaged)?;
        let edge = row
            .edge
            .iter()
            .map(|hash| Hash::from_bytes(**hash))
            .collect();
        let frontier = Frontier::resume(authority.size(), edge).ok_or(RestoreError::Foreign)?;
        Ok(Self {
            authority,
            frontier,
            latest: Seen {
                size: row.latest_size,
                root: row.latest_root,
            },
        })
    }

    /// The row to store beside the authority's: the tree's edge and the latest checkpoint.
    #[must_use]
    pub fn row(&self) -> Vec<u8> {
        canonical::to_bytes(&FollowerRow {
            edge: self
                .frontier
                .edge()
                .iter()
                .map(|hash| ByteArray::from(*hash.as_bytes()))
                .collect(),
            latest_size: self.latest.size,
            latest_root: self.latest.root,
        })
    }

    /// The authority in force after the settled leaves.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Number of settled leaves, and the root over them.
    #[must_use]
    pub fn settled(&self) -> Seen {
        Seen {
            size: self.frontier.size(),
            root: self.frontier.root(),
        }
    }

    /// The largest checkpoint that was accepted; the next one is proved consistent with it.
    #[must_use]
    pub fn latest(&self) -> Seen {
        self.latest
    }

    /// Takes a checkpoint note: signed by a key of the log, not smaller than [`latest`](Self::latest),
    /// and its continuation by `consistency`.
    ///
    /// # Errors
    /// When one of that is not so.
    pub fn accept(
        &self,
        note: &[u8],
        consistency: &ConsistencyProof,
    ) -> Result<Accepted, FollowError> {
        let policy = self
            .authority
            .genesis()
            .log_policy(&self.authority.policy().witnesses)
            .map_err(FollowError::Policy)?;
        let signed = SignedCheckpoint::parse(note).map_err(FollowError::Checkpoint)?;
        let (checkpoint, verdict) = policy.judge(signed).map_err(FollowError::Checkpoint)?;
        consistency
            .verify(
                self.latest.size,
                self.latest.root,
                checkpoint.size(),
                checkpoint.root(),
            )
            .map_err(|source| FollowError::Fork {
                size: checkpoint.size(),
                known: self.latest.size,
                source,
            })?;
        Ok(Accepted {
            checkpoint,
            verdict: Arc::new(verdict),
        })
    }

    /// Begins to take leaves, from the first that is not settled.
    #[must_use]
    pub fn follow(mut self, accepted: Accepted) -> Run {
        self.latest = Seen {
            size: accepted.checkpoint.size(),
            root: accepted.checkpoint.root(),
        };
        Run {
            base: self.frontier.size(),
            follower: self,
            accepted,
            roots: Vec::new(),
            entries: Vec::new(),
            changed: BTreeSet::new(),
            standing: false,
            flagged: Vec::new(),
        }
    }
}

impl Accepted {
    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }

    /// Whether independent witnesses have cosigned it.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    pub(super) fn shared_verdict(&self) -> Arc<Verdict> {
        Arc::clone(&self.verdict)
    }
}

impl ReadLeaf {
    /// Reads a leaf.
    ///
    /// # Errors
    /// When it is no entry with a time of admission.
    pub fn parse(bytes: &[u8]) -> Result<Self, LeafError> {
        let leaf = Leaf::parse(bytes)?;
        Ok(Self {
            hash: Hash::leaf(bytes),
            admitted_at: leaf.admitted_at(),
            entry: Read::Unverified(leaf.into_entry()),
        })
    }

    /// The entry, read and not judged.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        match &self.entry {
            Read::Unverified(entry) => entry,
            Read::Signed(signed) => signed.entry(),
        }
    }

    /// Verifies the signatures now, if the keys are known already; otherwise the run does it. May run
    /// on many threads at once. A key may be given before its signer is known: the run asks again
    /// whether it is known at the leaf's index.
    #[must_use]
    pub fn verify_early(self, key_of: impl Fn(&SignerId) -> Option<PublicKey>) -> Self {
        let entry = match self.entry {
            Read::Unverified(entry) => match entry.clone().verify_signatures(key_of) {
                Ok(signed) => Read::Signed(signed),
                Err(_) => Read::Unverified(entry),
            },
            signed @ Read::Signed(_) => signed,
        };
        Self { entry, ..self }
    }
}

impl Run {
    /// Index of the next leaf.
    #[must_use]
    pub fn next(&self) -> LogIndex {
        LogIndex::new(self.follower.frontier.size().get())
    }

    /// Takes the next leaf: signatures, chain, authority at its index.
    ///
    /// # Errors
    /// Names the index and the check that failed.
    pub fn leaf<P>(mut self, leaf: ReadLeaf, past: &P) -> Result<Self, FollowError>
    where
        P: Past,
        P::Error: std::error::Error + Send + Sync + 'static,
    {
        let index = self.next();
        if !self.accepted.checkpoint.size().contains(index) {
            return Err(FollowError::Beyond { index });
        }
        let refused = |refusal| FollowError::Refused { index, refusal };
        let authority = &self.follower.authority;
        // Keys that were found early may belong to signers that are not known yet at this index.
        let known = |entry: &Entry| {
            let mut signers = entry.signatures().iter();
            signers.all(|signature| authority.signer(&signature.signer).is_some())
        };
        let signed = match leaf.entry {
            Read::Signed(signed) if known(signed.entry()) => signed,
            Read::Signed(signed) => signed
                .into_entry()
                .verify_signatures(|id| authority.key(id))
                .map_err(refused)?,
            Read::Unverified(entry) => entry
                .verify_signatures(|id| authority.key(id))
                .map_err(refused)?,
        };
        let run_past = RunPast {
            base: self.base,
            roots: &self.roots,
            past,
        };
        let admissible = match authority.check(&signed, leaf.admitted_at, &run_past) {
            Ok(Outcome::Admissible(admissible)) => admissible,
            Ok(Outcome::Same { index: earlier }) => {
                return Err(FollowError::Twice { index, earlier });
            }
            Ok(Outcome::Refused(refusal)) => return Err(refused(refusal)),
            Err(error) => return Err(FollowError::Past(Box::new(error))),
        };
        let signer = authority.signer(&signed.entry().signer());
        let (Some(key), role, compromised) = (
            signer.map(|signer| signer.key()),
            signer.and_then(|signer| signer.role()),
            signer.is_some_and(|signer| signer.compromised().is_some()),
        ) else {
            return Err(FollowError::Beyond { index });
        };
        // Checked just above against this very state, so it applies.
        let applied = self
            .follower
            .authority
            .apply(admissible)
            .map_err(|_| FollowError::Beyond { index })?;
        self.changed.extend(applied.signers);
        self.standing |= applied.standing;
        self.flagged.extend(applied.flagged);
        self.follower.frontier.append(leaf.hash);
        self.roots.push(self.follower.frontier.root());
        self.entries.push(VerifiedEntry {
            index,
            admitted_at: leaf.admitted_at,
            leaf: leaf.hash,
            entry: signed.into_entry(),
            key,
            role,
            compromised,
            verdict: Arc::clone(&self.accepted.verdict),
        });
        Ok(self)
    }

    /// Settles the leaves: the tree over all of them must be the checkpoint's, or be continued by it
    /// (`to_checkpoint`; empty when all leaves were taken).
    ///
    /// # Errors
    /// When the tree is another one; the log or who served the leaves has altered them.
    pub fn settle(self, to_checkpoint: &ConsistencyProof) -> Result<Settled, FollowError> {
        let size = self.follower.frontier.size();
        let checkpoint = &self.accepted.checkpoint;
        to_checkpoint
            .verify(
                size,
                self.follower.frontier.root(),
                checkpoint.size(),
                checkpoint.root(),
            )
            .map_err(|source| FollowError::OtherTree { size, source })?;
        Ok(Settled {
            follower: self.follower,
            entries: self.entries,
            signers: self.changed,
            standing: self.standing,
            flagged: self.flagged,
        })
    }
}

/// The caller's past, and the leaves of the run that it does not hold yet.
struct RunPast<'a, P> {
    base: TreeSize,
    roots: &'a [Hash],
    past: &'a P,
}

impl<P: Past> Past for RunPast<'_, P> {
    type Error = P::Error;

    fn admitted(
        &self,
        signer: &SignerId,
        number: SequenceNumber,
    ) -> Result<Option<Admitted>, P::Error> {
        self.past.admitted(signer, number)
    }

    fn agrees(&self, seen: &Seen) -> Result<bool, P::Error> {
        let within = seen
            .size
            .get()
            .checked_sub(self.base.get())
            .filter(|leaves| *leaves > 0);
        match within.and_then(|leaves| usize::try_from(leaves - 1).ok()) {
            Some(at) => Ok(self.roots.get(at) == Some(&seen.root)),
            None => self.past.agrees(seen),
        }
    }
}
