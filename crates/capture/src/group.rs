//! Prepared events become durable in groups, in the order in which they came, and then only is the
//! connector told (CONN-3). Events of few records that wait together become one batch, so that a
//! flood of small ones is not multiplied (SPOOL-8).

use std::fs;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;

use connector::limit::IN_FLIGHT;
use record::Mode;
use seal::Form;
use wire::RetentionClass;

use crate::converse::{ConversationError, Happening, Kept, Shared};
use crate::known::Mark;
use crate::notices::Noticed;
use crate::ordered::{InOrder, from_now};
use crate::prepare::{Prepared, Ready};
use crate::sealing::{Gathering, PreparedBatch, SealingError};
use crate::spool::Group;

/// A group is closed at so many records, or when it holds all events that may be in flight.
const GROUP_RECORDS: u64 = 32_768;
/// Events that were received are waited for so long after the first of the group was ready, while
/// the group has fewer records and bytes than these.
const TOGETHER: Duration = Duration::from_millis(20);
const TOGETHER_RECORDS: u64 = 1_024;
const TOGETHER_BYTES: usize = 1 << 20;

/// Seals and commits events in groups, in order, and tells the connector.
pub(crate) fn keep(
    shared: &Shared<'_>,
    line: &InOrder<Result<Prepared, ConversationError>>,
    happens: &Sender<Happening>,
) -> Result<(), ConversationError> {
    let mut result = Ok(());
    while let Some(first) = line.next() {
        let mut events: Vec<Prepared> = Vec::new();
        let (mut records, mut bytes) = (0, 0);
        let until = from_now(TOGETHER);
        let mut next = Some(first);
        while let Some(prepared) = next {
            match prepared {
                Ok(event) => {
                    records += event.kept.new;
                    bytes += event.held.bytes();
                    events.push(event);
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
            // A lone event waits for nothing.
            let more = shared.side().in_flight().min(IN_FLIGHT) > events.len() as u64;
            let few = records < TOGETHER_RECORDS && bytes < TOGETHER_BYTES;
            let wait = if few { until } else { from_now(Duration::ZERO) };
            let open = more && records < GROUP_RECORDS;
            next = open.then(|| line.next_until(wait)).flatten();
        }
        // What came in order before a failure is kept.
        if let Err(error) = keep_group(shared, events, happens) {
            result = Err(error);
        }
        if result.is_err() {
            break;
        }
    }
    if result.is_err() {
        // The connector is ended at once, and what is prepared already will come again.
        shared.hang_up();
        while let Some(late) = line.next() {
            for event in late.iter() {
                shared.agent.take_back(&event.marks());
            }
        }
    }
    result
}

fn keep_group(
    shared: &Shared<'_>,
    events: Vec<Prepared>,
    happens: &Sender<Happening>,
) -> Result<(), ConversationError> {
    let Some(last) = events.last().map(|event| event.number) else {
        return Ok(());
    };
    let local = shared.agent.identity().local();
    let mut kept = Kept::default();
    let mut position = None;
    let mut files = Vec::new();
    let mut left_out = Vec::new();
    let mut noticed = Noticed::default();
    let mut records = Vec::new();
    // What the events take of the conversation's room is free when they are durable, or failed.
    let mut held = Vec::new();
    let marks: Vec<Mark> = events.iter().flat_map(Prepared::marks).collect();
    for event in events {
        kept.add(&event.kept);
        position = event.position.or(position);
        files.extend(event.files);
        left_out.extend(event.left_out);
        noticed.add(event.noticed);
        records.push((event.few, event.batches));
        held.push(event.held);
    }
    let batches = gather(shared, records).inspect_err(|_| shared.agent.take_back(&marks))?;
    let account = shared.terms.resume;
    let group = Group {
        account,
        position: match (account, position) {
            (Some(_), Some(position)) => Some(local.seal_position(position.as_bytes())?),
            _ => None,
        },
        // An import's folder is cleared as a whole.
        consumed: match account {
            Some(_) => files.iter().map(|name| local.file_name(name)).collect(),
            None => Vec::new(),
        },
        left_out,
        notices: noticed.changes(local, shared.place())?,
        ..Group::default()
    };
    let spoken = !group.notices.due.is_empty();
    let worth =
        !group.consumed.is_empty() || !group.left_out.is_empty() || !group.notices.is_empty();
    if !batches.is_empty() || group.position.is_some() || worth {
        let form = match shared.terms.mode {
            Mode::Import => Form::Import,
            _ => Form::Live,
        };
        let consumed = group.consumed.clone();
        kept.entries = shared.agent.keep(batches, class(shared), form, group)?;
        delete_files(&shared.folder, &files);
        if !consumed.is_empty() {
            shared.agent.spool().forget_consumed(&consumed)?;
        }
    } else {
        delete_files(&shared.folder, &files);
    }
    if let (Some(account), Some(intake)) = (account, shared.intake.get()) {
        shared.agent.tell_left_out(intake.source(), account)?;
    }
    let durable = shared.side().durable(last)?;
    // A connector that is gone is found by the reader; what is durable stays so.
    let _ = shared.say(&durable);
    let _ = happens.send(Happening::Durable(kept));
    // Only now: a notice of what was not captured would be wrong.
    if spoken && let Some(happening) = shared.ask_notices()? {
        let _ = happens.send(happening);
    }
    Ok(())
}

/// Few records of each event together, many as they are, all in the order of the events.
fn gather(
    shared: &Shared<'_>,
    events: Vec<(Vec<Ready>, Vec<PreparedBatch>)>,
) -> Result<Vec<PreparedBatch>, SealingError> {
    let mut randomness = shared.agent.environment().randomness();
    let mut gathering = Gathering::new();
    let mut batches = Vec::new();
    for (few, many) in events {
        for record in few {
            record.gather(&mut gathering, &mut *randomness)?;
        }
        if !many.is_empty() {
            let before = std::mem::replace(&mut gathering, Gathering::new());
            batches.extend(before.finish(&mut *randomness));
            batches.extend(many);
        }
    }
    batches.extend(gathering.finish(&mut *randomness));
    Ok(batches)
}

/// The plan's retention class counts for what is captured as it happens.
fn class(shared: &Shared<'_>) -> RetentionClass {
    let plan = shared.agent.plan();
    if shared.terms.resume.is_some() && plan.number() > 0 {
        plan.class()
    } else {
        shared.terms.class
    }
}

/// Plain files whose sealed copies are durable. One that can not be deleted now is deleted when
/// the connector is started next.
fn delete_files(folder: &Path, names: &[String]) {
    for name in names {
        let _ = fs::remove_file(folder.join(name));
    }
}
