//! From what a reader understood to records on their way: what a record can not hold stands as a
//! loss beside an event that keeps its original, and nothing that was copied is left behind.

use connector::kit::KitError;
use record::{
    Attachment, Body, Conversation, Envelope, EnvelopeBuilder, LossWhy, NetworkName, Participants,
    Source, TextId, Time, Unknown,
};

use crate::outbox::{Draft, DraftError, Lost, Outbox, folder};

/// What is the same in all records of an import.
#[derive(Clone)]
pub(crate) struct Emitter {
    pub(crate) source: Source,
    pub(crate) captured: Time,
    /// Media type of originals.
    pub(crate) original: &'static str,
}

/// One record to be, and where it comes from.
pub(crate) struct Entry<'b> {
    pub(crate) envelope: EnvelopeBuilder,
    pub(crate) participants: Participants,
    pub(crate) body: Body,
    /// The bytes that it was read from.
    pub(crate) original: &'b [u8],
    /// Files in the connector's folder.
    pub(crate) attachments: Vec<(Attachment, String)>,
    /// Where it stands in the source, for people.
    pub(crate) place: &'b str,
}

/// A conversation that losses of a source stand in.
#[derive(Clone)]
pub(crate) struct Where {
    pub(crate) network: NetworkName,
    pub(crate) conversation: TextId,
    pub(crate) about: Conversation,
}

impl Emitter {
    /// The source, on that network.
    pub(crate) fn source_on(&self, network: &NetworkName) -> Source {
        Source {
            network: network.clone(),
            ..self.source.clone()
        }
    }

    /// Begins an envelope.
    pub(crate) fn envelope(&self, place: &Where, id: TextId) -> EnvelopeBuilder {
        let source = self.source_on(&place.network);
        Envelope::builder(&source, place.conversation.clone(), id, self.captured)
    }

    /// Sends a record on its way. One that its checks refuse keeps its original as an unknown
    /// event, and a loss says why (RECORD-8).
    pub(crate) fn put(
        &self,
        entry: Entry<'_>,
        at: &Where,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let copied: Vec<String> = entry
            .attachments
            .iter()
            .map(|(_, file)| file.clone())
            .collect();
        let draft = Draft {
            envelope: entry.envelope.clone(),
            participants: entry.participants.clone(),
            body: entry.body,
            original: Some((self.original, entry.original)),
            attachments: entry.attachments,
        };
        let refused = match outbox.build(draft) {
            Ok((_, incoming)) => {
                outbox.push(incoming);
                return Ok(());
            }
            Err(DraftError::Folder(error)) => return Err(folder(&error)),
            Err(DraftError::Record(error)) => error.to_string(),
        };
        for file in copied {
            // What stays is in the connector's own folder, which the agent clears.
            let _ = std::fs::remove_file(outbox.ctx.folder().join(file));
        }
        // An id or a name above its limit may be what was refused: nobody is named here.
        let draft = Draft {
            envelope: entry.envelope,
            participants: Participants::of(at.about.clone()),
            body: Unknown {
                type_name: "message".into(),
                text: None,
            }
            .into(),
            original: Some((self.original, entry.original)),
            attachments: Vec::new(),
        };
        match outbox.build(draft) {
            Ok((_, incoming)) => outbox.push(incoming),
            Err(DraftError::Folder(error)) => return Err(folder(&error)),
            Err(DraftError::Record(_)) => {
                let original = Some(entry.original);
                return self.lose(LossWhy::Limit, entry.place, &refused, original, at, outbox);
            }
        }
        self.lose(LossWhy::Limit, entry.place, &refused, None, at, outbox)
    }

    /// Records what could not be taken, and where.
    pub(crate) fn lose(
        &self,
        why: LossWhy,
        place: &str,
        detail: &str,
        original: Option<&[u8]>,
        at: &Where,
        outbox: &mut Outbox<'_, '_>,
    ) -> Result<(), KitError> {
        let lost = Lost {
            why,
            place: place.to_owned(),
            detail,
            original: original.map(|bytes| (self.original, bytes)),
        };
        outbox.lose(lost, Participants::of(at.about.clone()), |id| {
            self.envelope(at, id)
        })
    }
}

/// Text for a title or a name: at most so many bytes, cut between characters.
pub(crate) fn clipped(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
