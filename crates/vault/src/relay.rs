//! A relay over the network, as the locked part asks it.

use std::io;

use bytes::Bytes;
use client::{CallError, RelayClient};
use futures_util::StreamExt;
use tlog::Bundle;
use wire::api::PostAnswer;
use wire::{Entry, ObjectHash, SequenceNumber, SignerId, limit};

use crate::follow::{Relay, RelayError};

impl Relay for RelayClient {
    async fn checkpoint(&self) -> Result<Vec<u8>, RelayError> {
        Self::checkpoint(self).await.map_err(failed)
    }

    async fn bundle(&self, bundle: Bundle) -> Result<Vec<u8>, RelayError> {
        Self::bundle(self, bundle).await.map_err(failed)
    }

    async fn object(
        &self,
        hash: ObjectHash,
        from: u64,
        sink: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send),
    ) -> Result<(), RelayError> {
        let range = (from > 0).then_some(from..limit::OBJECT_BYTES);
        let mut pieces = self.fetch_object(hash, range).await.map_err(failed)?;
        while let Some(piece) = pieces.next().await {
            sink(&piece.map_err(failed)?).map_err(RelayError::Sink)?;
        }
        Ok(())
    }

    async fn put_object(&self, hash: ObjectHash, bytes: &[u8]) -> Result<(), RelayError> {
        self.upload_object(hash, Bytes::copy_from_slice(bytes))
            .await
            .map_err(failed)
    }

    async fn post(&self, entries: &[Entry]) -> Result<PostAnswer, RelayError> {
        match self.post_entries(entries).await {
            Ok(answer) => Ok(answer),
            // RELAY-1: where the first entry is refused, the answer is a problem document.
            Err(error) => match error.refusal() {
                Some(refusal) => Ok(PostAnswer::new(Vec::new(), Some(refusal))),
                None => Err(failed(error)),
            },
        }
    }

    async fn next_number(&self, signer: SignerId) -> Result<SequenceNumber, RelayError> {
        self.signer_state(signer)
            .await
            .map(|state| state.next)
            .map_err(failed)
    }
}

fn failed(error: CallError) -> RelayError {
    match error.status() {
        Some(404) => RelayError::NotFound,
        _ => RelayError::Failed(Box::new(error)),
    }
}
