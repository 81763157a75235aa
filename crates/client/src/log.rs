//! Reading the log. Nothing that comes back is verified here.

use tlog::{Bundle, Hash, MAX_NOTE_LEN, SignedCheckpoint, TILE_WIDTH, Tile};
use wire::api::{ControlPage, LoggedLeaf, Route, SignerAnswer};
use wire::{ControlNumber, SignerId, limit};

use crate::call::RelayClient;
use crate::error::CallError;

/// Largest bundle of a Greffe log: 256 leaves with their lengths.
const BUNDLE: usize = TILE_WIDTH as usize * (limit::LEAF_BYTES + 2);
/// Largest answer about a signer.
const SIGNER: usize = 1_024;
/// Largest single leaf with its proof.
const LEAF: usize = limit::LEAF_BYTES + limit::PROOF_TEXT_BYTES + 64;

impl RelayClient {
    /// The latest checkpoint with its cosignatures, as text; unverified.
    ///
    /// # Errors
    ///
    /// When the call fails, or the archive has no genesis yet (404, `no-log`).
    pub async fn checkpoint(&self) -> Result<Vec<u8>, CallError> {
        self.get(&Route::Checkpoint, MAX_NOTE_LEN).await
    }

    /// The latest checkpoint, read; unverified.
    ///
    /// # Errors
    ///
    /// As [`checkpoint`](Self::checkpoint), or when it is no checkpoint.
    pub async fn signed_checkpoint(&self) -> Result<SignedCheckpoint, CallError> {
        SignedCheckpoint::parse(&self.checkpoint().await?)
            .map_err(|_| CallError::Incomplete("a checkpoint"))
    }

    /// A tile's hashes: exactly as many bytes as its width says. Any width up to the log's edge
    /// is served, also of tiles that have grown since.
    ///
    /// # Errors
    ///
    /// When the call fails or the answer has another length.
    pub async fn tile(&self, tile: Tile) -> Result<Vec<u8>, CallError> {
        let bytes = self
            .get(&Route::Tile(tile), usize::from(TILE_WIDTH) * Hash::LEN)
            .await?;
        if bytes.len() == tile.byte_len() {
            Ok(bytes)
        } else {
            Err(CallError::Incomplete("the tile's hashes"))
        }
    }

    /// A bundle of leaves, for [`tlog::decode_checked_bundle`].
    ///
    /// # Errors
    ///
    /// When the call fails or the answer is too long.
    pub async fn bundle(&self, bundle: Bundle) -> Result<Vec<u8>, CallError> {
        self.get(&Route::Bundle(bundle), BUNDLE).await
    }

    /// Control entries from this number on, at most 256, each with its proof.
    ///
    /// # Errors
    ///
    /// When the call fails or the answer is not understood.
    pub async fn control(&self, from: ControlNumber) -> Result<ControlPage, CallError> {
        let answer = self.get(&Route::Control(from), limit::ANSWER_BYTES).await?;
        ControlPage::parse(&answer).map_err(CallError::Answer)
    }

    /// Where a signer's chain stands, by the relay's word: one's own, or for a vault any.
    ///
    /// # Errors
    ///
    /// When the call fails or the answer is not understood.
    pub async fn signer_state(&self, signer: SignerId) -> Result<SignerAnswer, CallError> {
        let answer = self.get(&Route::Signer(signer), SIGNER).await?;
        SignerAnswer::parse(&answer).map_err(CallError::Answer)
    }

    /// The newest `stored` entry with its proof; `None` while the vault has not said anything.
    ///
    /// # Errors
    ///
    /// When the call fails or the answer is not understood.
    pub async fn stored(&self) -> Result<Option<LoggedLeaf>, CallError> {
        self.newest(&Route::Stored, "nothing-stored").await
    }

    /// The newest `head` entry with its proof; `None` while nobody has signed one.
    ///
    /// # Errors
    ///
    /// When the call fails or the answer is not understood.
    pub async fn head(&self) -> Result<Option<LoggedLeaf>, CallError> {
        self.newest(&Route::Head, "no-head").await
    }

    async fn newest(&self, route: &Route, none: &str) -> Result<Option<LoggedLeaf>, CallError> {
        match self.get(route, LEAF).await {
            Ok(answer) => LoggedLeaf::parse(&answer)
                .map(Some)
                .map_err(CallError::Answer),
            Err(CallError::Problem { problem, .. }) if problem.name() == none => Ok(None),
            Err(error) => Err(error),
        }
    }
}
