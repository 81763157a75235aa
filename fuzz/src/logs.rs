//! tlog.md: paths, bundles, notes, checkpoints, cosignatures, proofs, witnessing.

use tlog::{
    AddCheckpoint, Bundle, Checkpoint, LogIndex, LogProof, SignatureLine, SignedCheckpoint,
    SignedNote, Tile, TreeSize, VerifierKey,
};

use crate::same;

/// The path of a tile.
pub fn tile_path(data: &[u8]) {
    let path = std::str::from_utf8(data).unwrap_or_default();
    if let Some(tile) = Tile::parse_path(path) {
        same(tile.path().as_bytes(), data);
    }
}

/// The path of an entry bundle.
pub fn bundle_path(data: &[u8]) {
    let path = std::str::from_utf8(data).unwrap_or_default();
    if let Some(bundle) = Bundle::parse_path(path) {
        same(bundle.path().as_bytes(), data);
    }
}

/// An entry bundle.
pub fn bundle(data: &[u8]) {
    if let Ok(entries) = tlog::decode_bundle(data) {
        assert!(entries.len() <= 256, "too many entries");
        let written = tlog::encode_bundle(&entries);
        same(&written.unwrap_or_default(), data);
    }
}

/// Sizes and indexes in text.
pub fn decimal(data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    if let Some(size) = TreeSize::parse(text) {
        same(size.to_string().as_bytes(), data);
    }
    if let Some(index) = LogIndex::parse(text) {
        same(index.to_string().as_bytes(), data);
    }
}

/// A verifier key.
pub fn vkey(data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    if let Ok(key) = VerifierKey::parse(text) {
        same(key.to_string().as_bytes(), data);
    }
}

/// A signed note.
pub fn note(data: &[u8]) {
    if let Ok(note) = SignedNote::parse(data) {
        same(note.to_string().as_bytes(), data);
    }
}

/// A checkpoint, with or without signatures.
pub fn checkpoint(data: &[u8]) {
    if let Ok(checkpoint) = SignedCheckpoint::parse(data) {
        same(checkpoint.to_string().as_bytes(), data);
    }
    let _ = std::str::from_utf8(data).map(Checkpoint::parse);
}

/// A signature line.
pub fn cosignature(data: &[u8]) {
    let text = std::str::from_utf8(data).unwrap_or_default();
    if let Some(line) = SignatureLine::parse(text) {
        same(line.to_string().as_bytes(), data);
    }
}

/// A tlog-proof.
pub fn log_proof(data: &[u8]) {
    if let Ok(proof) = LogProof::parse(data) {
        same(proof.to_string().as_bytes(), data);
    }
}

/// What is asked of a witness.
pub fn add_checkpoint(data: &[u8]) {
    if let Ok(request) = AddCheckpoint::parse(data) {
        same(request.to_string().as_bytes(), data);
    }
}

/// What a witness answers.
pub fn add_checkpoint_answer(data: &[u8]) {
    if let Ok(lines) = tlog::parse_cosignatures(data) {
        same(tlog::encode_cosignatures(&lines).as_bytes(), data);
    }
    if let Some(size) = tlog::parse_conflict(data) {
        same(tlog::encode_conflict(size).as_bytes(), data);
    }
}
