//! Records on their way to the agent, gathered into events.

use std::io;

use connector::kit::{Context, KitError, failed};
use connector::{Incoming, Position};
use record::{
    Attachment, AttachmentIndex, Body, EncodedRecord, EnvelopeBuilder, Loss, LossWhy,
    MAX_INLINE_ORIGINAL, Original, OriginalContent, Participants, RecordError, RecordId, TextId,
};

/// Records of one event, and bytes in its files before it is sent on.
const RECORDS: usize = 1_024;
const BYTES: usize = 2 << 20;
const FILE_BYTES: u64 = 64 << 20;

/// Gathers records and sends them with the position behind them.
pub(crate) struct Outbox<'c, 'o> {
    pub(crate) ctx: &'c mut Context<'o>,
    pending: Vec<Incoming>,
    bytes: usize,
    file_bytes: u64,
    losses: u64,
    /// What is not behind the position of the last durable event is not emitted again.
    resume: u64,
    /// Bytes in all, for progress.
    total: Option<u64>,
    files: u64,
}

/// What one record is made of, before its original is inlined or attached.
pub(crate) struct Draft<'b> {
    pub(crate) envelope: EnvelopeBuilder,
    pub(crate) participants: Participants,
    pub(crate) body: Body,
    pub(crate) original: Option<(&'static str, &'b [u8])>,
    pub(crate) attachments: Vec<(Attachment, String)>,
}

/// What could not be taken, and where it stands in the source.
pub(crate) struct Lost<'b> {
    pub(crate) why: LossWhy,
    pub(crate) place: String,
    pub(crate) detail: &'b str,
    pub(crate) original: Option<(&'static str, &'b [u8])>,
}

/// Why a draft did not become a record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DraftError {
    #[error("the connector's folder")]
    Folder(#[from] io::Error),
    #[error("a record's checks")]
    Record(#[from] RecordError),
}

impl<'c, 'o> Outbox<'c, 'o> {
    /// `resume` is the place in the source behind which nothing is durable yet.
    pub(crate) fn new(ctx: &'c mut Context<'o>, resume: u64, total: Option<u64>) -> Self {
        Self {
            ctx,
            pending: Vec::new(),
            bytes: 0,
            file_bytes: 0,
            losses: 0,
            resume,
            total,
            files: 0,
        }
    }

    /// Whether what ends at this place in the source is durable already (CONN-7).
    pub(crate) fn is_durable(&self, end: u64) -> bool {
        end <= self.resume
    }

    /// A fresh name of a file in the connector's folder.
    pub(crate) fn file_name(&mut self) -> String {
        self.files += 1;
        format!("import-{}", self.files)
    }

    /// Builds a record with its id, and gives back the draft's error if its checks refuse it (RECORD-8: the
    /// caller then keeps the original as an attachment and says so in a loss).
    pub(crate) fn build(&mut self, draft: Draft<'_>) -> Result<(RecordId, Incoming), DraftError> {
        let mut attachments = draft.attachments;
        let original = match draft.original {
            None => None,
            Some((media_type, bytes)) if bytes.len() <= MAX_INLINE_ORIGINAL => {
                Some(Original::inline(media_type, bytes))
            }
            // RECORD-6
            Some((media_type, bytes)) => {
                let name = self.file_name();
                std::fs::write(self.ctx.folder().join(&name), bytes)?;
                let hash = record::FileHash::from_bytes(canonical::sha256(bytes));
                let mut attachment = Attachment::new(bytes.len() as u64, hash);
                attachment.declared_type = Some(media_type.to_owned());
                let index = u32::try_from(attachments.len()).unwrap_or(u32::MAX);
                attachments.push((attachment, name));
                let index = AttachmentIndex::new(index);
                Some(Original {
                    media_type: media_type.to_owned(),
                    content: OriginalContent::Attached(index),
                })
            }
        };
        let (described, files): (Vec<Attachment>, Vec<String>) = attachments.into_iter().unzip();
        let bytes: u64 = described.iter().map(|attachment| attachment.size).sum();
        let encoded = EncodedRecord::new(
            draft.envelope,
            draft.participants,
            draft.body,
            original,
            described,
        )?;
        let id = encoded.record().id();
        let mut incoming = Incoming::of_encoded(encoded);
        for (index, name) in files.into_iter().enumerate() {
            incoming = incoming.with_file(u32::try_from(index).unwrap_or(u32::MAX), name);
        }
        self.file_bytes = self.file_bytes.saturating_add(bytes);
        Ok((id, incoming))
    }

    /// Takes a record.
    pub(crate) fn push(&mut self, incoming: Incoming) {
        self.bytes += incoming.parts().iter().map(Vec::len).sum::<usize>();
        self.pending.push(incoming);
    }

    /// Records a loss, under an id that the same source gives each time.
    pub(crate) fn lose(
        &mut self,
        lost: Lost<'_>,
        participants: Participants,
        envelope: impl FnOnce(TextId) -> EnvelopeBuilder,
    ) -> Result<(), KitError> {
        let about = format!("{} {}", lost.place, lost.detail);
        let bytes = lost.original.map_or(about.as_bytes(), |(_, bytes)| bytes);
        let hash = canonical::hex(&canonical::sha256(bytes)[..8]);
        let at: String = lost.place.chars().filter(|c| !c.is_control()).collect();
        let at: String = at.chars().take(100).collect();
        let id = TextId::new(format!("loss-{hash}-{at}"))
            .map_err(|_| failed("import-id", &[("place", &lost.place)]))?;
        let draft = Draft {
            envelope: envelope(id),
            participants,
            body: loss(lost.why, lost.place, lost.detail).into(),
            original: lost.original,
            attachments: Vec::new(),
        };
        match self.build(draft) {
            Ok((_, incoming)) => {
                self.push(incoming);
                self.losses += 1;
                Ok(())
            }
            Err(DraftError::Folder(error)) => Err(folder(&error)),
            Err(DraftError::Record(error)) => Err(failed(
                "import-loss-refused",
                &[("detail", &error.to_string())],
            )),
        }
    }

    /// Called between source events, at the place behind the last: sends what is full.
    pub(crate) fn settle(&mut self, end: u64) -> Result<(), KitError> {
        if self.pending.len() >= RECORDS || self.bytes >= BYTES || self.file_bytes >= FILE_BYTES {
            self.flush(end)?;
        }
        Ok(())
    }

    /// Sends everything; the source stands at `end` behind it.
    pub(crate) fn flush(&mut self, end: u64) -> Result<(), KitError> {
        if !self.pending.is_empty() {
            let records = std::mem::take(&mut self.pending);
            (self.bytes, self.file_bytes) = (0, 0);
            self.ctx.count_losses(std::mem::take(&mut self.losses));
            self.ctx
                .emit(records, Some(Position::new(end.to_be_bytes())))?;
        }
        self.ctx.progress(end, self.total)
    }
}

/// The connector's folder can not be written: without it nothing can go on.
pub(crate) fn folder(error: &io::Error) -> KitError {
    failed("import-folder", &[("detail", &error.to_string())])
}

/// The place behind the last durable event, from what the agent kept of it.
pub(crate) fn resume_at(position: Option<&Position>) -> u64 {
    position
        .and_then(|position| position.as_bytes().try_into().ok())
        .map_or(0, u64::from_be_bytes)
}

/// A loss at a place of the source.
fn loss(why: LossWhy, place: String, detail: impl Into<String>) -> Loss {
    Loss {
        place: Some(place),
        detail: Some(detail.into()),
        ..Loss::new(why)
    }
}
