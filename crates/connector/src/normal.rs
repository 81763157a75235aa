//! What the normalizers of networks have in common: from one event of a network, as it came, to
//! records. Pure: no clock, no files, no network.
//!
//! A normalizer reads the event through [`Fields`], makes a [`Draft`] and a content for each
//! record, and hands them to [`Gathered`], which adds what nobody took, keeps the original bytes
//! and builds the records. Nothing is dropped in silence: a leaf that the normalizer does not
//! know becomes a field `more.<path>` of the first record and is reported.

mod draft;
mod exercise;
mod place;
mod span;

pub use draft::{Draft, Files, MediaReference};
pub use exercise::exercise;
pub use place::{e7, event_hash, participant_id, position_in_scalars, stable_id};
pub use span::find as exact_bytes;

use std::collections::HashMap;

use record::{Content, Field, Kind, OriginalContent, Record, RecordError, Source, Time};
use serde_json::Value;

use crate::{Coverage, Extent, Fields, LeftInOriginal};

/// Most bytes of one event of a network, 16 MiB.
pub const MAX_EVENT: usize = 16 << 20;
/// Most leaves of one event that become `more.` fields; the others stand in the original alone.
pub const MAX_MORE: usize = 256;

/// What a normalizer is told beside the event itself.
#[derive(Clone, Copy)]
pub struct Capture<'a> {
    /// Account, custodian, connector, assurance, mode.
    pub source: &'a Source,
    /// The agent's clock when the event came.
    pub captured: Time,
    /// Files of the event that were fetched already.
    pub files: &'a Files,
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalized {
    /// The records, in the order of the event. A record whose original is
    /// [`OriginalContent::Attached`] means the event's bytes, whole: its connector hands them up
    /// as that attachment's file.
    pub records: Vec<Record>,
    /// Paths of leaves that the normalizer does not know and its table does not document. Their
    /// values stand in the first record's fields; a connector reports them as a sign that the
    /// network's format has grown.
    pub unmodelled: Vec<String>,
    /// References of files that the event names and [`Files`] did not hold. A connector fetches
    /// them and normalizes the same bytes again: the records keep their ids.
    pub wanted: Vec<String>,
}

/// Why an event can not be normalized. Its connector records a loss with the bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NormalizeError {
    /// Above [`MAX_EVENT`].
    #[error("event of {bytes} bytes, the most is {MAX_EVENT}")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// Not JSON, or nested more than 127 deep.
    #[error("event is not JSON")]
    Json(#[source] serde_json::Error),
    /// JSON, but no object.
    #[error("event is no object")]
    NotObject,
    /// Even a loss could not be put together from it.
    #[error("event does not make a record")]
    Record(#[source] RecordError),
}

/// Reads one event: an object within the limits.
///
/// # Errors
///
/// When it is above [`MAX_EVENT`], no JSON, nested more than 127 deep, or no object.
pub fn parse(bytes: &[u8]) -> Result<Value, NormalizeError> {
    if bytes.len() > MAX_EVENT {
        return Err(NormalizeError::TooLarge { bytes: bytes.len() });
    }
    let value: Value = serde_json::from_slice(bytes).map_err(NormalizeError::Json)?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(NormalizeError::NotObject)
    }
}

/// The records that one event gives, before they are built.
pub struct Gathered<'a> {
    bytes: &'a [u8],
    root: Fields<'a>,
    pending: Vec<Pending>,
    apart: bool,
}

struct Pending {
    draft: Draft,
    content: Content,
    path: String,
}

impl<'a> Gathered<'a> {
    /// Nothing yet, of the event `bytes` that `root` reads.
    pub fn new(bytes: &'a [u8], root: &Fields<'a>) -> Self {
        Self {
            bytes,
            root: root.clone(),
            pending: Vec::new(),
            apart: false,
        }
    }

    /// Each record keeps only the bytes of its own element, even where there is one record: the
    /// rest of the event is somebody else's.
    pub fn keep_apart(&mut self) {
        self.apart = true;
    }

    /// One more record.
    pub fn add(&mut self, draft: Draft, content: impl Into<Content>) {
        self.add_of(draft, content, "");
    }

    /// One more record, of the element at `path`. Where the event gives several records, each
    /// keeps the exact bytes of its own element as its original.
    pub fn add_of(&mut self, draft: Draft, content: impl Into<Content>, path: &str) {
        self.pending.push(Pending {
            draft,
            content: content.into(),
            path: path.to_owned(),
        });
    }

    /// The draft of the record that was added as the `number`th, from 0.
    pub fn draft(&mut self, number: usize) -> Option<&mut Draft> {
        self.pending
            .get_mut(number)
            .map(|pending| &mut pending.draft)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether there is none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Builds the records. `left` documents what stays in the original alone.
    ///
    /// # Errors
    ///
    /// When not even a loss can be built.
    pub fn finish(mut self, left: &[LeftInOriginal]) -> Result<Normalized, NormalizeError> {
        take_nothing(&self.root);
        let mut unmodelled = Vec::new();
        let mut more = Vec::new();
        for (path, value) in self.root.take_leftover() {
            if left.iter().any(|row| row.covers(&path)) {
                continue;
            }
            if more.len() < MAX_MORE {
                more.push(Field::new(format!("more.{path}"), value));
            }
            unmodelled.push(path);
        }
        if let Some(first) = self.pending.first_mut() {
            first.draft.fields.append(&mut more);
        }
        let several = self.apart || self.pending.len() > 1;
        let mut named = HashMap::new();
        let mut records = Vec::with_capacity(self.pending.len());
        let mut wanted = Vec::new();
        for Pending {
            mut draft,
            content,
            path,
        } in self.pending
        {
            let part = (several && !path.is_empty())
                .then(|| span::find(self.bytes, &path))
                .flatten();
            if part.is_some() {
                draft.field("original.path", path);
            }
            // A network that names two events of one delivery alike must not lose one of them
            // (RECORD-1).
            let (conversation, source_id) = draft.names();
            let name = (conversation.clone(), source_id.clone(), content.kind());
            let met = named.entry(name).or_insert(0_usize);
            *met += 1;
            if *met > 1 {
                draft.number(*met);
            }
            for reference in draft.wanted() {
                if !wanted.contains(reference) {
                    wanted.push(reference.clone());
                }
            }
            records.push(draft.finish(content, part, self.bytes)?);
        }
        Ok(Normalized {
            records,
            unmodelled,
            wanted,
        })
    }
}

impl std::fmt::Debug for Gathered<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gathered({} records)", self.pending.len())
    }
}

/// Takes what says nothing: `null`, empty objects, empty lists.
pub fn take_nothing(fields: &Fields<'_>) {
    match fields.value() {
        Value::Null => {
            fields.known("");
        }
        Value::Array(_) => fields.list("").iter().for_each(take_nothing),
        Value::Object(_) => fields
            .entries("")
            .iter()
            .for_each(|(_, below)| take_nothing(below)),
        _ => {}
    }
}

/// All leaves at and below `path` as fields, named by `name` and their path below it, as the
/// network writes them. Empty texts and `null` say nothing and are left out.
pub fn leaves(fields: &Fields<'_>, path: &str, name: &str) -> Vec<Field> {
    let mut found = Vec::new();
    if let Some(value) = fields.whole(path) {
        collect(value, &mut name.to_owned(), &mut found);
    }
    found
}

fn collect(value: &Value, name: &mut String, found: &mut Vec<Field>) {
    let length = name.len();
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (key, below) in object {
                if !name.is_empty() {
                    name.push('.');
                }
                name.push_str(key);
                collect(below, name, found);
                name.truncate(length);
            }
        }
        Value::Array(list) => {
            for (index, below) in list.iter().enumerate() {
                name.push_str(&format!("[{index}]"));
                collect(below, name, found);
                name.truncate(length);
            }
        }
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => found.push(Field::new(name.clone(), text.clone())),
        other => found.push(Field::new(name.clone(), other.to_string())),
    }
}

/// A table of what a network shows, in the form in which `hello` carries it. An empty remark is
/// left out.
#[must_use]
pub fn coverage(table: &[(Kind, Extent, &str)]) -> Vec<Coverage> {
    table
        .iter()
        .map(|(kind, extent, remark)| Coverage {
            kind: kind.code(),
            extent: *extent,
            remark: Some((*remark).to_owned()).filter(|remark| !remark.is_empty()),
        })
        .collect()
}

/// Whether the record's original is the event itself, to be handed up as a file.
#[must_use]
pub fn original_is_attached(record: &Record) -> bool {
    matches!(
        record.original().map(|original| &original.content),
        Some(OriginalContent::Attached(_))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{
        Assurance, Conversation, ConversationKind, Kind, Message, Milliseconds, Mode, Nested,
        NestedMessage, NetworkName, Part, TextId,
    };

    fn source() -> Source {
        Source {
            network: NetworkName::MATRIX,
            account: TextId::new("mxid:@a:b").unwrap(),
            custodian: TextId::new("c-1").unwrap(),
            connector: TextId::new("test/0").unwrap(),
            assurance: Assurance::Device,
            mode: Mode::Live,
        }
    }

    fn draft(source: &Source, id: &str) -> Draft {
        let files = Files::default();
        let capture = Capture {
            source,
            captured: Time::utc(Milliseconds::new(5)),
            files: &files,
        };
        Draft::new(
            &capture,
            stable_id("room"),
            stable_id(id),
            Conversation::new(ConversationKind::Group),
        )
    }

    fn inline(record: &Record) -> &[u8] {
        match &record.original().unwrap().content {
            OriginalContent::Inline(bytes) => bytes,
            OriginalContent::Attached(_) => panic!("attached"),
        }
    }

    #[test]
    fn several_records_keep_the_bytes_of_their_own_element() {
        let bytes = br#" {"l": [ {"t":"one"}, {"t" : "\u0074wo"} ], "new": {"x": 1, "n": null}}"#;
        let value = parse(bytes).unwrap();
        let root = Fields::new(&value);
        let mut gathered = Gathered::new(bytes, &root);
        for (index, each) in root.list("l").iter().enumerate() {
            let text = each.text("t").unwrap();
            let path = format!("l[{index}]");
            gathered.add_of(draft(&source(), text), Message::plain(text), &path);
        }
        let normalized = gathered.finish(&[]).unwrap();
        assert_eq!(inline(&normalized.records[0]), br#"{"t":"one"}"#);
        assert_eq!(inline(&normalized.records[1]), br#"{"t" : "\u0074wo"}"#);
        assert_eq!(normalized.unmodelled, ["new.x"]);
        let fields = &normalized.records[0].body().fields;
        assert_eq!(
            (fields[0].name.as_str(), fields[0].value.as_str()),
            ("more.new.x", "1")
        );
    }

    // RECORD-1
    #[test]
    fn events_that_their_network_names_alike_stay_two() {
        let value = parse(b"{}").unwrap();
        let mut gathered = Gathered::new(b"{}", &Fields::new(&value));
        gathered.add(draft(&source(), "1"), Message::plain("one"));
        gathered.add(draft(&source(), "1"), Message::plain("two"));
        let records = gathered.finish(&[]).unwrap().records;
        assert_ne!(records[0].id(), records[1].id());
        assert_eq!(records[1].envelope().source_id().as_str(), "1#2");
    }

    #[test]
    fn files_are_wanted_until_they_are_fetched() {
        let value = parse(b"{}").unwrap();
        let file = MediaReference {
            reference: Some("f-1".to_owned()),
            name: Some("plan.pdf".to_owned()),
            ..MediaReference::default()
        };
        let mut gathered = Gathered::new(b"{}", &Fields::new(&value));
        let mut first = draft(&source(), "1");
        let part = first.media("file", file.clone());
        assert!(matches!(part, Part::Missing(_)));
        gathered.add(first, Message::of(part));
        let normalized = gathered.finish(&[]).unwrap();
        assert_eq!(normalized.wanted, ["f-1"]);

        let (source, mut files) = (source(), Files::default());
        files.insert(
            "f-1",
            record::Attachment::new(3, record::FileHash::from_bytes([1; 32])),
        );
        let capture = Capture {
            source: &source,
            captured: Time::utc(Milliseconds::new(5)),
            files: &files,
        };
        let about = Conversation::new(ConversationKind::Group);
        let mut again = Draft::new(&capture, stable_id("room"), stable_id("1"), about);
        let mut gathered = Gathered::new(b"{}", &Fields::new(&value));
        let part = again.media("file", file);
        gathered.add(again, Message::of(part));
        let fetched = gathered.finish(&[]).unwrap();
        assert!(fetched.wanted.is_empty());
        assert_eq!(fetched.records[0].id(), normalized.records[0].id());
        assert_eq!(
            fetched.records[0].attachments()[0].name.as_deref(),
            Some("plan.pdf")
        );
    }

    // RECORD-6, RECORD-8
    #[test]
    fn what_is_too_large_becomes_a_loss_with_the_original_attached() {
        let text = "x".repeat((1 << 20) + 1);
        let bytes = format!("{{\"t\":\"{text}\"}}").into_bytes();
        let value = parse(&bytes).unwrap();
        let root = Fields::new(&value);
        let mut gathered = Gathered::new(&bytes, &root);
        gathered.add(
            draft(&source(), "1"),
            Message::plain(root.text("t").unwrap()),
        );
        let record = gathered.finish(&[]).unwrap().records.remove(0);
        assert_eq!(record.kind(), Kind::Loss);
        assert!(original_is_attached(&record));
        assert_eq!(record.attachments()[0].size, bytes.len() as u64);
        assert_eq!(
            record.attachments()[0].sha256.as_bytes(),
            &canonical::sha256(&bytes)
        );
    }

    // RECORD-5
    #[test]
    fn what_nests_too_deep_becomes_a_loss() {
        let mut part = Part::Text(record::Text::plain("deep"));
        for _ in 0..9 {
            part = Part::Nested(Nested {
                title: None,
                messages: vec![NestedMessage {
                    parts: vec![part],
                    ..NestedMessage::default()
                }],
            });
        }
        let value = parse(b"{}").unwrap();
        let mut gathered = Gathered::new(b"{}", &Fields::new(&value));
        gathered.add(draft(&source(), "1"), Message::of(part));
        let record = gathered.finish(&[]).unwrap().records.remove(0);
        assert_eq!(record.kind(), Kind::Loss);
        assert_eq!(inline(&record), b"{}");
    }

    #[test]
    fn other_than_objects_are_refused() {
        assert!(matches!(parse(b"[1]"), Err(NormalizeError::NotObject)));
        assert!(matches!(parse(b"{"), Err(NormalizeError::Json(_))));
        let deep = "{\"a\":".repeat(200);
        assert!(matches!(
            parse(deep.as_bytes()),
            Err(NormalizeError::Json(_))
        ));
        let large = vec![b' '; MAX_EVENT + 1];
        assert!(matches!(
            parse(&large),
            Err(NormalizeError::TooLarge { .. })
        ));
    }
}
