//! Prepared events become durable in groups, in the order in which they came, and then only is the
//! connector told (CONN-3).

use std::fs;
use std::path::Path;
use std::sync::mpsc::Sender;

use record::Mode;
use seal::Form;
use wire::RetentionClass;

use crate::converse::{ConversationError, Happening, Kept, Shared};
use crate::ordered::InOrder;
use crate::prepare::Prepared;
use crate::spool::Group;

/// A group is closed at so many records or events.
const GROUP_RECORDS: u64 = 32_768;
const GROUP_EVENTS: usize = 32;

/// Seals and commits events in groups, in order, and tells the connector.
pub(crate) fn keep(
    shared: &Shared<'_>,
    line: &InOrder<Result<Prepared, ConversationError>>,
    happens: &Sender<Happening>,
) -> Result<(), ConversationError> {
    let mut result = Ok(());
    while let Some(first) = line.next() {
        let mut events = Vec::new();
        let mut records = 0;
        let mut next = Some(first);
        while let Some(prepared) = next {
            match prepared {
                Ok(event) => {
                    records += event.kept.new;
                    events.push(event);
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
            let open = records < GROUP_RECORDS && events.len() < GROUP_EVENTS;
            next = open.then(|| line.next_begun()).flatten();
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
            for batch in late.iter().flat_map(|event| &event.batches) {
                shared.agent.take_back(batch.marks());
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
    let mut batches = Vec::new();
    let mut position = None;
    let mut files = Vec::new();
    let mut left_out = Vec::new();
    for event in events {
        kept.add(&event.kept);
        batches.extend(event.batches);
        position = event.position.or(position);
        files.extend(event.files);
        left_out.extend(event.left_out);
    }
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
        ..Group::default()
    };
    let worth = !group.consumed.is_empty() || !group.left_out.is_empty();
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
    Ok(())
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
