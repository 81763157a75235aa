//! Records that were carried to a later epoch before their own ended (CARRY-1, CARRY-2, ROOM-8).
//!
//! While the original's epoch has its key, its partition has the record, and what was carried is
//! opened once, to find before the key is destroyed what could not be read after. Afterwards it is
//! filed in the partition of the epoch it was carried to, under its original index: a record stands
//! in one partition at a time, and is never found twice.

use std::collections::BTreeMap;

use seal::{OpenCarryError, OpenError, OpenedBatch, OpenedCarry, OpenedRecord, open_carry};
use wire::verify::VerifiedEntry;
use wire::{Body, Carry, EpochId, RecordPosition};

use crate::follow::report;

use super::desk::Desk;
use super::filing::{MAX_CARRY, object_of};
use super::outlines::Outline;

/// Carries of the verified log: indexes of `carry` entries by the index of the original entry.
#[derive(Debug, Default)]
pub(crate) struct Carries(BTreeMap<u64, Vec<u64>>);

impl Carries {
    /// A `carry` entry was verified.
    pub(crate) fn add(&mut self, index: u64, head: &Carry) {
        let of = self.0.entry(head.original.get()).or_default();
        if !of.contains(&index) {
            of.push(index);
        }
    }

    fn of(&self, original: u64) -> &[u64] {
        self.0.get(&original).map_or(&[], Vec::as_slice)
    }
}

/// Where a record is read from: its own batch, or the carry that brought it.
pub(crate) enum Opened {
    /// The batch that it was sealed in.
    Batch(Box<OpenedBatch>),
    /// A later carry.
    Carry(Box<OpenedCarry>),
}

impl Opened {
    /// The record that has this position in the original batch.
    pub(crate) fn record(
        &self,
        position: RecordPosition,
    ) -> Option<Result<OpenedRecord<'_>, seal::RecordUnreadable>> {
        match self {
            Self::Batch(batch) => batch.record(position),
            Self::Carry(carry) => carry.record(position),
        }
    }
}

impl Desk {
    /// Whether what this entry carried is to be filed: the original can not be opened any more.
    pub(crate) fn carry_is_due(&self, head: &Carry) -> bool {
        self.batch_epoch(head.original.get())
            .is_none_or(|epoch| !self.keys().has(epoch))
    }

    /// The `carry` entry that brought a record into the partition of `epoch`; `None` if the record
    /// stands in its own epoch's.
    pub(crate) fn carry_of(
        &self,
        original: u64,
        position: RecordPosition,
        epoch: EpochId,
    ) -> Option<VerifiedEntry> {
        if self.batch_epoch(original) == Some(epoch) {
            return None;
        }
        self.carries_naming(original, position)
            .into_iter()
            .find(|entry| matches!(entry.entry().body(), Body::Carry(head) if head.epoch == epoch))
    }

    /// The newest `carry` entry that names a record.
    pub(crate) fn last_carry(
        &self,
        original: u64,
        position: RecordPosition,
    ) -> Option<VerifiedEntry> {
        self.carries_naming(original, position).pop()
    }

    fn carries_naming(&self, original: u64, position: RecordPosition) -> Vec<VerifiedEntry> {
        let indexes = self.carries().of(original).to_vec();
        indexes
            .into_iter()
            .filter_map(|index| self.entry(index))
            .filter(|entry| match entry.entry().body() {
                Body::Carry(head) => head.positions.contains(&position),
                _ => false,
            })
            .collect()
    }

    fn batch_epoch(&self, index: u64) -> Option<EpochId> {
        match self.log().outlines().at(index)? {
            Outline::Batch(epoch) => Some(epoch),
            _ => None,
        }
    }

    /// Opens what an entry carried, and recomputes each record's commitment against the original
    /// entry (CARRY-2). `None` if its object is not held.
    pub(crate) fn open_carried(
        &self,
        entry: &VerifiedEntry,
    ) -> Result<Option<(VerifiedEntry, OpenedCarry)>, String> {
        let Body::Carry(head) = entry.entry().body() else {
            return Err("it carries nothing".to_owned());
        };
        let original = self
            .entry(head.original.get())
            .ok_or_else(|| "the original entry is not among the verified ones".to_owned())?;
        let Some(object) = object_of(self.mirror(), entry, MAX_CARRY)? else {
            return Ok(None);
        };
        let key = self
            .keys()
            .records(head.epoch)
            .ok_or_else(|| "no key of its epoch in this room".to_owned())?;
        match open_carry(&key, entry, &original, &object) {
            Ok(opened) => Ok(Some((original, opened))),
            Err(OpenCarryError::Open(OpenError::OtherObject)) => {
                self.object_is_damaged(entry)?;
                Ok(None)
            }
            Err(error) => Err(format!("what it carried does not open: {}", report(&error))),
        }
    }

    /// Opens a carry whose original still has its key, once in the vault's life, and notes what is
    /// wrong with it.
    pub(crate) fn check_carry(&self, entry: &VerifiedEntry) {
        let fact = format!("carry checked {}", entry.index());
        if self
            .state()
            .raise(&fact, 0)
            .is_ok_and(|checked| checked > 0)
        {
            return;
        }
        match self.open_carried(entry) {
            Ok(None) => return,
            Ok(Some((_, opened))) => {
                for record in opened.records() {
                    if let Err(error) = record {
                        self.note_problem(
                            entry.index().get(),
                            &format!("a carried record does not read: {}", report(&error)),
                        );
                    }
                }
            }
            Err(problem) => self.note_problem(entry.index().get(), &problem),
        }
        if let Err(error) = self.state().raise(&fact, 1) {
            self.note(format!("a carry's check is not kept: {}", report(&error)));
        }
    }
}
