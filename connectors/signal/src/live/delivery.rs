//! From the journal to the agent: what is emitted, what is durable, and what may be forgotten.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};

use connector::kit::{Context, KitError, failed};
use connector::{EventNumber, Incoming, Position};
use record::Milliseconds;
use serde::Serialize;
use serde_json::Value;

use super::entries::{GroupEntry, Translated, Translator, contact_hash};
use super::groups::{Known, Trigger};
use super::notices::Notices;
use super::state::State;
use super::wire::SharedJournal;
use crate::journal::{Entry, EntryKind, EntryNumber, FolderKey, Journal, JournalError};

/// Records that are emitted together while there is a backlog.
const TOGETHER: usize = 256;
/// Events in flight above which nothing more is emitted, so that the connector never blocks.
const FLIGHTS: u64 = 48;
/// Says that capture is going on, and until when it is whole.
const RUNNING: &str = "running";
/// The same, where it ended in order.
const ENDED: &str = "ended";
/// Version of signal-cli, and since when it is used here.
const SEEN: &str = "seen";
/// Unknown paths that are told of in one run.
const TOLD_PATHS: usize = 20;

/// The journal's other end.
pub(crate) struct Delivery {
    translator: Translator,
    key: FolderKey,
    journal: SharedJournal,
    clock: fn() -> Milliseconds,
    /// As of `next`.
    state: State,
    /// The last entry that was translated.
    next: EntryNumber,
    /// Behind what the agent had made durable before this run.
    position: EntryNumber,
    flights: VecDeque<Flight>,
    wanted: Wanted,
    told_paths: BTreeSet<String>,
    cut_off: bool,
    whole_until: Milliseconds,
    /// The server's time of the newest event that was translated.
    newest: Milliseconds,
}

/// Emitted and not durable.
struct Flight {
    event: EventNumber,
    through: EntryNumber,
    files: Vec<PathBuf>,
    state: Option<State>,
}

#[derive(Default)]
struct Wanted {
    groups: bool,
    contacts: bool,
    /// What told that a group changed, by its id.
    triggers: BTreeMap<String, Trigger>,
    /// As they were appended last: they may not be translated yet.
    shown: BTreeMap<String, Known>,
}

impl Delivery {
    pub(crate) fn new(
        translator: Translator,
        key: FolderKey,
        journal: SharedJournal,
        state: State,
        position: EntryNumber,
        clock: fn() -> Milliseconds,
    ) -> Self {
        let sign = |name: &str| {
            let text = fs::read_to_string(translator.folder.join(name)).ok()?;
            Some(Milliseconds::new(text.trim().parse().unwrap_or_default()))
        };
        let running = sign(RUNNING);
        let whole_until = running.or_else(|| sign(ENDED)).unwrap_or_else(clock);
        Self {
            next: state.through(),
            translator,
            key,
            journal,
            clock,
            state,
            position,
            flights: VecDeque::new(),
            wanted: Wanted::default(),
            told_paths: BTreeSet::new(),
            cut_off: running.is_some(),
            whole_until,
            newest: whole_until,
        }
    }

    /// Takes into account what the agent holds already, and clears away what it does not need.
    pub(crate) fn begin(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        if self.lock().is_damaged() {
            ctx.trouble("signal-journal-damaged", &[])?;
            let loss = super::entries::LossEntry {
                why: "damaged".to_owned(),
                from: Some(self.whole_until.get()),
                to: Some((self.clock)().get()),
                detail: Some("entries of the journal can not be read".to_owned()),
            };
            self.append(EntryKind::Loss, &loss)?;
        }
        if self.next > self.position {
            self.next = self.position;
        }
        while self.next < self.position {
            let Some(entry) = self.after(self.next)?.filter(|e| e.number <= self.position) else {
                break;
            };
            let translated = self.take(&entry);
            remove(&translated.files);
        }
        self.next = self.position;
        let folder = fs::read_dir(&self.translator.folder);
        let laid: Vec<PathBuf> = folder
            .into_iter()
            .flatten()
            .flatten()
            .filter(|file| file.file_name().to_string_lossy().starts_with("up-"))
            .map(|file| file.path())
            .collect();
        remove(&laid);
        Ok(())
    }

    pub(crate) fn journal(&self) -> SharedJournal {
        Arc::clone(&self.journal)
    }

    pub(crate) fn set_number(&mut self, number: &str) {
        self.translator.number = Some(number.to_owned());
    }

    /// Everything that was sent before is in the journal, as far as can be known: signal-cli hands
    /// over in the order of the server.
    pub(crate) fn whole_until(&self) -> Milliseconds {
        self.whole_until
    }

    /// Whether the run before this one was ended by force while it captured.
    pub(crate) fn was_cut_off(&self) -> bool {
        self.cut_off
    }

    /// From now on signal-cli takes events from the server: durable before it is asked to, so that
    /// no end by force goes unseen.
    pub(crate) fn begins(&self) -> Result<(), KitError> {
        let path = self.translator.folder.join(RUNNING);
        let text = self.whole_until.get().to_string();
        crate::journal::write_whole(&path, text.as_bytes())
            .map_err(|error| broken(&JournalError::Io(path, error)))
    }

    /// Capture goes on; `lull` is a time before which nothing waits any more, where nothing has come
    /// for long. Not synced: after a loss of power the interval of what can be missing is longer,
    /// not shorter.
    pub(crate) fn sign(&mut self, lull: Option<Milliseconds>) {
        let known = lull.map_or(self.newest, |since| since.max(self.newest));
        self.whole_until = self.whole_until.max(known.min((self.clock)()));
        self.write_sign(RUNNING);
    }

    /// Capture has ended, and what may be missing of it is recorded. What comes from now on waits at
    /// the server.
    pub(crate) fn ended(&self) {
        self.write_sign(ENDED);
        let _ = fs::remove_file(self.translator.folder.join(RUNNING));
    }

    fn write_sign(&self, name: &str) {
        let path = self.translator.folder.join(name);
        let fresh = path.with_extension("new");
        if fs::write(&fresh, self.whole_until.get().to_string()).is_ok() {
            let _ = fs::rename(fresh, path);
        }
    }

    /// Since when this version of signal-cli is used here.
    pub(crate) fn first_seen(&self, version: &str) -> Milliseconds {
        let path = self.translator.folder.join(SEEN);
        let known = fs::read_to_string(&path).ok().and_then(|text| {
            let (known, since) = text.split_once(' ')?;
            (known == version).then(|| since.trim().parse().ok())?
        });
        match known {
            Some(since) => Milliseconds::new(since),
            None => {
                let now = (self.clock)();
                let text = format!("{version} {}", now.get());
                let _ = crate::journal::write_whole(&path, text.as_bytes());
                now
            }
        }
    }

    /// Appends an entry of the connector's own.
    pub(crate) fn append(
        &mut self,
        kind: EntryKind,
        entry: &impl Serialize,
    ) -> Result<(), KitError> {
        let bytes = serde_json::to_vec(entry).unwrap_or_default();
        let captured = (self.clock)();
        self.lock()
            .append(captured, &[(kind, &bytes)])
            .map_err(|error| broken(&error))
    }

    /// Emits what is new, and forgets what is durable.
    pub(crate) fn deliver(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        self.settle(ctx)?;
        while ctx.in_flight()? < FLIGHTS {
            let mut records: Vec<Incoming> = Vec::new();
            let mut files = Vec::new();
            let mut changed = false;
            let mut losses = 0;
            let before = self.next;
            while records.len() < TOGETHER {
                let Some(entry) = self.after(self.next)? else {
                    break;
                };
                let mut translated = self.take(&entry);
                changed |= translated.changed;
                self.follow_up(ctx, &mut translated)?;
                losses += translated.losses;
                records.append(&mut translated.records);
                files.append(&mut translated.files);
            }
            if self.next == before {
                break;
            }
            if !records.is_empty() {
                ctx.count_losses(losses);
                let position = Position::new(self.next.get().to_be_bytes());
                ctx.emit(records, Some(position))?;
            }
            self.flights.push_back(Flight {
                event: ctx.emitted(),
                through: self.next,
                files,
                state: changed.then(|| self.state.clone()),
            });
        }
        self.settle(ctx)
    }

    /// Appends the groups that are shown otherwise than before.
    pub(crate) fn groups_shown(&mut self, answer: &Value) -> Result<(), KitError> {
        for group in answer.as_array().into_iter().flatten() {
            let Some((id, mut now)) = Known::of(group) else {
                continue;
            };
            let trigger = self.wanted.triggers.remove(&id).unwrap_or_default();
            let before = self
                .wanted
                .shown
                .get(&id)
                .or_else(|| self.state.groups.get(&id));
            let told = trigger.revision.is_some();
            if before.is_some_and(|before| {
                before.looks_like(&now) && (!told || before.is_at(trigger.revision))
            }) {
                continue;
            }
            now.set_revision(trigger.revision.max(before.and_then(Known::revision)));
            self.wanted.shown.insert(id, now);
            let entry = GroupEntry {
                trigger,
                group: group.clone(),
            };
            self.append(EntryKind::Group, &entry)?;
        }
        Ok(())
    }

    /// Appends the contacts that are shown otherwise than before.
    pub(crate) fn contacts_shown(&mut self, answer: &Value) -> Result<(), KitError> {
        for contact in answer.as_array().into_iter().flatten() {
            let Some((id, hash)) = contact_hash(contact) else {
                continue;
            };
            if self.state.contacts.get(&id) != Some(&hash) {
                self.append(EntryKind::Contact, contact)?;
            }
        }
        Ok(())
    }

    pub(crate) fn ask_groups(&mut self) {
        self.wanted.groups = true;
    }

    pub(crate) fn ask_contacts(&mut self) {
        self.wanted.contacts = true;
    }

    pub(crate) fn take_groups_wanted(&mut self) -> bool {
        std::mem::take(&mut self.wanted.groups)
    }

    pub(crate) fn take_contacts_wanted(&mut self) -> bool {
        std::mem::take(&mut self.wanted.contacts)
    }

    /// Who is owed a notice; nothing while there are entries that can tell of one.
    pub(crate) fn notices(&self) -> Option<&Notices> {
        (self.lock().newest() <= self.next).then_some(&self.state.notices)
    }

    fn take(&mut self, entry: &Entry) -> Translated {
        self.next = entry.number;
        let translated = self.translator.translate(entry, &mut self.state);
        self.newest = self.newest.max(translated.server.unwrap_or_default());
        translated
    }

    fn follow_up(
        &mut self,
        ctx: &mut Context<'_>,
        translated: &mut Translated,
    ) -> Result<(), KitError> {
        self.wanted.contacts |= translated.contacts;
        for (id, trigger) in translated.groups.drain(..) {
            let known = self.state.groups.get(&id);
            if known.is_none_or(|known| !known.is_at(trigger.revision)) {
                self.wanted.groups = true;
                self.wanted
                    .triggers
                    .entry(id)
                    .and_modify(|known| known.renew(&trigger))
                    .or_insert(trigger);
            }
        }
        for path in translated.unmodelled.drain(..) {
            if self.told_paths.len() < TOLD_PATHS && self.told_paths.insert(path.clone()) {
                ctx.trouble("signal-unmodelled", &[("path", &path)])?;
            }
        }
        Ok(())
    }

    fn settle(&mut self, ctx: &mut Context<'_>) -> Result<(), KitError> {
        let durable = ctx.durable()?;
        let mut through = None;
        let mut state = None;
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.event <= durable) {
            remove(&flight.files);
            through = Some(flight.through);
            state = flight.state.or(state);
        }
        if let Some(state) = state {
            state
                .keep(&self.translator.folder, &self.key)
                .map_err(|error| broken(&error))?;
        }
        if let Some(through) = through {
            self.lock()
                .forget(through)
                .map_err(|error| broken(&error))?;
        }
        Ok(())
    }

    fn after(&self, number: EntryNumber) -> Result<Option<Entry>, KitError> {
        self.lock().after(number).map_err(|error| broken(&error))
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn broken(error: &JournalError) -> KitError {
    let detail = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    failed("signal-journal", &[("detail", &detail)])
}

fn remove(files: &[impl AsRef<Path>]) {
    for file in files {
        // What is gone already was removed before a crash.
        let _ = fs::remove_file(file);
    }
}
