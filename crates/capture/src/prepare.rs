//! One event of a connector on its way to the sealer: records checked and claimed, attachments
//! sealed as streams, many records gathered into batches. Several at once, each on a thread of its
//! own.

use connector::{EventNumber, Incoming, Position};
use record::Content;
use seal::{Decision, Randomness, StreamPlace};

use crate::converse::{ConversationError, Kept, LossNote, Shared};
use crate::intake::Taken;
use crate::known::{Claim, Mark};
use crate::notices::Noticed;
use crate::ordered::Held;
use crate::sealing::{Gathering, PreparedBatch, SealedFile, SealingError, seal_file};
use crate::spool::{Day, LeftOut};

/// An event of at most so many records shares a batch with those that wait beside it (SPOOL-8).
const FEW_RECORDS: usize = 64;
/// The same for the bytes of its parts.
const FEW_BYTES: usize = 256 << 10;

/// An event on its way to the workers.
pub(crate) struct Piece {
    pub(crate) number: EventNumber,
    pub(crate) records: Vec<Incoming>,
    pub(crate) position: Option<Position>,
    /// Bytes of the records' parts.
    pub(crate) bytes: usize,
    pub(crate) held: Held,
}

/// A record that is claimed, and whose attachments are sealed.
pub(crate) struct Ready {
    taken: Taken,
    mark: Mark,
    streams: Streams,
}

/// An event that is ready to be sealed.
pub(crate) struct Prepared {
    pub(crate) number: EventNumber,
    /// Its records, where they are many.
    pub(crate) batches: Vec<PreparedBatch>,
    /// Its records, where they are few.
    pub(crate) few: Vec<Ready>,
    pub(crate) held: Held,
    pub(crate) position: Option<Position>,
    pub(crate) files: Vec<String>,
    pub(crate) kept: Kept,
    /// What the plan left out (PLAN-5).
    pub(crate) left_out: Option<LeftOut>,
    pub(crate) noticed: Noticed,
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
    let mut ready: Vec<Ready> = Vec::new();
    let mut files = Vec::new();
    let mut kept = Kept::default();
    // PLAN-4: of what is captured as it happens; an import is an act of its own.
    let plan = shared.terms.resume.map(|_| agent.plan());
    let mut left_out = None;
    let mut noticed = Noticed::default();
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
            noticed.hear(&taken.record, plan);
        }
        let mut mark = Mark::of(&taken.record, local);
        match agent.claim(&mark)? {
            Claim::New => claimed.push(mark),
            Claim::Known => {
                kept.known += 1;
                continue;
            }
            Claim::Apart(other) => {
                mark = other;
                claimed.push(mark);
                let (record, lost) = intake.apart(&taken.record, now)?;
                taken.record = record;
                kept.apart += 1;
                if lost {
                    taken.files.clear();
                }
            }
        }
        let streams = match seal_files(shared, &taken, &mut *randomness)? {
            Ok(streams) => streams,
            Err(index) => {
                // The record itself is to be taken when it comes again, whole.
                agent.take_back(&[mark]);
                claimed.pop();
                taken = Taken::of(intake.incomplete(&taken.record, index, now)?);
                mark = Mark::of(&taken.record, local);
                match agent.claim(&mark)? {
                    // The loss's id follows from what is in it: two of one id are the same.
                    Claim::Apart(other) => {
                        agent.take_back(&[other]);
                        kept.known += 1;
                        continue;
                    }
                    Claim::Known => {
                        kept.known += 1;
                        continue;
                    }
                    Claim::New => claimed.push(mark),
                }
                Vec::new()
            }
        };
        kept.new += 1;
        if let Content::Loss(loss) = &taken.record.body().content {
            kept.losses += 1;
            kept.notes.push(LossNote::of(loss));
        }
        ready.push(Ready {
            taken,
            mark,
            streams,
        });
    }
    let mut batches = Vec::new();
    if ready.len() > FEW_RECORDS || piece.bytes > FEW_BYTES {
        let mut gathering = Gathering::new();
        for record in ready.drain(..) {
            record.gather(&mut gathering, &mut *randomness)?;
        }
        batches = gathering.finish(&mut *randomness);
    }
    Ok(Prepared {
        number: piece.number,
        batches,
        few: ready,
        held: piece.held,
        position: piece.position,
        files,
        kept,
        left_out,
        noticed,
    })
}

impl Ready {
    /// Adds the record to a batch.
    pub(crate) fn gather(
        self,
        gathering: &mut Gathering,
        randomness: &mut dyn Randomness,
    ) -> Result<(), SealingError> {
        gathering.push(&self.taken, Some(self.mark), self.streams, randomness)
    }
}

impl Prepared {
    /// Marks that were claimed for its records.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let few = self.few.iter().map(|record| record.mark);
        let many = self.batches.iter().flat_map(PreparedBatch::marks).copied();
        few.chain(many).collect()
    }
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
