//! Rosters that stand in another epoch than the records which name them (PARTITION-13).
//!
//! A partition is under its epoch's own key and ends with it, so what it needs of another is copied
//! into it: members and title of a roster, when a record that names it is filed, or when the roster
//! is filed after it.
//!
//! Crash argument: what is learnt stands in the partition's transaction and becomes durable with its
//! next commit. What a crash takes away is an unknown roster again when the room opens.

use std::collections::{BTreeMap, BTreeSet};

use record::{Kind, Record, RecordId};
use wire::EpochId;

use crate::follow::report;
use crate::partition::{Filed, Partition};

use super::desk::Desk;
use super::directory::Directory;

/// What this room knows about rosters.
#[derive(Default)]
pub(crate) struct Rosters {
    /// Known in the partition: nothing is looked up again.
    settled: BTreeSet<(EpochId, RecordId)>,
    /// Named in partitions, and nowhere filed so far.
    missing: BTreeMap<RecordId, BTreeSet<EpochId>>,
    /// Filed since the last commit: their partitions do not show them yet.
    fresh: BTreeMap<RecordId, (EpochId, Filed)>,
}

impl Rosters {
    /// Everything filed is committed.
    pub(crate) fn committed(&mut self) {
        self.fresh.clear();
    }

    /// A partition begins anew.
    pub(crate) fn forget(&mut self, epoch: EpochId) {
        self.settled.retain(|(of, _)| *of != epoch);
        for epochs in self.missing.values_mut() {
            epochs.remove(&epoch);
        }
    }
}

impl Desk {
    /// Before a record is filed in `partition`: sees to it that the roster which it names is known
    /// there.
    pub(crate) fn know_roster(
        &self,
        epoch: EpochId,
        partition: &Partition,
        record: &Record,
        directory: &Directory,
    ) -> Result<(), String> {
        if record.kind() == Kind::Roster {
            return self.teach(epoch, record, directory);
        }
        let Some(id) = record.envelope().roster() else {
            return Ok(());
        };
        if self.rosters().settled.contains(&(epoch, id)) {
            return Ok(());
        }
        self.learn(epoch, partition, id, directory)
    }

    /// When the room opens: what a crash or a late roster left unknown.
    pub(crate) fn know_missing_rosters(&self, directory: &Directory) {
        for (epoch, partition) in self.open_partitions_list() {
            let unknown = match partition.unknown_rosters() {
                Ok(unknown) => unknown,
                Err(error) => {
                    self.note(format!(
                        "rosters of partition {epoch} can not be read: {}",
                        report(&error)
                    ));
                    continue;
                }
            };
            let mut learnt = Ok(());
            for id in unknown {
                learnt = learnt.and_then(|()| self.learn(epoch, &partition, id, directory));
            }
            let kept = learnt.and_then(|()| keep(&partition));
            if let Err(why) = kept {
                self.note(format!("rosters of partition {epoch} are not kept: {why}"));
            }
        }
    }

    fn learn(
        &self,
        epoch: EpochId,
        partition: &Partition,
        id: RecordId,
        directory: &Directory,
    ) -> Result<(), String> {
        match self.find_roster(id, directory)? {
            Some((of, _)) if of == epoch => {}
            Some((_, roster)) => partition
                .learn_roster(&roster)
                .map_err(|error| report(&error))?,
            None => {
                let mut rosters = self.rosters();
                rosters.missing.entry(id).or_default().insert(epoch);
                rosters.settled.insert((epoch, id));
                return Ok(());
            }
        }
        self.rosters().settled.insert((epoch, id));
        Ok(())
    }

    /// A roster is filed: partitions whose records named it before learn it now.
    fn teach(&self, epoch: EpochId, roster: &Record, directory: &Directory) -> Result<(), String> {
        let filed = Filed::of(roster, directory);
        let waiting = {
            let mut rosters = self.rosters();
            rosters.settled.insert((epoch, filed.id));
            rosters.fresh.insert(filed.id, (epoch, filed.clone()));
            rosters.missing.remove(&filed.id).unwrap_or_default()
        };
        for other in waiting.into_iter().filter(|other| *other != epoch) {
            let Some(partition) = self.partition(other) else {
                continue;
            };
            partition
                .learn_roster(&filed)
                .map_err(|error| report(&error))?;
            keep(&partition)?;
        }
        Ok(())
    }

    /// The roster and the epoch in whose partition it is filed.
    fn find_roster(
        &self,
        id: RecordId,
        directory: &Directory,
    ) -> Result<Option<(EpochId, Filed)>, String> {
        if let Some((epoch, roster)) = self.rosters().fresh.get(&id) {
            return Ok(Some((*epoch, roster.clone())));
        }
        for (epoch, partition) in self.open_partitions_list() {
            let Some(row) = partition.find(&id).map_err(|error| report(&error))? else {
                continue;
            };
            let parts = partition.parts(&row).map_err(|error| report(&error))?;
            let record = read(&parts)?;
            return Ok(Some((epoch, Filed::of(&record, directory))));
        }
        Ok(None)
    }
}

/// Makes durable what was learnt, without saying that more is filed. Before the first commit of a
/// partition its own commit does it.
fn keep(partition: &Partition) -> Result<(), String> {
    let Some(last) = partition.last_filed() else {
        return Ok(());
    };
    partition
        .commit(last)
        .map(drop)
        .map_err(|error| report(&error))
}

fn read(parts: &[Vec<u8>]) -> Result<Record, String> {
    let mut first = [&[][..]; 4];
    for (to, from) in first.iter_mut().zip(parts) {
        *to = from;
    }
    // A roster's pictures do not matter here; its attachments are read for its indexes to be right.
    let attachments = parts
        .iter()
        .skip(first.len())
        .map(|part| canonical::from_bytes::<seal::SealedAttachment>(part))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| report(&error))?;
    let described = attachments.into_iter().map(|sealed| sealed.attachment);
    Record::from_parts(first, described.collect()).map_err(|error| report(&error))
}
