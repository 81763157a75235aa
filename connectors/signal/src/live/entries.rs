//! From the journal's entries to records, always the same ones for the same entry: what a crash
//! makes the connector do again has the same ids.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use connector::normal::{
    self, Capture, Draft, Files, Gathered, NormalizeError, Normalized, event_hash,
    original_is_attached, stable_id,
};
use connector::{Fields, Incoming};
use record::{
    Account, AliasKind, Attachment, Consent, ConsentAct, Content, Conversation, ConversationKind,
    Direction, Field, FileHash, Kind, Loss, LossWhy, Message, Milliseconds, OriginalContent,
    Participant, ParticipantId, Record, Source, TextId, Time,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::groups::{self, Known, Trigger};
use super::state::State;
use crate::journal::{Entry, EntryKind};
use crate::people::{account, message_id};

/// Something that was or may have been missed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LossEntry {
    /// Name of the reason in record.md.
    pub(crate) why: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

/// One group as it is shown now, and what asked for it.
#[derive(Serialize, Deserialize)]
pub(crate) struct GroupEntry {
    pub(crate) trigger: Trigger,
    pub(crate) group: Value,
}

/// A text that is being sent to a conversation, or was.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct SentEntry {
    /// The conversation's id in records.
    pub(crate) conversation: String,
    pub(crate) text: String,
    /// When it was sent, which is its id; nothing before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<i64>,
    /// It may have been sent before: a crash left that open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) again: bool,
    /// signal-cli's answer was lost in a crash; its own record told that it was sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) found: bool,
}

/// What becomes of entries.
pub(crate) struct Translator {
    pub(crate) source: Source,
    /// The connector's folder.
    pub(crate) folder: PathBuf,
    /// Where signal-cli keeps the files that it fetched.
    pub(crate) attachments: PathBuf,
    /// The account's telephone number, once it is known.
    pub(crate) number: Option<String>,
    /// Whether settings say that conversations are to be given notices.
    pub(crate) notices: bool,
}

/// What one entry gives.
#[derive(Default)]
pub(crate) struct Translated {
    pub(crate) records: Vec<Incoming>,
    pub(crate) losses: u64,
    /// signal-cli's files that are not needed when the records are durable.
    pub(crate) files: Vec<PathBuf>,
    /// When the server had it, as far as it says.
    pub(crate) server: Option<Milliseconds>,
    /// Whether the state has changed by it, but for the place in the journal.
    pub(crate) changed: bool,
    /// Paths that the normalizer does not know.
    pub(crate) unmodelled: Vec<String>,
    /// Groups that have changed or are met for the first time, and what told so.
    pub(crate) groups: Vec<(String, Trigger)>,
    /// The account's contacts were renewed by its phone.
    pub(crate) contacts: bool,
}

impl Translator {
    /// Translates an entry that follows what `state` knows, and takes it into account there.
    pub(crate) fn translate(&self, entry: &Entry, state: &mut State) -> Translated {
        let files = Files::default();
        let capture = Capture {
            source: &self.source,
            captured: Time::utc(entry.captured),
            files: &files,
        };
        let mut translated = Translated::default();
        let made = match entry.kind {
            EntryKind::Notification => self.notification(entry, &capture, state, &mut translated),
            EntryKind::Group => group(entry, &capture, state),
            EntryKind::Loss => self.loss(entry, &capture),
            EntryKind::NoticeSending | EntryKind::NoticeFailed => unsent(entry, state),
            EntryKind::NoticeGiven => self.sent(entry, &capture, state, true),
            EntryKind::Sent => self.sent(entry, &capture, state, false),
            EntryKind::Contact => self.contact(entry, &capture, state),
        };
        state.set_through(entry.number);
        translated.changed |= entry.kind != EntryKind::Notification;
        let records = made.unwrap_or_else(|error| {
            // RECORD-8: nothing is dropped in silence.
            let detail = error.to_string();
            let loss = Loss {
                count: Some(1),
                detail: Some(detail),
                ..Loss::new(LossWhy::Damaged)
            };
            self.own_record(&capture, &entry.bytes, "unread", loss)
                .unwrap_or_default()
        });
        for record in records {
            translated.losses += u64::from(record.kind() == Kind::Loss);
            let incoming = self.with_files(entry, &record, &mut translated);
            translated.records.push(incoming);
        }
        translated
    }

    fn notification(
        &self,
        entry: &Entry,
        capture: &Capture<'_>,
        state: &mut State,
        translated: &mut Translated,
    ) -> Result<Vec<Record>, NormalizeError> {
        let mut made = crate::normalize(capture, &entry.bytes)?;
        if !made.wanted.is_empty() {
            let mut files = Files::default();
            for reference in &made.wanted {
                if let Ok(attachment) = self.fetched(reference) {
                    files.insert(reference.clone(), attachment);
                }
            }
            let with_files = Capture {
                files: &files,
                ..*capture
            };
            made = crate::normalize(&with_files, &entry.bytes)?;
        }
        translated.unmodelled = made.unmodelled;
        let times = made.records.iter().map(|record| record.envelope().times());
        translated.server = times.filter_map(|times| Some(times.server?.at)).max();
        if self.notices {
            for record in &made.records {
                translated.changed |= spoken(record, state);
            }
        }
        if let Ok(value) = normal::parse(&entry.bytes) {
            asks(&value, translated);
        }
        Ok(made.records)
    }

    /// The file that signal-cli fetched under that id.
    fn fetched(&self, reference: &str) -> io::Result<Attachment> {
        let path = self.file(reference)?;
        let (size, hash) = hash_file(&path)?;
        Ok(Attachment::new(size, FileHash::from_bytes(hash)))
    }

    fn file(&self, reference: &str) -> io::Result<PathBuf> {
        // The id comes from the network: it must not lead out of the folder.
        let plain = !reference.is_empty()
            && reference.len() <= 255
            && !reference.starts_with('.')
            && reference
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-=+".contains(c));
        if !plain {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let path = self.attachments.join(reference);
        if fs::symlink_metadata(&path)?.is_file() {
            Ok(path)
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    /// Lays the record's files beside it in the connector's folder, where the agent takes them.
    fn with_files(&self, entry: &Entry, record: &Record, translated: &mut Translated) -> Incoming {
        let mut incoming = Incoming::of(record);
        let original = record
            .original()
            .and_then(|original| match &original.content {
                OriginalContent::Attached(index) => Some(index.get()),
                OriginalContent::Inline(_) => None,
            });
        let id = canonical::hex(record.id().as_bytes());
        let id = id.get(..16).unwrap_or_default();
        for (index, attachment) in record.attachments().iter().enumerate() {
            let Ok(index) = u32::try_from(index) else {
                break;
            };
            let name = format!("up-{}-{id}-{index}", entry.number.get());
            let path = self.folder.join(&name);
            let laid = if original == Some(index) {
                crate::journal::write_whole(&path, &entry.bytes)
            } else {
                let reference = attachment.reference.as_deref().unwrap_or_default();
                self.file(reference).and_then(|from| {
                    lay(&from, &path)?;
                    translated.files.push(from);
                    Ok(())
                })
            };
            if laid.is_ok() {
                incoming = incoming.with_file(index, name);
            }
        }
        incoming
    }

    fn loss(&self, entry: &Entry, capture: &Capture<'_>) -> Result<Vec<Record>, NormalizeError> {
        let told: LossEntry = serde_json::from_slice(&entry.bytes).map_err(NormalizeError::Json)?;
        let loss = Loss {
            from: told.from.map(Milliseconds::new),
            to: told.to.map(Milliseconds::new),
            detail: told.detail,
            ..Loss::new(LossWhy::from_name(&told.why).unwrap_or(LossWhy::Other))
        };
        // Two alike at different times are two.
        let of = format!("loss/{}", entry.captured);
        self.own_record(capture, &entry.bytes, &of, loss)
    }

    fn sent(
        &self,
        entry: &Entry,
        capture: &Capture<'_>,
        state: &mut State,
        notice: bool,
    ) -> Result<Vec<Record>, NormalizeError> {
        let sent: SentEntry = serde_json::from_slice(&entry.bytes).map_err(NormalizeError::Json)?;
        let Some(timestamp) = sent.timestamp else {
            return Ok(Vec::new());
        };
        let own = self.own();
        let to = ParticipantId::parse(sent.conversation.as_str()).ok();
        let group = sent.conversation.starts_with(GROUP);
        let about = Conversation::new(if group {
            ConversationKind::Group
        } else {
            ConversationKind::Direct
        });
        let mut id = own
            .as_ref()
            .map(|own| message_id(&own.id, timestamp))
            .unwrap_or_else(|| stable_id(&timestamp.to_string()));
        if notice {
            // To another device of the account the notice is a message, with that id.
            id = stable_id(&format!("{}/notice", id.as_str()));
        }
        let mut draft = Draft::new(capture, stable_id(&sent.conversation), id, about)
            .direction(Direction::Outgoing)
            .sent(Some(timestamp))
            .sender(own.clone())
            .recipient(to.filter(|_| !group).map(Participant::new));
        for (name, said) in [("again", sent.again), ("found", sent.found)] {
            draft.fields.extend(said.then(|| Field::new(name, "true")));
        }
        let content: Content = if notice {
            state.notices.given(&sent.conversation);
            Consent {
                act: ConsentAct::Notice,
                participant: own,
                text: Some(sent.text),
                at: Some(Milliseconds::new(timestamp)),
            }
            .into()
        } else {
            Message::plain(sent.text).into()
        };
        built(&entry.bytes, draft, content)
    }

    fn contact(
        &self,
        entry: &Entry,
        capture: &Capture<'_>,
        state: &mut State,
    ) -> Result<Vec<Record>, NormalizeError> {
        let value = normal::parse(&entry.bytes)?;
        let Some((id, hash)) = contact_hash(&value) else {
            return Ok(Vec::new());
        };
        let fields = Fields::new(&value);
        let Some(person) = person(&fields) else {
            return Ok(Vec::new());
        };
        state.contacts.insert(id.clone(), hash.clone());
        let name = stable_id(&format!("contact/{id}/{hash}"));
        let mut draft = self.own_draft(capture, name).recipient(Some(person));
        for kept in ["note", "nickName", "isBlocked", "isHidden", "unregistered"] {
            draft.fields.extend(normal::leaves(&fields, kept, kept));
        }
        let content = Account {
            what: "contact".to_owned(),
            value: Some(id),
        };
        built(&entry.bytes, draft, content)
    }

    /// A record of the account itself, with `bytes` as its original.
    fn own_record(
        &self,
        capture: &Capture<'_>,
        bytes: &[u8],
        of: &str,
        content: impl Into<Content>,
    ) -> Result<Vec<Record>, NormalizeError> {
        let id = stable_id(&format!("{of}/{}", event_hash(bytes)));
        built(bytes, self.own_draft(capture, id), content)
    }

    fn own_draft(&self, capture: &Capture<'_>, id: TextId) -> Draft {
        let account = stable_id(self.source.account.as_str());
        Draft::new(capture, account, id, Conversation::default())
    }

    fn own(&self) -> Option<Participant> {
        let id = ParticipantId::parse(self.source.account.as_str()).ok()?;
        Some(Participant::new(id).alias(AliasKind::Phone, self.number.clone().unwrap_or_default()))
    }
}

/// What stands before a group's id in a conversation's id.
pub(crate) const GROUP: &str = "group:";

/// A contact's id, and a hash of what is told of it but the times of looking.
pub(crate) fn contact_hash(contact: &Value) -> Option<(String, String)> {
    let id = person(&Fields::new(contact))?.id.as_str().to_owned();
    let mut bare = contact.clone();
    if let Some(profile) = bare.get_mut("profile").and_then(Value::as_object_mut) {
        profile.remove("lastUpdateTimestamp");
    }
    let mut hash = event_hash(bare.to_string().as_bytes());
    hash.truncate(16);
    Some((id, hash))
}

fn person(contact: &Fields<'_>) -> Option<Participant> {
    let number = contact.any("number").filter(|number| !number.is_empty());
    let id = crate::people::id_of(contact.any("uuid").as_deref(), number.as_deref())?;
    let shown = |path: &str| contact.any(path).unwrap_or_default();
    let profile = format!(
        "{} {}",
        shown("profile.givenName"),
        shown("profile.familyName")
    );
    Some(
        crate::people::named(id, number, None)
            .alias(AliasKind::Username, shown("username"))
            .alias(AliasKind::Contact, shown("name"))
            .alias(AliasKind::Display, profile.trim()),
    )
}

fn group(
    entry: &Entry,
    capture: &Capture<'_>,
    state: &mut State,
) -> Result<Vec<Record>, NormalizeError> {
    let told: GroupEntry = serde_json::from_slice(&entry.bytes).map_err(NormalizeError::Json)?;
    let Some((id, now)) = Known::of(&told.group) else {
        return Ok(Vec::new());
    };
    let bytes = told.group.to_string().into_bytes();
    let root = Fields::new(&told.group);
    root.known("");
    let mut gathered = Gathered::new(&bytes, &root);
    let before = state.groups.get(&id);
    let mut known = groups::compare(capture, &id, before, now, &told.trigger, &mut gathered);
    let made = gathered.finish(&[])?.records;
    if let Some(roster) = made.iter().find(|record| record.kind() == Kind::Roster) {
        groups::set_roster(&mut known, &roster.id());
    }
    state.groups.insert(id, known);
    Ok(made)
}

/// Whether the record makes its conversation owe a notice.
fn spoken(record: &Record, state: &mut State) -> bool {
    let place = record.participants().conversation.kind;
    let said = matches!(
        record.kind(),
        Kind::Message | Kind::Edit | Kind::Poll | Kind::Reaction | Kind::Call
    );
    said && matches!(place, ConversationKind::Direct | ConversationKind::Group)
        && state
            .notices
            .spoken(record.envelope().conversation().as_str())
}

/// What became of a notice that was not given yet.
fn unsent(entry: &Entry, state: &mut State) -> Result<Vec<Record>, NormalizeError> {
    let sent: SentEntry = serde_json::from_slice(&entry.bytes).map_err(NormalizeError::Json)?;
    if entry.kind == EntryKind::NoticeSending {
        state.notices.begun(&sent);
    } else {
        state.notices.failed(&sent.conversation);
    }
    Ok(Vec::new())
}

/// What the notification makes necessary to ask.
fn asks(value: &Value, translated: &mut Translated) {
    let root = Fields::new(value);
    let params = ["params.result", "params"]
        .iter()
        .find_map(|path| root.obj(path));
    let Some(envelope) = params.and_then(|params| params.obj("envelope")) else {
        return;
    };
    let places = [
        "dataMessage.groupInfo",
        "editMessage.dataMessage.groupInfo",
        "syncMessage.sentMessage.groupInfo",
        "syncMessage.sentMessage.editMessage.dataMessage.groupInfo",
    ];
    if let Some(info) = places.iter().find_map(|path| envelope.obj(path))
        && let Some(id) = info.text("groupId")
    {
        let update = info.text("type") == Some("UPDATE");
        let trigger = Trigger {
            revision: info.uint("revision"),
            // Who only wrote in a group has not changed it.
            author: account(&envelope, "source")
                .map(|author| author.id.as_str().to_owned())
                .filter(|_| update),
            sent: envelope.int("timestamp").filter(|_| update),
        };
        translated.groups.push((id.to_owned(), trigger));
    }
    translated.contacts = envelope.text("syncMessage.type") == Some("CONTACTS_SYNC");
}

fn built(
    bytes: &[u8],
    draft: Draft,
    content: impl Into<Content>,
) -> Result<Vec<Record>, NormalizeError> {
    let nothing = Value::Null;
    let mut gathered = Gathered::new(bytes, &Fields::new(&nothing));
    gathered.add(draft, content);
    let Normalized { records, .. } = gathered.finish(&[])?;
    debug_assert!(records.iter().all(|record| !original_is_attached(record)));
    Ok(records)
}

/// The same bytes under another name: the agent deletes that one when it holds them.
fn lay(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => fs::copy(from, to).map(|_| ()),
        Ok(()) => Ok(()),
    }
}

fn hash_file(path: &Path) -> io::Result<(u64, [u8; 32])> {
    let mut file = File::open(path)?;
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        context.update(bytes);
        size += bytes.len() as u64;
    }
    let mut hash = [0; 32];
    let digest = context.finish();
    hash.copy_from_slice(digest.as_ref());
    Ok((size, hash))
}
