//! Steps 2 to 7 of the order: staged, sequenced, published, cosigned, receipted.

use std::sync::Arc;

use bytes::Bytes;
use canonical::Milliseconds;
use tlog::{Bundle, Checkpoint, Hash, LogIndex, SignedCheckpoint, TileData, TreeSize};
use tokio::time::Instant;
use wire::AdmittedAt;
use wire::authority::Authority;

use super::admission::{Judgement, Known};
use super::{Failed, Judged, Position, Sequencer, Submission};
use crate::Alarm;
use crate::archive::{Published, SubmitError, Submitted};
use crate::cosign::Heard;
use crate::metrics::Metrics;
use crate::staged::StagedGroup;
use crate::state::{Change, Head};
use crate::store::{LogFile, StoreError};
use crate::tiles::{Tiles, TilesError};

impl Sequencer {
    /// Takes a group from its judgement to its receipts (SEQ-1).
    ///
    /// Crash argument, step by step:
    /// * before the staged file is durable, nothing refers to it: the head is the old one;
    /// * between staging and the compare-and-swap, the staged file is named after a root that the
    ///   database does not hold: it is never read, and overwritten if the same group comes again;
    /// * from the compare-and-swap on the group is sequenced. Its leaves stand in the staged file,
    ///   which is removed only after tiles, bundles and checkpoint are durable; a start in between
    ///   writes them again from there ([`heal`](Self::heal)), and they come out the same, because
    ///   tiles are a function of the leaves;
    /// * nobody outside has learned of the new head before its tiles are durable: it is signed
    ///   only after them, so there is never a signed head that could not be proved;
    /// * a receipt leaves only once the checkpoint that it stands under is published.
    pub(super) async fn sequence(
        &mut self,
        mut position: Position,
        group: Vec<Submission>,
    ) -> Result<(), Failed> {
        let began = Instant::now();
        let mut waiting = Waiting(group);
        let known = Known::of(&waiting.0, position.authority.as_ref(), &*self.stores.state).await;
        let known = waiting.or_fail(known)?;
        let now = AdmittedAt::new(self.shared.clock.now()).unwrap_or_default();
        let Judgement {
            submissions,
            leaves,
            sequenced,
            signers,
            standing,
        } = self.judge(
            std::mem::take(&mut waiting.0),
            &mut position.authority,
            known,
            now,
        );
        let mut waiting = Receipting(submissions);

        let (Some(authority), false) = (&position.authority, leaves.is_empty()) else {
            // Nothing new: what was asked again has its place already.
            self.position = Some(position);
            self.receipt(std::mem::take(&mut waiting.0), began).await;
            return Ok(());
        };

        let from = position.edge.size();
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| Hash::leaf(leaf)).collect();
        let tiles = position.edge.grow(&hashes);
        let to = Head {
            size: position.edge.size(),
            root: position.edge.root(),
            admitted_at: authority.admitted_at().unwrap_or(now),
        };

        let staged = LogFile::staged(&to.root);
        let group = StagedGroup {
            first: from,
            leaves,
        };
        let result = self.stores.log.put(&staged, group.to_bytes()).await;
        waiting.or_fail(result)?;

        let change = Change {
            cursor: authority.cursor_row(),
            standing: (standing || position.head.is_none()).then(|| authority.standing_row()),
            signers: signers
                .iter()
                .filter_map(|id| Some((*id, authority.signer_row(id)?)))
                .collect(),
            entries: sequenced,
        };
        let result = self.stores.state.advance(position.head, to, &change).await;
        waiting.or_fail(result)?;
        position.head = Some(to);
        self.directory.update(
            signers
                .iter()
                .filter_map(|id| Some((*id, authority.signer(id)?.clone()))),
        );

        let result = self
            .write_growth(from, to.size, tiles, &mut position.open, group.leaves)
            .await;
        waiting.or_fail(result)?;
        let result = self.publish(from, to).await;
        waiting.or_fail(result)?;

        Metrics::count(&self.shared.metrics.groups, 1);
        Metrics::count(&self.shared.metrics.entries, change.entries.len() as u64);
        // Their checkpoint is published: nobody waits for what is only cleared away.
        self.receipt(std::mem::take(&mut waiting.0), began).await;
        match self.clear_away(from, to).await {
            Ok(()) => self.position = Some(position),
            // The group is published all the same. The staged file still stands, and the next turn
            // begins with it and clears away again.
            Err(error) => tracing::warn!(%error, "outgrown files could not be removed"),
        }
        Ok(())
    }

    /// Writes the tiles of a growth and the bundles beside them; `open` becomes the leaves of the
    /// last bundle that is not full.
    pub(super) async fn write_growth(
        &self,
        from: TreeSize,
        to: TreeSize,
        tiles: Vec<TileData>,
        open: &mut Vec<Bytes>,
        leaves: Vec<Bytes>,
    ) -> Result<(), Failed> {
        let mut bundles = Vec::new();
        let mut rest = leaves.into_iter();
        for bundle in tlog::bundles_of_growth(from, to) {
            let missing = usize::from(bundle.width()).saturating_sub(open.len());
            open.extend(rest.by_ref().take(missing));
            bundles.push((bundle, encode(bundle, open)?));
            if bundle.is_full() {
                open.clear();
            }
        }
        Ok(self.tiles.write(tiles, bundles).await?)
    }

    /// Signs the head, has it cosigned, publishes it.
    pub(super) async fn publish(&mut self, from: TreeSize, to: Head) -> Result<(), Failed> {
        let shown = self
            .publish
            .borrow()
            .as_ref()
            .map_or(TreeSize::ZERO, |published| published.size);
        // SEQ-2.
        if to.size < shown || to.size < from {
            return Err(Alarm::Smaller {
                signed: shown.max(from),
                now: to.size,
            }
            .into());
        }
        let mut checkpoint =
            self.signer
                .sign(Checkpoint::new(self.origin.clone(), to.size, to.root))?;
        for heard in self.cosigners.ask(&self.tiles, &checkpoint).await {
            match heard {
                Heard::Line { size, line } if size == to.size => {
                    if let Err(error) = checkpoint.add_signature(line) {
                        tracing::warn!(%error, "a cosignature does not fit");
                    }
                }
                Heard::Line { .. } => {}
                Heard::Ahead { size } => {
                    return Err(Alarm::Witness {
                        witness: size,
                        now: to.size,
                    }
                    .into());
                }
            }
        }
        self.show(to, checkpoint).await
    }

    /// A cosignature that came after its checkpoint was published.
    pub(super) async fn cosigned_late(&mut self, heard: Heard) {
        let Some(published) = self.publish.borrow().clone() else {
            return;
        };
        match heard {
            Heard::Line { size, line } if size == published.size && self.position.is_some() => {
                let mut checkpoint = published.checkpoint.clone();
                let head = Head {
                    size,
                    root: published.root,
                    admitted_at: AdmittedAt::default(),
                };
                let shown = match checkpoint.add_signature(line) {
                    Ok(()) => self.show(head, checkpoint).await,
                    Err(error) => Err(tlog::SignError::Note(error).into()),
                };
                if let Err(failed) = shown {
                    tracing::warn!(error = %super::chain(&failed), "a late cosignature was not published");
                }
            }
            Heard::Ahead { size } if size > published.size => {
                self.stop(Alarm::Witness {
                    witness: size,
                    now: published.size,
                });
            }
            Heard::Line { .. } | Heard::Ahead { .. } => {}
        }
    }

    async fn show(&self, head: Head, checkpoint: SignedCheckpoint) -> Result<(), Failed> {
        self.stores
            .log
            .put(&LogFile::checkpoint(), checkpoint.to_string().into())
            .await?;
        let published = Published {
            size: head.size,
            root: head.root,
            checkpoint,
        };
        self.publish.send_replace(Some(Arc::new(published)));
        Ok(())
    }

    /// Removes what the published group does not need any more: first the partial files that it has
    /// outgrown, then its staged file, whose presence after a crash says that this is still to do.
    /// A start that finds it needs the outgrown files no more: what they held stands at the
    /// beginning of the wider ones.
    pub(super) async fn clear_away(&self, from: TreeSize, to: Head) -> Result<(), StoreError> {
        let mut files = Tiles::outgrown(from, to.size);
        files.push(LogFile::staged(&to.root));
        self.stores.log.remove_all(files).await
    }

    /// Makes the receipts and sends them, while the next group begins already.
    async fn receipt(&self, submissions: Vec<Judged>, began: Instant) {
        let published = self.publish.borrow().clone();
        let (tiles, metrics) = (self.tiles.clone(), self.shared.metrics.clone());
        let work = async move {
            let asked = submissions
                .iter()
                .flat_map(|judged| &judged.admitted)
                .copied();
            let receipts = match published {
                Some(published) => receipts(&tiles, published, asked.collect()).await,
                None => Ok(Vec::new()),
            };
            let mut receipts = match receipts {
                Ok(receipts) => receipts.into_iter(),
                Err(error) => {
                    tracing::warn!(%error, "receipts could not be made");
                    return Receipting(submissions).fail();
                }
            };
            metrics.published(began.elapsed());
            for judged in submissions {
                if let Some(refusal) = &judged.refused {
                    metrics.refused(refusal.code());
                }
                let receipts = receipts.by_ref().take(judged.admitted.len()).collect();
                let _ = judged.reply.send(Ok(Submitted {
                    receipts,
                    refused: judged.refused,
                }));
            }
        };
        tokio::spawn(work);
    }

    /// When the authority's newest leaf was admitted, by the head.
    pub(super) fn agrees(head: &Head, authority: &Authority) -> bool {
        let at = authority
            .admitted_at()
            .map_or(Milliseconds::new(-1), AdmittedAt::time);
        authority.size() == head.size && at == head.admitted_at.time()
    }
}

/// A repeated entry's time of admission is read from its leaf; the others' is known.
async fn receipts(
    tiles: &Tiles,
    published: Arc<Published>,
    asked: Vec<(LogIndex, Option<AdmittedAt>)>,
) -> Result<Vec<String>, TilesError> {
    let mut places = Vec::with_capacity(asked.len());
    for (index, at) in asked {
        places.push((
            index,
            match at {
                Some(at) => at,
                None => tiles.admitted_at(index, published.size).await?,
            },
        ));
    }
    tiles.receipts(published, places).await
}

/// Submissions that are told that they may come again, unless they are taken out.
struct Waiting(Vec<Submission>);

/// The same for judged ones.
struct Receipting(Vec<Judged>);

impl Waiting {
    fn or_fail<T, E: Into<Failed>>(&mut self, result: Result<T, E>) -> Result<T, Failed> {
        result.map_err(|error| {
            super::refuse(std::mem::take(&mut self.0), SubmitError::Unavailable);
            error.into()
        })
    }
}

impl Receipting {
    fn or_fail<T, E: Into<Failed>>(&mut self, result: Result<T, E>) -> Result<T, Failed> {
        result.map_err(|error| {
            Self(std::mem::take(&mut self.0)).fail();
            error.into()
        })
    }

    fn fail(self) {
        for judged in self.0 {
            let _ = judged.reply.send(Err(SubmitError::Unavailable));
        }
    }
}

fn encode(bundle: Bundle, leaves: &[Bytes]) -> Result<Bytes, Failed> {
    let damaged = || TilesError::Damaged {
        path: bundle.path(),
    };
    Ok(tlog::encode_bundle(leaves).map_err(|_| damaged())?.into())
}
