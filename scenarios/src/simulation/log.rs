//! What the watcher of a world knows of the log: every leaf that was ever published, in order.

use std::collections::HashMap;

use canonical::Milliseconds;
use tlog::{Frontier, Hash, SignedCheckpoint, TreeSize, bundles_of_growth, decode_bundle};
use wire::api::Route;
use wire::{Act, Body, ChainPosition, Entry, Leaf, Revocation, SequenceNumber, SignerId};

use super::network::{CallFailure, Line};

/// The published log, leaf by leaf.
#[derive(Debug)]
pub struct LogView {
    leaves: Vec<Leaf>,
    frontier: Frontier,
    roots: Vec<Hash>,
    places: HashMap<(SignerId, u64), usize>,
    chains: HashMap<SignerId, ChainPosition>,
    revoked: HashMap<SignerId, (usize, Revocation)>,
    stored: u64,
}

impl Default for LogView {
    fn default() -> Self {
        Self {
            leaves: Vec::new(),
            frontier: Frontier::empty(),
            roots: Vec::new(),
            places: HashMap::new(),
            chains: HashMap::new(),
            revoked: HashMap::new(),
            stored: 0,
        }
    }
}

impl LogView {
    /// Leaves.
    #[must_use]
    pub fn size(&self) -> usize {
        self.leaves.len()
    }

    /// Root over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The root that the log had at this size.
    #[must_use]
    pub fn root_at(&self, size: TreeSize) -> Option<Hash> {
        match usize::try_from(size.get()).ok()?.checked_sub(1) {
            None => Some(Hash::empty_root()),
            Some(last) => self.roots.get(last).copied(),
        }
    }

    /// The leaf at an index.
    #[must_use]
    pub fn leaf(&self, index: usize) -> Option<&Leaf> {
        self.leaves.get(index)
    }

    /// All leaves.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Where a signer's entry of that number stands.
    #[must_use]
    pub fn place(&self, signer: &SignerId, number: u64) -> Option<usize> {
        self.places.get(&(*signer, number)).copied()
    }

    /// The number that is next in a signer's chain.
    #[must_use]
    pub fn next(&self, signer: &SignerId) -> u64 {
        self.chains.get(signer).map_or(0, |at| at.number.get())
    }

    /// Where and how a signer was revoked.
    #[must_use]
    pub fn revoked(&self, signer: &SignerId) -> Option<(usize, Revocation)> {
        self.revoked.get(signer).copied()
    }

    /// The largest size below which the vault has said to hold everything.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// Reads what was published since. Says what is wrong with it, if anything is.
    ///
    /// # Errors
    ///
    /// When the relay can not be asked.
    pub async fn look(&mut self, line: &Line) -> Result<Result<(), String>, CallFailure> {
        let note = line.get(Route::Checkpoint).await?;
        let Ok(checkpoint) = SignedCheckpoint::parse(&note) else {
            return Ok(Err("the relay publishes what is no checkpoint".to_owned()));
        };
        let claimed = checkpoint.claimed();
        let (known, size) = (self.leaves.len() as u64, claimed.size());
        if size.get() < known {
            return Ok(Err(format!("the log went back from {known} to {size}")));
        }
        for bundle in bundles_of_growth(TreeSize::new(known), size) {
            let bytes = line.get(Route::Bundle(bundle)).await?;
            let Ok(entries) = decode_bundle(&bytes) else {
                return Ok(Err(format!("{} is no bundle", bundle.path())));
            };
            let first = bundle.index() * u64::from(tlog::TILE_WIDTH);
            let skipped = usize::try_from(known.saturating_sub(first)).unwrap_or(0);
            for leaf in entries.into_iter().skip(skipped) {
                if let Err(wrong) = self.take(leaf) {
                    return Ok(Err(wrong));
                }
            }
        }
        if self.frontier.root() != claimed.root() {
            return Ok(Err(format!(
                "the checkpoint of size {size} has another root than the leaves"
            )));
        }
        Ok(Ok(()))
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        let index = self.leaves.len();
        let leaf = Leaf::parse(bytes).map_err(|error| format!("leaf {index}: {error}"))?;
        let entry = leaf.entry();
        self.check_chain(index, entry)?;
        if let Some(last) = self.leaves.last()
            && leaf.admitted_at() < last.admitted_at()
        {
            return Err(format!(
                "leaf {index} was admitted before the one before it"
            ));
        }
        self.check_revoked(index, entry, leaf.admitted_at().time())?;
        self.places
            .insert((entry.signer(), entry.number().get()), index);
        match entry.body() {
            Body::Control(control) => {
                if let Act::Revoke(revoke) = &control.act {
                    self.revoked.insert(revoke.signer, (index, revoke.how));
                }
            }
            Body::Stored(stored) => self.stored = self.stored.max(stored.through.get()),
            _ => {}
        }
        self.frontier.append(Hash::leaf(bytes));
        self.roots.push(self.frontier.root());
        self.leaves.push(leaf);
        Ok(())
    }

    /// Numbers have no hole, no twin, and hang together, also behind a `withdrawn` (CHAIN-2).
    fn check_chain(&mut self, index: usize, entry: &Entry) -> Result<(), String> {
        let at = self
            .chains
            .entry(entry.signer())
            .or_insert(ChainPosition::FIRST);
        if entry.number() != at.number {
            return Err(format!(
                "leaf {index} has number {} where {} is next",
                entry.number(),
                at.number
            ));
        }
        let behind_withdrawn = entry.number().get().checked_sub(1).is_some_and(|before| {
            self.places
                .get(&(entry.signer(), before))
                .and_then(|place| self.leaves.get(*place))
                .is_some_and(|leaf| match leaf.entry().body() {
                    Body::Withdrawn(withdrawn) => withdrawn.refused == entry.previous(),
                    _ => false,
                })
        });
        if entry.previous() != at.previous && !behind_withdrawn {
            return Err(format!(
                "leaf {index} does not follow its signer's last entry"
            ));
        }
        *at = ChainPosition {
            number: SequenceNumber::new(entry.number().get() + 1),
            previous: entry.id(),
        };
        Ok(())
    }

    fn check_revoked(&self, index: usize, entry: &Entry, at: Milliseconds) -> Result<(), String> {
        let refused = match self.revoked.get(&entry.signer()) {
            None => false,
            Some((_, Revocation::Retired(until))) => at >= *until,
            Some((_, Revocation::Compromised(from))) => entry.number() >= *from,
        };
        if refused {
            return Err(format!(
                "leaf {index} is of a signer that was revoked before"
            ));
        }
        Ok(())
    }
}
