//! Merkle arithmetic and the C2SP log formats, without I/O, clock or randomness.
//!
//! In scope: the tree of RFC 6962 ([`struct@Hash`], [`Frontier`], [`TileEdge`]), its proofs
//! ([`InclusionProof`], [`ConsistencyProof`], made from tiles by a [`Prover`]), tiles and entry
//! bundles ([`Tile`], [`Bundle`]), signed notes ([`SignedNote`], [`VerifierKey`]), checkpoints
//! ([`SignedCheckpoint`] → [`VerifiedCheckpoint`]), cosignatures and the witness's decision
//! ([`Witness`]), whom to believe ([`Policy`]), proof files ([`LogProof`] → [`ProvenLeaf`]).
//!
//! Out of scope: what a leaf means (its bytes are opaque here), storage, networks, and the order
//! in which a sequencer makes things durable. `docs/spec/tlog.md` has the numbered checks.
//!
//! ```
//! use tlog::{Checkpoint, Hash, KeyName, LogIndex, LogSigner, Origin, Prover, SigningSeed, TileEdge, TileSet};
//!
//! let leaves: Vec<Hash> = [&b"one"[..], b"two", b"three"].into_iter().map(Hash::leaf).collect();
//! let (mut edge, mut tiles) = (TileEdge::empty(), TileSet::new());
//! for tile in edge.grow(&leaves) {
//!     tiles.insert_data(tile); // a log writes them to storage, at `tile.tile().path()`
//! }
//! let name = KeyName::new("log.example/one")?;
//! let signer = LogSigner::new(name, &SigningSeed::from_bytes([7; 32]))?;
//! let origin = Origin::new("log.example/one")?;
//! let signed = signer.sign(Checkpoint::new(origin.clone(), edge.size(), edge.root()))?;
//!
//! let checkpoint = signed.verify(&origin, &[signer.verifier().clone()])?;
//! let proof = Prover::new(&tiles, checkpoint.size()).inclusion(LogIndex::new(1))?;
//! proof.verify(Hash::leaf(b"two"), LogIndex::new(1), checkpoint.size(), checkpoint.root())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod add_checkpoint;
mod base64;
mod bundle;
mod checkpoint;
mod cosignature;
mod edge;
mod frontier;
mod hash;
mod key;
mod log_proof;
mod note;
mod policy;
mod proof;
mod prove;
mod signer;
#[cfg(test)]
mod testing;
mod tile;
mod witness;

pub use add_checkpoint::{
    AddCheckpoint, AddCheckpointError, CONFLICT_CONTENT_TYPE, MAX_ADD_CHECKPOINT_LEN,
    encode_conflict, encode_cosignatures, parse_conflict, parse_cosignatures,
};
pub use bundle::{
    Bundle, BundleError, MAX_BUNDLE_LEN, MAX_ENTRY_LEN, bundles_of_growth, decode_bundle,
    decode_checked_bundle, encode_bundle,
};
pub use checkpoint::{
    Checkpoint, CheckpointError, MAX_EXTENSION_LEN, MAX_EXTENSIONS, Origin, SignedCheckpoint,
    VerifiedCheckpoint,
};
pub use cosignature::CosignedAt;
pub use edge::TileEdge;
pub use frontier::Frontier;
pub use hash::{Hash, LogIndex, TreeSize};
pub use key::{
    BadKeyName, BadVerifierKey, FalseSignature, KeyId, KeyKind, KeyName, MAX_NAME_LEN, VerifierKey,
};
pub use log_proof::{
    LogProof, LogProofError, LogProofRefused, MAX_EXTRA_LEN, MAX_LOG_PROOF_LEN, ProvenLeaf,
};
pub use note::{
    MAX_NOTE_LEN, MAX_SIGNATURE_LEN, MAX_SIGNATURES, NoteError, NoteRefused, SignatureLine,
    SignedNote,
};
pub use policy::{Cosigned, MAX_WITNESSES, Policy, PolicyError, PolicyWitness, Verdict};
pub use proof::{ConsistencyProof, InclusionProof, MAX_PROOF_HASHES, ProofError};
pub use prove::{
    ProveError, Prover, prove_consistency, prove_inclusion, tiles_for_consistency,
    tiles_for_inclusion,
};
pub use signer::{CosignerKey, LogSigner, SignError, SigningSeed};
pub use tile::{
    MAX_TILE_LEVEL, TILE_HEIGHT, TILE_WIDTH, Tile, TileData, TileMissing, TileReader, TileSet,
    partial_tiles, tiles_of_growth,
};
pub use witness::{Decision, Refusal, SeenHead, Witness};
