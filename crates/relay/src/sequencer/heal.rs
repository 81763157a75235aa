//! Reading what is stored, at start and after every error, and finishing what a crash cut off.

use tlog::{Bundle, Hash, SignedCheckpoint, TileEdge, TreeSize};
use wire::authority::Authority;
use wire::{Body, Genesis, Leaf};

use super::{Failed, Position, Sequencer};
use crate::Alarm;
use crate::staged::StagedGroup;
use crate::state::Head;
use crate::store::{LogFile, StoreError};
use crate::tiles::TilesError;

impl Sequencer {
    /// Makes the published log agree with the database, which decides what is sequenced.
    ///
    /// The published checkpoint is what the world may have seen: it must be a beginning of the
    /// database's log, or the archive stops (SEQ-2).
    pub(super) async fn heal(&mut self) -> Result<(), Failed> {
        self.position = None;
        let shown = self.shown().await?;
        let Some(head) = self.stores.state.head().await? else {
            if let Some(shown) = shown {
                return Err(Alarm::Smaller {
                    signed: shown.claimed().size(),
                    now: TreeSize::ZERO,
                }
                .into());
            }
            self.clear_abandoned(None).await;
            self.position = Some(Position {
                head: None,
                authority: None,
                edge: TileEdge::empty(),
                open: Vec::new(),
            });
            return Ok(());
        };
        let shown_size = shown
            .as_ref()
            .map_or(TreeSize::ZERO, |shown| shown.claimed().size());
        if shown_size > head.size {
            return Err(Alarm::Smaller {
                signed: shown_size,
                now: head.size,
            }
            .into());
        }

        let staged = self.staged(&head).await?;
        let (edge, open, from) = match staged {
            Some(group) if shown_size < head.size => self.finish(&head, group).await?,
            // What is published was written whole before; only clearing away was cut off. It may have
            // removed the narrower files already, so nothing is written over the wider ones.
            staged => {
                let edge = self.tiles.edge_at(head.size, head.size).await?;
                let open = self.open_leaves(head.size, head.size).await?;
                (edge, open, staged.map_or(shown_size, |group| group.first))
            }
        };
        if edge.root() != head.root {
            return Err(Alarm::Root { size: head.size }.into());
        }
        if let Some(shown) = &shown {
            let was = match shown.claimed().size() {
                TreeSize::ZERO => Hash::empty_root(),
                size => self.tiles.root_at(size, head.size).await?,
            };
            if was != shown.claimed().root() {
                return Err(Alarm::Root { size: shown_size }.into());
            }
        }
        let authority = self.authority(&head).await?;
        match shown {
            // The very checkpoint of the head, with the cosignatures that it has.
            Some(shown) if shown_size == head.size && self.is_own(&shown) => {
                self.take_up(&head, shown)
            }
            _ => self.publish(from, head).await?,
        }
        if let Err(error) = self.clear_away(from, head).await {
            tracing::warn!(%error, "outgrown files could not be removed");
        }
        self.clear_abandoned(Some(&head)).await;
        self.directory.replace(&authority);
        self.position = Some(Position {
            head: Some(head),
            authority: Some(authority),
            edge,
            open,
        });
        Ok(())
    }

    /// Removes staged groups that never were sequenced, and whatever an earlier removal left. That
    /// of the head is removed by [`clear_away`](Self::clear_away) alone.
    async fn clear_abandoned(&self, head: Option<&Head>) {
        let of_head = head.map(|head| LogFile::staged(&head.root));
        let cleared = async {
            for file in self.stores.log.staged().await? {
                if Some(&file) != of_head.as_ref() {
                    self.stores.log.remove(&file).await?;
                }
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = cleared.await {
            tracing::warn!(%error, "abandoned groups could not be removed");
        }
    }

    /// The published checkpoint of this log, if one stands. A torn one counts for nothing: it is
    /// written again, and the one before it led to the same log. One that another of the log's keys
    /// has signed still tells what the world may have seen.
    async fn shown(&self) -> Result<Option<SignedCheckpoint>, Failed> {
        let Some(bytes) = self.stores.log.get(&LogFile::checkpoint()).await? else {
            return Ok(None);
        };
        let checkpoint = SignedCheckpoint::parse(&bytes).ok();
        Ok(checkpoint.filter(|checkpoint| *checkpoint.claimed().origin() == self.origin))
    }

    fn is_own(&self, checkpoint: &SignedCheckpoint) -> bool {
        let own = std::slice::from_ref(self.signer.verifier());
        checkpoint.clone().verify(&self.origin, own).is_ok()
    }

    /// The group that led to the head, if its staged file still stands and is whole.
    async fn staged(&self, head: &Head) -> Result<Option<StagedGroup>, Failed> {
        let bytes = self.stores.log.get(&LogFile::staged(&head.root)).await?;
        let group = bytes.as_ref().and_then(StagedGroup::parse);
        Ok(group.filter(|group| {
            group.first.get().checked_add(group.leaves.len() as u64) == Some(head.size.get())
        }))
    }

    /// Writes the tiles and bundles of a sequenced group again.
    async fn finish(
        &self,
        head: &Head,
        group: StagedGroup,
    ) -> Result<(TileEdge, Vec<bytes::Bytes>, TreeSize), Failed> {
        let from = group.first;
        let mut edge = self.tiles.edge_at(from, head.size).await?;
        let mut open = self.open_leaves(from, head.size).await?;
        let hashes: Vec<Hash> = group.leaves.iter().map(|leaf| Hash::leaf(leaf)).collect();
        let tiles = edge.grow(&hashes);
        // Compared before anything is written over what stands.
        if edge.root() != head.root {
            return Err(Alarm::Root { size: head.size }.into());
        }
        self.write_growth(from, head.size, tiles, &mut open, group.leaves)
            .await?;
        Ok((edge, open, from))
    }

    /// Leaves of the last bundle at `size` that is not full.
    async fn open_leaves(
        &self,
        size: TreeSize,
        tree: TreeSize,
    ) -> Result<Vec<bytes::Bytes>, Failed> {
        let last = size.get() / u64::from(tlog::TILE_WIDTH);
        let Some(bundle) = Bundle::in_tree(last, size) else {
            return Ok(Vec::new());
        };
        let bytes = self.tiles.bundle(bundle, tree).await?;
        let damaged = |_| TilesError::Damaged {
            path: bundle.path(),
        };
        let leaves = tlog::decode_bundle(&bytes).map_err(damaged)?;
        Ok(leaves
            .into_iter()
            .map(|leaf| bytes.slice_ref(leaf))
            .collect())
    }

    async fn authority(&self, head: &Head) -> Result<Authority, Failed> {
        let rows = self
            .stores
            .state
            .authority()
            .await?
            .ok_or(Alarm::Authority)?;
        let genesis = self.genesis(head).await?;
        let signers = rows.signers.iter().map(Vec::as_slice);
        let authority = Authority::restore(genesis, &rows.cursor, &rows.standing, signers)
            .map_err(|error| {
                tracing::error!(error = %super::chain(&error), "the authority can not be taken up");
                Alarm::Authority
            })?;
        if Self::agrees(head, &authority) {
            Ok(authority)
        } else {
            Err(Alarm::Authority.into())
        }
    }

    async fn genesis(&self, head: &Head) -> Result<Genesis, Failed> {
        let leaf = self.tiles.leaf(tlog::LogIndex::new(0), head.size).await?;
        match Leaf::parse(&leaf)
            .map(Leaf::into_entry)
            .as_ref()
            .map(wire::Entry::body)
        {
            Ok(Body::Genesis(genesis)) if genesis.archive_id() == self.id => Ok(genesis.clone()),
            _ => Err(Alarm::Authority.into()),
        }
    }

    fn take_up(&self, head: &Head, checkpoint: SignedCheckpoint) {
        let published = crate::archive::Published {
            size: head.size,
            root: head.root,
            checkpoint,
        };
        self.publish
            .send_replace(Some(std::sync::Arc::new(published)));
    }
}
