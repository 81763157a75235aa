//! What several tests of this crate need.

use crate::checkpoint::{Checkpoint, Origin, SignedCheckpoint};
use crate::cosignature::CosignedAt;
use crate::edge::TileEdge;
use crate::hash::{Hash, LogIndex, TreeSize};
use crate::key::{KeyName, VerifierKey};
use crate::log_proof::LogProof;
use crate::note::SignedNote;
use crate::proof::ConsistencyProof;
use crate::prove::{Prover, prove_consistency, prove_inclusion};
use crate::signer::{CosignerKey, LogSigner, SignError, SigningSeed};
use crate::tile::TileSet;

/// `n` different leaf hashes.
pub(crate) fn leaves(n: usize) -> Vec<Hash> {
    (0..n as u64)
        .map(|i| Hash::leaf(&i.to_be_bytes()))
        .collect()
}

/// The root as RFC 6962 §2.1 defines it, by recursion.
pub(crate) fn plain_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::node(&plain_root(left), &plain_root(right))
        }
    }
}

pub(crate) fn seconds(n: u64) -> CosignedAt {
    CosignedAt::from_unix_seconds(n).unwrap()
}

pub(crate) fn cosigner(name: &str, seed: u8) -> CosignerKey {
    CosignerKey::new(
        KeyName::new(name).unwrap(),
        &SigningSeed::from_bytes([seed; 32]),
    )
    .unwrap()
}

/// A signed log in memory.
pub(crate) struct Log {
    leaves: Vec<Hash>,
    tiles: TileSet,
    signer: LogSigner,
}

impl Log {
    pub(crate) fn new(size: usize, origin: &str, seed: u8) -> Self {
        Self::of(leaves(size), origin, seed)
    }

    /// The same log, had its second leaf been another.
    pub(crate) fn forked(size: usize, origin: &str, seed: u8) -> Self {
        let mut leaves = leaves(size);
        leaves[1] = Hash::leaf(b"another");
        Self::of(leaves, origin, seed)
    }

    pub(crate) fn of(leaves: Vec<Hash>, origin: &str, seed: u8) -> Self {
        let mut tiles = TileSet::new();
        TileEdge::empty()
            .grow(&leaves)
            .into_iter()
            .for_each(|tile| tiles.insert_data(tile));
        let signer = LogSigner::new(
            KeyName::new(origin).unwrap(),
            &SigningSeed::from_bytes([seed; 32]),
        )
        .unwrap();
        Self {
            leaves,
            tiles,
            signer,
        }
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::new(self.key().name().as_str()).unwrap()
    }

    pub(crate) fn key(&self) -> VerifierKey {
        self.signer.verifier().clone()
    }

    pub(crate) fn sign_note(&self, text: &str) -> SignedNote {
        self.signer.sign_note(text).unwrap()
    }

    pub(crate) fn sign(&self, checkpoint: Checkpoint) -> Result<SignedCheckpoint, SignError> {
        self.signer.sign(checkpoint)
    }

    pub(crate) fn leaf(&self, index: u64) -> Hash {
        self.leaves[index as usize]
    }

    pub(crate) fn root(&self, size: u64) -> Hash {
        let root = plain_root(&self.leaves[..size as usize]);
        assert_eq!(
            Prover::new(&self.tiles, TreeSize::new(size))
                .root()
                .unwrap(),
            root
        );
        root
    }

    pub(crate) fn checkpoint(&self, size: u64) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(self.origin(), TreeSize::new(size), self.root(size));
        self.signer.sign(checkpoint).unwrap()
    }

    pub(crate) fn consistency(&self, from: u64, to: u64) -> ConsistencyProof {
        if from > to {
            return ConsistencyProof::default();
        }
        prove_consistency(&self.tiles, TreeSize::new(from), TreeSize::new(to)).unwrap()
    }

    pub(crate) fn proof(&self, index: u64, size: u64) -> LogProof {
        let inclusion =
            prove_inclusion(&self.tiles, LogIndex::new(index), TreeSize::new(size)).unwrap();
        LogProof::new(LogIndex::new(index), inclusion, self.checkpoint(size))
    }
}
