//! The message's frame, and the kinds that are no messages.

use connector::Fields;
use connector::normal::{Capture, Draft, Gathered, event_hash, leaves, stable_id};
use record::{
    Account, Call, CallMedia, CallState, Consent, ConsentAct, Content, Conversation,
    ConversationKind, Delete, DeleteScope, Direction, Message, Milliseconds, Participant, Poll,
    PollAct, PollOption, Target, Unknown,
};

use crate::body;
use crate::people::{person, place};

/// Reads the whole message.
pub(crate) fn read(
    capture: &Capture<'_>,
    bytes: &[u8],
    root: &Fields<'_>,
    gathered: &mut Gathered<'_>,
) {
    let id = root
        .any("msgid")
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| event_hash(bytes));
    if root.text("action") == Some("switch") {
        return switched(capture, root, &id, gathered);
    }
    let account = capture.source.account.as_str();
    let from = root.any("from").as_deref().and_then(person);
    let to: Vec<Participant> = root
        .list("tolist")
        .iter()
        .filter_map(|to| to.any(""))
        .filter_map(|to| person(&to))
        .collect();
    let room = root.any("roomid").unwrap_or_default();
    let (place, about) = place(&room, account, from.as_ref(), &to);
    let is_own = |who: &Participant| who.id.as_str() == account;
    let direction = if from.as_ref().is_some_and(is_own) {
        Direction::Outgoing
    } else if to.iter().any(is_own) {
        Direction::Incoming
    } else {
        Direction::None
    };
    let mut draft = Draft::new(capture, place, stable_id(&id), about)
        .direction(direction)
        .sent(root.int("msgtime").map(milliseconds).filter(|ms| *ms > 0))
        .sender(from);
    draft.participants.recipients = to;
    let action = root.any("action").unwrap_or_default();
    if !["send", "recall"].contains(&action.as_str()) {
        draft.field("action", action);
    }
    let kind = root.any("msgtype").unwrap_or_default();
    let content = content(root, &kind, &mut draft);
    gathered.add(draft, content);
}

fn content(root: &Fields<'_>, kind: &str, draft: &mut Draft) -> Content {
    let by = draft.participants.sender.clone();
    match kind {
        "revoke" => Delete {
            targets: vec![Target {
                author: by.as_ref().map(|by| by.id.clone()),
                ..Target::new(stable_id(&root.any("revoke.pre_msgid").unwrap_or_default()))
            }],
            scope: DeleteScope::All,
            by,
            former: None,
        }
        .into(),
        "agree" | "disagree" => Consent {
            act: if kind == "agree" {
                ConsentAct::Agreed
            } else {
                ConsentAct::Declined
            },
            participant: root
                .any(&format!("{kind}.userid"))
                .as_deref()
                .and_then(person)
                .or(by),
            text: None,
            at: root
                .int(&format!("{kind}.{kind}_time"))
                .map(milliseconds)
                .map(Milliseconds::new),
        }
        .into(),
        "vote" => vote(root, draft).into(),
        "meeting_voice_call" => recorded(root, draft).into(),
        "voiptext" => {
            let invited = root
                .uint("info.invitetype")
                .or_else(|| root.uint("voiptext.invitetype"));
            let duration = root
                .uint("info.callduration")
                .or_else(|| root.uint("voiptext.callduration"));
            let media = match invited {
                Some(1 | 3) => CallMedia::Video,
                Some(2 | 4) => CallMedia::Audio,
                _ => CallMedia::Unknown,
            };
            Call {
                duration_seconds: duration,
                group: matches!(invited, Some(3 | 4)),
                ..Call::new(media, CallState::Ended)
            }
            .into()
        }
        kind => match body::of_message(root, kind, draft) {
            Some(parts) => Message {
                parts,
                ..Message::default()
            }
            .into(),
            None => Unknown {
                type_name: kind.to_owned(),
                text: None,
            }
            .into(),
        },
    }
}

fn vote(root: &Fields<'_>, draft: &mut Draft) -> Poll {
    let vote = root.obj("vote").unwrap_or_else(|| root.clone());
    let id = vote.any("voteid").unwrap_or_default();
    draft.field("vote.voteid", id.as_str());
    let kind = vote.any("votetype").unwrap_or_default();
    let items: Vec<String> = vote
        .list("voteitem")
        .iter()
        .filter_map(|item| item.any(""))
        .collect();
    let question = vote.any("votetitle");
    // 101 asks, 102 takes part.
    if kind == "102" {
        return Poll {
            target: Some(Target::new(stable_id(&format!("vote:{id}")))),
            question,
            choices: items,
            ..Poll::new(PollAct::Voted)
        };
    }
    draft.field("vote.votetype", kind);
    Poll {
        question,
        options: items
            .into_iter()
            .map(|text| PollOption {
                text,
                ..PollOption::default()
            })
            .collect(),
        ..Poll::new(PollAct::Created)
    }
}

/// The recording of a meeting or call, with what was shown in it.
fn recorded(root: &Fields<'_>, draft: &mut Draft) -> Call {
    let name = "meeting_voice_call";
    if let Some(body) = root.obj(name) {
        let file = body::reference(&body, name, draft);
        let reference = file.reference.clone();
        // A call has no parts: a recording that is not fetched yet is named in the fields.
        if draft.attach(&file).is_none() {
            draft.field(
                "meeting_voice_call.sdkfileid",
                reference.unwrap_or_default(),
            );
        }
        for part in ["endtime", "demofiledata", "sharescreendata"] {
            draft
                .fields
                .extend(leaves(&body, part, &format!("{name}.{part}")));
        }
    }
    Call {
        id: root.any("voiceid"),
        group: true,
        ..Call::new(CallMedia::Audio, CallState::Ended)
    }
}

/// A person of the company logged in to another of his companies.
fn switched(capture: &Capture<'_>, root: &Fields<'_>, id: &str, gathered: &mut Gathered<'_>) {
    root.known("action");
    let who = root.any("user").as_deref().and_then(person);
    let place = who
        .as_ref()
        .map_or_else(|| capture.source.account.clone(), |who| who.id.to_text_id());
    let about = Conversation::new(ConversationKind::SelfNotes);
    let draft = Draft::new(capture, place, stable_id(id), about)
        .sent(root.int("time").map(milliseconds))
        .sender(who);
    let content = Account {
        what: "switched".to_owned(),
        value: None,
    };
    gathered.add(draft, content);
}

/// The archive gives milliseconds, some of its fields seconds; the two can not be mistaken.
pub(crate) fn milliseconds(time: i64) -> i64 {
    const SECONDS_END: i64 = 100_000_000_000;
    if time.abs() < SECONDS_END {
        time.saturating_mul(1000)
    } else {
        time
    }
}
