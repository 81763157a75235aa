//! What every record keeps, whoever made it (RECORD-2, RECORD-5 to RECORD-8).

use crate::{
    Attachment, AttachmentIndex, Body, Content, Message, Original, OriginalContent, Part,
    RecordPart,
};

/// Most bytes of an id (RECORD-2).
pub const MAX_TEXT_ID: usize = 512;
/// Most bytes of any other text (RECORD-2).
pub const MAX_TEXT: usize = 1 << 20;
/// Deepest nesting of bundles and structured parts (RECORD-5).
pub const MAX_NESTING: usize = 8;
/// Most bytes of an original that is not an attachment (RECORD-6).
pub const MAX_INLINE_ORIGINAL: usize = 256 << 10;
/// Most attachments of one record (RECORD-7).
pub const MAX_ATTACHMENTS: usize = 4096;
/// Most bytes of a file name (RECORD-7).
pub const MAX_NAME: usize = 1024;
/// Most bytes of the encoded parts of one record, attachments' bytes not counted (RECORD-8).
pub const MAX_PARTS: usize = 3 << 20;

/// Why parts do not make a record. Says nothing of their content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A text above 1 MiB (RECORD-2).
    #[error("a text of the {part} has {bytes} bytes, the most is {MAX_TEXT}")]
    TextTooLong {
        /// Where it stands.
        part: RecordPart,
        /// Its bytes.
        bytes: usize,
    },
    /// Bundles and structured parts nest more than 8 deep (RECORD-5).
    #[error("bundles and structured parts nest more than {MAX_NESTING} deep")]
    NestedTooDeep,
    /// An original above 256 KiB that is not an attachment (RECORD-6).
    #[error("the original has {bytes} bytes, above {MAX_INLINE_ORIGINAL} it is an attachment")]
    OriginalTooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// An index that no attachment has (RECORD-6).
    #[error("attachment {index} is meant, but there are {attachments}")]
    NoSuchAttachment {
        /// The index.
        index: u32,
        /// Attachments of the record.
        attachments: usize,
    },
    /// More than 4,096 attachments (RECORD-7).
    #[error("{attachments} attachments, the most is {MAX_ATTACHMENTS}")]
    TooManyAttachments {
        /// How many.
        attachments: usize,
    },
    /// A file name above 1,024 bytes (RECORD-7).
    #[error("the name of attachment {index} has {bytes} bytes, the most is {MAX_NAME}")]
    NameTooLong {
        /// Which attachment.
        index: usize,
        /// The name's bytes.
        bytes: usize,
    },
    /// Encoded parts above 3 MiB together (RECORD-8).
    #[error("the parts have {bytes} bytes together, the most is {MAX_PARTS}")]
    TooLarge {
        /// Their bytes.
        bytes: usize,
    },
    /// An event about others (delete, receipt, membership, change) that names none (RECORD-9).
    #[error("the event names nothing that it is about")]
    AboutNothing,
}

/// Checks all that the types do not keep by themselves.
pub(crate) fn check(
    body: &Body,
    original: Option<&Original>,
    attachments: &[Attachment],
) -> Result<(), RecordError> {
    // RECORD-7
    if attachments.len() > MAX_ATTACHMENTS {
        return Err(RecordError::TooManyAttachments {
            attachments: attachments.len(),
        });
    }
    for (index, attachment) in attachments.iter().enumerate() {
        let bytes = attachment.name.as_ref().map_or(0, String::len);
        if bytes > MAX_NAME {
            return Err(RecordError::NameTooLong { index, bytes });
        }
    }
    let within = Within {
        attachments: attachments.len(),
    };
    // RECORD-6
    match original.map(|original| &original.content) {
        Some(OriginalContent::Inline(bytes)) if bytes.len() > MAX_INLINE_ORIGINAL => {
            return Err(RecordError::OriginalTooLarge { bytes: bytes.len() });
        }
        Some(OriginalContent::Attached(index)) => within.index(*index)?,
        _ => {}
    }
    within.content(&body.content)
}

/// Checks the sizes of the encoded parts (RECORD-2, RECORD-8). `longest` gives the longest text
/// of a part and is only asked where the part's size leaves room for one that is too long.
pub(crate) fn check_sizes(
    sizes: &[(RecordPart, usize)],
    mut longest: impl FnMut(RecordPart) -> usize,
) -> Result<(), RecordError> {
    let bytes = sizes.iter().map(|(_, size)| size).sum();
    if bytes > MAX_PARTS {
        return Err(RecordError::TooLarge { bytes });
    }
    for (part, size) in sizes {
        if *size > MAX_TEXT {
            let bytes = longest(*part);
            if bytes > MAX_TEXT {
                return Err(RecordError::TextTooLong { part: *part, bytes });
            }
        }
    }
    Ok(())
}

struct Within {
    attachments: usize,
}

impl Within {
    fn content(&self, content: &Content) -> Result<(), RecordError> {
        let about = |nothing: bool| {
            if nothing {
                Err(RecordError::AboutNothing)
            } else {
                Ok(())
            }
        };
        match content {
            Content::Message(message) => self.message(message),
            Content::Edit(edit) => {
                self.message(&edit.message)?;
                edit.former
                    .as_ref()
                    .map_or(Ok(()), |former| self.message(former))
            }
            Content::Delete(delete) => {
                about(delete.targets.is_empty())?;
                delete
                    .former
                    .as_ref()
                    .map_or(Ok(()), |former| self.message(former))
            }
            Content::Receipt(receipt) => about(receipt.targets.is_empty()),
            Content::Membership(membership) => about(membership.changes.is_empty()),
            Content::Change(change) => about(change.changes.is_empty()),
            _ => Ok(()),
        }
    }

    fn message(&self, message: &Message) -> Result<(), RecordError> {
        self.parts(&message.parts, 0)
    }

    // The recursion ends at MAX_NESTING.
    fn parts(&self, parts: &[Part], depth: usize) -> Result<(), RecordError> {
        for part in parts {
            match part {
                Part::Media(media) => self.index(media.attachment)?,
                Part::Sticker(sticker) => self.optional_index(sticker.attachment)?,
                Part::Preview(preview) => self.optional_index(preview.attachment)?,
                // RECORD-5
                Part::Structured(_) | Part::Nested(_) if depth == MAX_NESTING => {
                    return Err(RecordError::NestedTooDeep);
                }
                Part::Structured(structured) => self.parts(&structured.parts, depth + 1)?,
                Part::Nested(nested) => {
                    for message in &nested.messages {
                        self.parts(&message.parts, depth + 1)?;
                    }
                }
                Part::Text(_) | Part::Location(_) | Part::Card(_) | Part::Missing(_) => {}
            }
        }
        Ok(())
    }

    fn optional_index(&self, index: Option<AttachmentIndex>) -> Result<(), RecordError> {
        index.map_or(Ok(()), |index| self.index(index))
    }

    // RECORD-6
    fn index(&self, index: AttachmentIndex) -> Result<(), RecordError> {
        let exists = usize::try_from(index.get()).is_ok_and(|place| place < self.attachments);
        if exists {
            return Ok(());
        }
        Err(RecordError::NoSuchAttachment {
            index: index.get(),
            attachments: self.attachments,
        })
    }
}
