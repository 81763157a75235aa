//! From verified entries to filed records: opens each batch of the mirror once and files it into
//! the partition of its epoch (ROOM-7).
//!
//! Crash argument: a partition's commit says up to which log index everything of its epoch is filed;
//! the next room goes on behind it. What was filed and not committed is undone by the partition;
//! what is filed twice is known and counted once (PARTITION-8). A batch whose object has not come
//! yet holds back its partition's mark, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use seal::{OpenError, OpenedBatch, OpenedRecord, RecordUnreadable, open_batch};
use tlog::LogIndex;
use wire::verify::VerifiedEntry;
use wire::{Body, EpochId};

use crate::follow::report;
use crate::mirror::Mirror;
use crate::partition::{Filing, Partition};
use crate::state::Holding;

use super::desk::Desk;
use super::directory::Directory;

/// Largest sealed batch: 4 MiB and 64 KiB of content, its padding (at most an eighth), its head.
pub(crate) const MAX_BATCH: u64 = 6 << 20;
/// Largest sealed carry: 8 MiB of content, its padding, its head.
pub(crate) const MAX_CARRY: u64 = 10 << 20;
/// Batches that are filed between two commits.
const GROUP: usize = 64;

/// Batches that are verified and not yet filed, by log index.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    batches: BTreeMap<u64, EpochId>,
    last: BTreeMap<EpochId, u64>,
}

impl Waiting {
    /// A batch was verified.
    pub(crate) fn add(&mut self, index: LogIndex, epoch: EpochId, filed: Option<LogIndex>) {
        let last = self.last.entry(epoch).or_default();
        *last = (*last).max(index.get());
        if filed.is_none_or(|filed| filed < index) {
            self.batches.insert(index.get(), epoch);
        }
    }

    /// Everything below this size is filed, of a log of `size` entries.
    pub(crate) fn filed(&self, size: u64) -> u64 {
        self.batches
            .keys()
            .next()
            .map_or(size, |first| (*first).min(size))
    }

    fn through(&self, epoch: EpochId) -> Option<LogIndex> {
        let open = self
            .batches
            .iter()
            .find(|(_, of)| **of == epoch)
            .map(|(index, _)| *index);
        match open {
            Some(index) => index.checked_sub(1).map(LogIndex::new),
            None => self.last.get(&epoch).map(|last| LogIndex::new(*last)),
        }
    }

    /// Forgets what is filed of an epoch: its partition begins anew.
    pub(crate) fn again(&mut self, entries: impl Iterator<Item = (u64, EpochId)>) {
        for (index, epoch) in entries {
            self.batches.insert(index, epoch);
        }
    }
}

impl Desk {
    /// Files what can be filed now. Returns whether something was.
    pub(crate) fn file_waiting(&self) -> bool {
        let mut any = false;
        loop {
            let group: Vec<(u64, EpochId)> = {
                let waiting = self.waiting();
                let tried = self.tried();
                waiting
                    .batches
                    .iter()
                    .filter(|(index, _)| !tried.contains(*index))
                    .take(GROUP)
                    .map(|(index, epoch)| (*index, *epoch))
                    .collect()
            };
            if group.is_empty() {
                self.tried().clear();
                return any;
            }
            any |= self.file_group(&group);
        }
    }

    fn file_group(&self, group: &[(u64, EpochId)]) -> bool {
        let directory = Arc::clone(&self.directory());
        let mut touched: BTreeMap<EpochId, Vec<u64>> = BTreeMap::new();
        let mut failed = BTreeSet::new();
        for (index, epoch) in group {
            if failed.contains(epoch) {
                self.tried().insert(*index);
                continue;
            }
            match self.file_one(*index, *epoch, &directory) {
                Ok(true) => touched.entry(*epoch).or_default().push(*index),
                // Not here yet: it is looked for again in the next pass.
                Ok(false) => {
                    self.tried().insert(*index);
                }
                Err(Fault::Never(problem)) => {
                    self.note_problem(*index, &problem);
                    touched.entry(*epoch).or_default().push(*index);
                }
                // The partition has undone all since its last commit, the earlier ones of this
                // group too: they stay in waiting.
                Err(Fault::Failed(problem)) => {
                    self.note(format!("filing into partition {epoch} failed: {problem}"));
                    for undone in touched.remove(epoch).into_iter().flatten().chain([*index]) {
                        self.tried().insert(undone);
                    }
                    failed.insert(*epoch);
                }
            }
        }
        for epoch in failed {
            self.make_again(epoch);
        }
        let mut any = false;
        for (epoch, indexes) in touched {
            let Some(through) = ({
                let mut waiting = self.waiting();
                for index in &indexes {
                    waiting.batches.remove(index);
                }
                waiting.through(epoch)
            }) else {
                continue;
            };
            let Some(partition) = self.partition(epoch) else {
                continue;
            };
            match partition.commit(through) {
                Ok(_) => any = true,
                Err(error) => {
                    self.note(format!(
                        "partition {epoch} could not be written: {}",
                        report(&error)
                    ));
                    self.make_again(epoch);
                }
            }
        }
        self.rosters().committed();
        any
    }

    /// Files one batch. `false` if its object is not held.
    fn file_one(&self, index: u64, epoch: EpochId, directory: &Directory) -> Result<bool, Fault> {
        // Its records are unreadable for good, as they should be.
        if self.keys().destroyed(epoch) {
            return Ok(true);
        }
        if !self.keys().has(epoch) {
            return Err(Fault::Never("no key of its epoch in this room".to_owned()));
        }
        let Some(entry) = self.entry(index) else {
            return Ok(false);
        };
        if matches!(entry.entry().body(), Body::Carry(_)) {
            let Some((original, opened)) = self.open_carried(&entry).map_err(Fault::Never)? else {
                return Ok(false);
            };
            let partition = self.partition_of(epoch).map_err(Fault::Failed)?;
            self.file_records(
                epoch,
                &partition,
                &original,
                index,
                opened.records(),
                directory,
            )
            .map_err(Fault::Failed)?;
            partition
                .note_carried(entry.index())
                .map_err(|error| Fault::Failed(report(&error)))?;
            return Ok(true);
        }
        let Some(opened) = self.open_batch(&entry).map_err(Fault::Never)? else {
            return Ok(false);
        };
        let partition = self.partition_of(epoch).map_err(Fault::Failed)?;
        self.file_records(
            epoch,
            &partition,
            &entry,
            index,
            opened.records(),
            directory,
        )
        .map_err(Fault::Failed)?;
        Ok(true)
    }

    /// Opens the batch of an entry; `None` if its object is not held. One whose bytes were damaged on
    /// this disk is noted as such: the locked part fetches it again.
    pub(crate) fn open_batch(&self, entry: &VerifiedEntry) -> Result<Option<OpenedBatch>, String> {
        let Body::Batch(head) = entry.entry().body() else {
            return Err("it is no batch".to_owned());
        };
        let Some(object) = object_of(self.mirror(), entry, MAX_BATCH)? else {
            return Ok(None);
        };
        let key = self
            .keys()
            .records(head.epoch)
            .ok_or_else(|| "no key of its epoch in this room".to_owned())?;
        match open_batch(&key, entry, &object) {
            Ok(opened) => Ok(Some(opened)),
            Err(OpenError::OtherObject) => {
                self.object_is_damaged(entry)?;
                Ok(None)
            }
            Err(error) => Err(format!("its object does not open: {}", report(&error))),
        }
    }

    /// The first object of an entry does not have its hash on this disk: the locked part fetches it
    /// again.
    pub(crate) fn object_is_damaged(&self, entry: &VerifiedEntry) -> Result<(), String> {
        let hashes = entry.entry().objects().first().map(|object| object.hash);
        let damaged: Vec<_> = hashes
            .map(|hash| (hash, Holding::Damaged))
            .into_iter()
            .collect();
        self.state()
            .note_objects(&damaged)
            .map_err(|error| report(&error))?;
        self.note(format!(
            "the object of entry {} was damaged on this disk",
            entry.index()
        ));
        Ok(())
    }

    /// Files records that stood in `original` first; problems are those of the entry at `index`,
    /// from which they were opened.
    fn file_records<'a>(
        &self,
        epoch: EpochId,
        partition: &Partition,
        original: &VerifiedEntry,
        index: u64,
        records: impl Iterator<Item = Result<OpenedRecord<'a>, RecordUnreadable>>,
        directory: &Directory,
    ) -> Result<(), String> {
        for record in records {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let problem = format!("a record does not read: {}", report(&error));
                    self.note_problem(index, &problem);
                    continue;
                }
            };
            self.know_roster(epoch, partition, record.record(), directory)?;
            file_record(partition, original, &record, directory)?;
        }
        Ok(())
    }
}

/// The bytes of an entry's first object; `None` if it is not held.
pub(crate) fn object_of(
    mirror: &Mirror,
    entry: &VerifiedEntry,
    most: u64,
) -> Result<Option<Vec<u8>>, String> {
    let Some(object) = entry.entry().objects().first() else {
        return Err("it names no object".to_owned());
    };
    if object.length.get() > most {
        return Err(format!(
            "its object of {} bytes is larger than any of its kind",
            object.length
        ));
    }
    mirror
        .read(&mirror.object_path(object.hash), most)
        .map_err(|error| format!("its object can not be read: {error}"))
}

fn file_record(
    partition: &Partition,
    original: &VerifiedEntry,
    record: &OpenedRecord<'_>,
    directory: &Directory,
) -> Result<(), String> {
    let objects: Vec<Option<[u8; 32]>> = record
        .attachments()
        .iter()
        .map(|sealed| {
            sealed
                .stream
                .as_ref()
                .map(|stream| *stream.object.as_bytes())
        })
        .collect();
    let filing = Filing {
        index: original.index(),
        position: record.position().get(),
        admitted_at: original.admitted_at().time(),
        record: record.record(),
        parts: record.parts(),
        objects: &objects,
        members: &[],
    };
    partition
        .file([filing], directory)
        .map(drop)
        .map_err(|error| report(&error))
}

/// Why a batch was not filed.
enum Fault {
    /// It can not be filed as it is: a problem of the entry; filing goes on.
    Never(String),
    /// The partition can not be written or opened.
    Failed(String),
}

/// Indexes that were looked for in vain in this pass.
pub(crate) type Tried = BTreeSet<u64>;
