//! One event of a connector on its way to the sealer: records checked and claimed, attachments
//! sealed as streams, the rest gathered into batches. Several at once, each on a thread of its own.

use connector::{EventNumber, Incoming, Position};
use record::Content;
use seal::{Decision, Randomness, StreamPlace};

use crate::converse::{ConversationError, Kept, LossNote, Shared};
use crate::intake::Taken;
use crate::known::Mark;
use crate::sealing::{Gathering, PreparedBatch, SealedFile, seal_file};
use crate::spool::{Day, LeftOut};

/// An event on its way to the workers.
pub(crate) struct Piece {
    pub(crate) number: EventNumber,
    pub(crate) records: Vec<Incoming>,
    pub(crate) position: Option<Position>,
}

/// An event that is ready to be sealed.
pub(crate) struct Prepared {
    pub(crate) number: EventNumber,
    pub(crate) batches: Vec<PreparedBatch>,
    pub(crate) position: Option<Position>,
    pub(crate) files: Vec<String>,
    pub(crate) kept: Kept,
    /// What the plan left out (PLAN-5).
    pub(crate) left_out: Option<LeftOut>,
}

/// Checks, claims and prepares one event's records, and seals its attachments.
pub(crate) fn prepare(shared: &Shared<'_>, piece: Piece) -> Result<Prepared, ConversationError> {
    let mut claimed = Vec::new();
    let prepared = prepare_claiming(shared, piece, &mut claimed);
    if prepared.is_err() {
        shared.agent.take_back(&claimed);
    }
    prepared
}

fn prepare_claiming(
    shared: &Shared<'_>,
    piece: Piece,
    claimed: &mut Vec<Mark>,
) -> Result<Prepared, ConversationError> {
    let agent = shared.agent;
    let local = agent.identity().local();
    let Some(intake) = shared.intake.get() else {
        return Err(ConversationError::Died);
    };
    let now = agent.environment().now();
    let mut randomness = agent.environment().randomness();
    let mut gathering = Gathering::new();
    let mut files = Vec::new();
    let mut kept = Kept::default();
    // PLAN-4: of what is captured as it happens; an import is an act of its own.
    let plan = shared.terms.resume.map(|_| agent.plan());
    let mut left_out = None;
    for incoming in piece.records {
        let mut taken = intake.take(incoming, now)?;
        files.extend(taken.files.iter().map(|file| file.name.clone()));
        if let Some(plan) = &plan {
            let decision = plan.decide(&taken.record);
            if decision != Decision::Capture {
                left_out
                    .get_or_insert_with(|| LeftOut::none(Day::of(now), plan.number()))
                    .count(decision);
                continue;
            }
        }
        let mut mark = Mark::of(&taken.record, local);
        if !agent.claim(&mark)? {
            kept.known += 1;
            continue;
        }
        claimed.push(mark);
        let streams = match seal_files(shared, &taken, &mut *randomness)? {
            Ok(streams) => streams,
            Err(index) => {
                // The record itself is to be taken when it comes again, whole.
                agent.take_back(&[mark]);
                claimed.pop();
                taken = Taken::of(intake.incomplete(&taken.record, index, now)?);
                mark = Mark::of(&taken.record, local);
                if !agent.claim(&mark)? {
                    kept.known += 1;
                    continue;
                }
                claimed.push(mark);
                Vec::new()
            }
        };
        kept.new += 1;
        if let Content::Loss(loss) = &taken.record.body().content {
            kept.losses += 1;
            kept.notes.push(LossNote::of(loss));
        }
        gathering.push(&taken, Some(mark), streams, &mut *randomness)?;
    }
    Ok(Prepared {
        number: piece.number,
        batches: gathering.finish(&mut *randomness),
        position: piece.position,
        files,
        kept,
        left_out,
    })
}

type Streams = Vec<Option<(seal::Stream, crate::spool::SpooledStream)>>;

/// Seals a record's attachments. Inner error: the attachment whose bytes are not there.
fn seal_files(
    shared: &Shared<'_>,
    taken: &Taken,
    randomness: &mut dyn Randomness,
) -> Result<Result<Streams, usize>, ConversationError> {
    let attachments = taken.record.attachments();
    if attachments.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let folder = shared.agent.spool().streams();
    let mut streams = Vec::with_capacity(attachments.len());
    for (index, attachment) in attachments.iter().enumerate() {
        if attachment.size == 0 {
            streams.push(None);
            continue;
        }
        let file = taken
            .files
            .iter()
            .find(|file| usize::try_from(file.attachment) == Ok(index));
        let Some(file) = file else {
            return Ok(Err(index));
        };
        let place = StreamPlace {
            archive: shared.agent.archive(),
            record: taken.record.id(),
            index: file.attachment,
        };
        let described = (attachment.size, attachment.sha256);
        let path = shared.folder.join(&file.name);
        match seal_file(&path, described, &place, &folder, randomness)? {
            SealedFile::Sealed(stream, spooled) => streams.push(Some((stream, spooled))),
            SealedFile::Another => return Ok(Err(index)),
        }
    }
    Ok(Ok(streams))
}
