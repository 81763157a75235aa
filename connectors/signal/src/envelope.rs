//! The notification and its envelope: who, when, and which of the kinds of content.

use connector::Fields;
use connector::normal::{Capture, Draft, Gathered, event_hash, leaves, participant_id, stable_id};
use record::{
    Account, Activity, AliasKind, Call, CallMedia, CallState, Content, Conversation,
    ConversationKind, Direction, Loss, LossWhy, Milliseconds, Participant, ParticipantId, Receipt,
    ReceiptState, TextId, Unknown,
};

use crate::data;
use crate::people::{account, target};

/// The event as all its records share it.
pub(crate) struct Event<'a> {
    pub(crate) capture: &'a Capture<'a>,
    /// The captured account.
    pub(crate) own: Participant,
    /// Whom the envelope comes from.
    pub(crate) author: Participant,
    /// The number by which its author's device names it: when it was sent.
    pub(crate) timestamp: i64,
    /// When its author's device sent it.
    pub(crate) sent: Option<i64>,
    server: Option<i64>,
    received: Option<i64>,
    event_hash: &'a str,
}

/// Where something was said.
pub(crate) struct Place {
    pub(crate) id: TextId,
    pub(crate) about: Conversation,
}

impl Place {
    pub(crate) fn direct(with: &Participant) -> Self {
        Self {
            id: with.id.to_text_id(),
            about: Conversation::new(ConversationKind::Direct),
        }
    }

    /// With somebody, in a conversation that the event does not name.
    fn unnamed(with: &Participant) -> Self {
        Self {
            id: with.id.to_text_id(),
            about: Conversation::default(),
        }
    }

    pub(crate) fn group(id: &str, title: &str) -> Self {
        Self {
            id: stable_id(&format!("group:{id}")),
            about: Conversation::new(ConversationKind::Group).title(title),
        }
    }
}

impl Event<'_> {
    /// A record from the author, named by `timestamp`.
    pub(crate) fn draft(&self, place: Place, source_id: TextId) -> Draft {
        let outgoing = self.author.id == self.own.id;
        let mut draft = Draft::new(self.capture, place.id, source_id, place.about)
            .direction(if outgoing {
                Direction::Outgoing
            } else {
                Direction::Incoming
            })
            .sent(self.sent)
            .server(self.server)
            .received(self.received)
            .sender(Some(self.author.clone()));
        if !outgoing {
            draft = draft.recipient(Some(self.own.clone()));
        }
        draft
    }

    /// The id of an event that is no message: its author's device and time.
    fn signal_id(&self, suffix: &str) -> TextId {
        let device = self.author.device.unwrap_or_default();
        let author = self.author.id.as_str();
        stable_id(&format!("{author}.{device}/{}{suffix}", self.timestamp))
    }
}

/// Reads the whole notification.
pub(crate) fn read(
    capture: &Capture<'_>,
    bytes: &[u8],
    root: &Fields<'_>,
    gathered: &mut Gathered<'_>,
) {
    // The frame of JSON-RPC says nothing of the event.
    for frame in ["jsonrpc", "method", "params.subscription"] {
        root.known(frame);
    }
    let params = ["params.result", "params", "result"]
        .iter()
        .find_map(|path| root.obj(path))
        .unwrap_or_else(|| root.clone());
    let number = params.any("account").unwrap_or_default();
    let own_id = ParticipantId::parse(capture.source.account.as_str())
        .ok()
        .or_else(|| participant_id("tel", &number))
        .or_else(|| participant_id("account", capture.source.account.as_str()));
    let Some(own_id) = own_id else { return };
    let own = Participant::new(own_id).alias(AliasKind::Phone, number);
    let empty = serde_json::Value::Null;
    let nothing = Fields::new(&empty);
    let envelope = params.obj("envelope").unwrap_or(nothing);
    let mut author = account(&envelope, "source").unwrap_or_else(|| own.clone());
    if author.id == own.id {
        author = own.clone();
    }
    author.device = envelope.uint("sourceDevice");
    let hash = event_hash(bytes);
    let sent = envelope.int("timestamp");
    let event = Event {
        capture,
        timestamp: sent.unwrap_or_else(|| number_of(&hash)),
        sent,
        server: envelope.int("serverReceivedTimestamp").filter(|t| *t > 0),
        received: envelope.int("serverDeliveredTimestamp").filter(|t| *t > 0),
        own,
        author,
        event_hash: &hash,
    };
    if let Some(exception) = params.obj("exception") {
        undecryptable(&event, &exception, gathered);
    }
    contents(&event, &envelope, gathered);
    if gathered.is_empty() {
        unknown(&event, &envelope, gathered);
    }
}

fn contents(event: &Event<'_>, envelope: &Fields<'_>, gathered: &mut Gathered<'_>) {
    if let Some(data) = envelope.obj("dataMessage") {
        data::message(event, &data, None, gathered);
    }
    if let Some(edit) = envelope.obj("editMessage") {
        data::edit(event, &edit, None, gathered);
    }
    if let Some(story) = envelope.obj("storyMessage") {
        data::story(event, &story, None, gathered);
    }
    if let Some(sync) = envelope.obj("syncMessage") {
        synced(event, &sync, gathered);
    }
    if let Some(call) = envelope.obj("callMessage") {
        called(event, &call, gathered);
    }
    if let Some(receipt) = envelope.obj("receiptMessage") {
        received(event, &receipt, gathered);
    }
    if let Some(typing) = envelope.obj("typingMessage") {
        typed(event, &typing, gathered);
    }
}

fn undecryptable(event: &Event<'_>, exception: &Fields<'_>, gathered: &mut Gathered<'_>) {
    let kind = exception.any("type").unwrap_or_default();
    let words = exception.any("message").unwrap_or_default();
    let id = stable_id(&format!("exception/{}", event.event_hash));
    let draft = event.draft(Place::unnamed(&event.author), id);
    let at = event.sent.map(Milliseconds::new);
    let loss = Loss {
        from: at,
        to: at,
        count: Some(1),
        detail: Some(format!("{kind}: {words}")),
        ..Loss::new(LossWhy::Undecryptable)
    };
    gathered.add(draft, loss);
}

fn synced(event: &Event<'_>, sync: &Fields<'_>, gathered: &mut Gathered<'_>) {
    if let Some(sent) = sync.obj("sentMessage") {
        let to = account(&sent, "destination");
        match sent.obj("editMessage") {
            Some(edit) => data::edit(event, &edit, Some(to), gathered),
            None => data::message(event, &sent, Some(to), gathered),
        }
    }
    if let Some(story) = sync.obj("sentStoryMessage") {
        let to = account(&story, "destination");
        let inner = story.obj("dataMessage").unwrap_or_else(|| story.clone());
        data::story(event, &inner, to, gathered);
    }
    let mut read: Vec<(Participant, Vec<i64>)> = Vec::new();
    for message in sync.list("readMessages") {
        let Some(sender) = account(&message, "sender") else {
            continue;
        };
        let Some(timestamp) = message.int("timestamp") else {
            continue;
        };
        match read.iter_mut().find(|(known, _)| known.id == sender.id) {
            Some((_, timestamps)) => timestamps.push(timestamp),
            None => read.push((sender, vec![timestamp])),
        }
    }
    for (sender, timestamps) in read {
        let draft = event.draft(Place::unnamed(&sender), event.signal_id(""));
        let receipt = Receipt {
            targets: timestamps.iter().map(|t| target(&sender.id, *t)).collect(),
            state: ReceiptState::Read,
            at: event.sent.map(Milliseconds::new),
            error: None,
        };
        gathered.add(draft, receipt);
    }
    let own = || Place {
        id: event.own.id.to_text_id(),
        about: Conversation::new(ConversationKind::SelfNotes),
    };
    for blocked in ["blockedNumbers", "blockedGroupIds"] {
        if !sync.has(blocked) {
            continue;
        }
        let mut draft = event.draft(own(), event.signal_id(&format!("/{blocked}")));
        draft.fields = leaves(sync, blocked, blocked);
        let content = Account {
            what: "blocked".to_owned(),
            value: Some(blocked.to_owned()),
        };
        gathered.add(draft, content);
    }
    if let Some(kind) = sync.text("type") {
        let draft = event.draft(own(), event.signal_id(""));
        let content = Activity {
            what: "sync".to_owned(),
            state: Some(kind.to_owned()),
        };
        gathered.add(draft, content);
    }
}

fn called(event: &Event<'_>, message: &Fields<'_>, gathered: &mut Gathered<'_>) {
    let states = [
        ("offerMessage", CallState::Offered),
        ("answerMessage", CallState::Answered),
        ("busyMessage", CallState::Busy),
        ("hangupMessage", CallState::Ended),
    ];
    for (name, state) in states {
        let Some(step) = message.obj(name) else {
            continue;
        };
        let kind = step.any("type");
        let mut call = Call::new(CallMedia::Unknown, state);
        call.id = step.any("id");
        match kind.as_deref() {
            Some("AUDIO_CALL") => call.media = CallMedia::Audio,
            Some("VIDEO_CALL") => call.media = CallMedia::Video,
            Some("DECLINED") => call.state = CallState::Declined,
            Some("BUSY") => call.state = CallState::Busy,
            _ => {}
        }
        call.reason = kind.filter(|_| name == "hangupMessage");
        let mut draft = event.draft(
            Place::direct(&event.author),
            event.signal_id(&format!("/{name}")),
        );
        if let Some(device) = step.any("deviceId").filter(|device| device != "0") {
            draft.field("callMessage.hangupMessage.deviceId", device);
        }
        gathered.add(draft, call);
    }
    let updates = message.list("iceUpdateMessages");
    if !updates.is_empty() {
        let draft = event.draft(
            Place::direct(&event.author),
            event.signal_id("/iceUpdateMessages"),
        );
        let mut call = Call::new(CallMedia::Unknown, CallState::Other);
        for update in &updates {
            call.id = update.any("id").or(call.id);
        }
        call.reason = Some("iceUpdateMessages".to_owned());
        gathered.add(draft, call);
    }
}

fn received(event: &Event<'_>, message: &Fields<'_>, gathered: &mut Gathered<'_>) {
    let at = message.int("when");
    let timestamps: Vec<i64> = message
        .list("timestamps")
        .iter()
        .filter_map(|timestamp| timestamp.int(""))
        .collect();
    let states = [
        ("isDelivery", ReceiptState::Delivered),
        ("isRead", ReceiptState::Read),
        ("isViewed", ReceiptState::Viewed),
    ];
    for (name, state) in states {
        if message.flag(name) != Some(true) {
            continue;
        }
        let draft = event.draft(
            Place::unnamed(&event.author),
            event.signal_id(&format!("/{}", state.name())),
        );
        let receipt = Receipt {
            targets: timestamps
                .iter()
                .map(|t| target(&event.own.id, *t))
                .collect(),
            state,
            at: at.map(Milliseconds::new),
            error: None,
        };
        gathered.add(draft, receipt);
    }
}

fn typed(event: &Event<'_>, message: &Fields<'_>, gathered: &mut Gathered<'_>) {
    let place = match message.any("groupId") {
        Some(group) => Place::group(&group, ""),
        None => Place::direct(&event.author),
    };
    let mut draft = event.draft(place, event.signal_id("/typing"));
    if let Some(timestamp) = message.int("timestamp")
        && timestamp != event.timestamp
    {
        draft.field("typingMessage.timestamp", timestamp.to_string());
    }
    let content = Activity {
        what: "typing".to_owned(),
        state: message.any("action").map(|action| action.to_lowercase()),
    };
    gathered.add(draft, content);
}

fn unknown(event: &Event<'_>, envelope: &Fields<'_>, gathered: &mut Gathered<'_>) {
    let type_name = envelope
        .entries("")
        .iter()
        .find(|(key, below)| key.ends_with("Message") && below.value().is_object())
        .map_or("envelope", |(key, _)| key)
        .to_owned();
    let id = stable_id(&format!("unknown/{}", event.event_hash));
    let draft = event.draft(Place::unnamed(&event.author), id);
    let content: Content = Unknown {
        type_name,
        text: None,
    }
    .into();
    gathered.add(draft, content);
}

/// Stands for the timestamp of an event without one: the same for the same bytes, and before all
/// times.
fn number_of(hash: &str) -> i64 {
    let digits = hash.get(..15).unwrap_or_default();
    -i64::from_str_radix(digits, 16).unwrap_or_default()
}
