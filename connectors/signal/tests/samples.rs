//! Real notifications of signal-cli, linked to Signal's own mock server (`vectors/samples/signal`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../vectors/samples/check.rs"]
mod check;

use check::{Sample, field, message, sender, text};
use record::{
    CallMedia, CallState, Content, ConversationKind, Direction, Kind, LossWhy, MissingWhy,
    NetworkName, Part, ReceiptState, Record,
};

const ACCOUNT: &str = "aci:e4bb7140-b811-40e6-a197-0a1c203a6e01";
const BOB: &str = "aci:b4b22ded-55b2-4b84-8420-8cc478ed447b";

fn samples() -> Vec<Sample> {
    check::files("signal", "ndjson")
        .into_iter()
        .flat_map(|(name, lines)| {
            lines
                .lines()
                .enumerate()
                .map(|(line, text)| Sample {
                    name: format!("{name}:{}", line + 1),
                    bytes: text.as_bytes().to_vec(),
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

fn of(event: &[u8]) -> Vec<Record> {
    let sample = Sample {
        name: "made".to_owned(),
        bytes: event.to_vec(),
    };
    check::records(NetworkName::SIGNAL, ACCOUNT, &sample, signal::normalize)
}

fn line(number: usize) -> Record {
    let sample = samples().remove(number - 1);
    // The samples come from two accounts; the second is Alice's of another run.
    let account = if sample.bytes.windows(12).any(|w| w == b"+14154938993") {
        "aci:14012233-f7c8-40ac-b950-8fbf6cb381ac"
    } else {
        ACCOUNT
    };
    let mut records = check::records(NetworkName::SIGNAL, account, &sample, signal::normalize);
    assert_eq!(records.len(), 1, "line {number}");
    records.remove(0)
}

#[test]
fn every_sample_is_mapped() {
    let mut ids = std::collections::HashSet::new();
    let samples = samples();
    assert_eq!(samples.len(), 26);
    for sample in &samples {
        for record in check::records(NetworkName::SIGNAL, ACCOUNT, sample, signal::normalize) {
            assert_ne!(record.kind(), Kind::Unknown, "{}", sample.name);
            assert!(ids.insert(record.id()), "{}: an id twice", sample.name);
        }
    }
}

/// What a second linked device of the account hears: the same events, delivered to it at a time of
/// its own, over a subscription of its own. The vault files a record id once (PARTITION-8), so what
/// both captured does not stand there twice.
#[test]
fn two_devices_of_an_account_give_the_same_record_ids() {
    let mut compared = 0;
    for sample in samples() {
        let mut event: serde_json::Value = serde_json::from_slice(&sample.bytes).unwrap();
        let params = event["params"].as_object_mut().unwrap();
        let mut told = match params.remove("result") {
            Some(told) => told,
            None => params.clone().into(),
        };
        let envelope = told["envelope"].as_object_mut().unwrap();
        let delivered = envelope
            .get("serverDeliveredTimestamp")
            .and_then(serde_json::Value::as_i64);
        envelope.insert(
            "serverDeliveredTimestamp".to_owned(),
            (delivered.unwrap_or(1_795_520_482_635) + 250).into(),
        );
        event["params"] = serde_json::json!({"subscription": 7, "result": told});
        let other = Sample {
            name: format!("{} at the second device", sample.name),
            bytes: event.to_string().into_bytes(),
        };
        let [first, second] = [&sample, &other].map(|sample| {
            let records = check::records(NetworkName::SIGNAL, ACCOUNT, sample, signal::normalize);
            records.iter().map(Record::id).collect::<Vec<_>>()
        });
        assert_ne!(sample.bytes, other.bytes);
        assert_eq!(first, second, "{}", sample.name);
        compared += first.len();
    }
    assert!(compared >= 26);
}

#[test]
fn texts_of_others() {
    let record = line(1);
    assert_eq!(text(message(&record)), "hello from Bob");
    assert_eq!(sender(&record), BOB);
    let envelope = record.envelope();
    assert_eq!(envelope.direction(), Direction::Incoming);
    assert_eq!(envelope.conversation().as_str(), BOB);
    assert_eq!(
        envelope.source_id().as_str(),
        format!("{BOB}/1795520482635")
    );
    assert_eq!(envelope.times().sent.unwrap().at.get(), 1_795_520_482_635);
    assert_eq!(envelope.times().received, None, "0 is no time");
    let participants = record.participants();
    assert_eq!(participants.conversation.kind, ConversationKind::Direct);
    assert_eq!(participants.recipients[0].id.as_str(), ACCOUNT);
    assert_eq!(participants.recipients[0].aliases[0].name, "+14154918510");
    assert_eq!(participants.sender.as_ref().unwrap().device, Some(1));

    let expiring = line(2);
    assert_eq!(message(&expiring).expiry.as_ref().unwrap().seconds, 3600);
    let sealed = line(14);
    assert_eq!(text(message(&sealed)), "sealed sender text");
    assert_eq!(sender(&sealed), BOB);
    let alias = &sealed.participants().sender.as_ref().unwrap().aliases[0];
    assert_eq!(alias.name, "+14154989349");
}

#[test]
fn a_hidden_number_is_no_number() {
    let sender = line(1).participants().sender.clone().unwrap();
    assert!(sender.aliases.is_empty());
}

#[test]
fn timers_and_view_once() {
    let Content::Change(timer) = &line(3).body().content.clone() else {
        panic!("no change")
    };
    assert_eq!(timer.changes[0].what, "timer");
    assert_eq!(timer.changes[0].after.as_deref(), Some("86400"));
    let once = line(4);
    assert!(message(&once).view_once);
    let Part::Missing(missing) = &message(&once).parts[0] else {
        panic!("nothing missing")
    };
    assert_eq!(missing.why, MissingWhy::Withheld);
}

#[test]
fn edits_reactions_and_deletions_point_to_their_message() {
    let original = line(5);
    let original = original.envelope().source_id();
    let Content::Edit(edit) = line(6).body().content.clone() else {
        panic!("no edit")
    };
    assert_eq!(&edit.target.source_id, original);
    assert_eq!(text(&edit.message), "edited text");
    let Content::Reaction(reaction) = line(7).body().content.clone() else {
        panic!("no reaction")
    };
    assert_eq!(&reaction.target.source_id, original);
    assert_eq!((reaction.value.as_str(), reaction.removed), ("👍", false));
    let Content::Delete(delete) = line(8).body().content.clone() else {
        panic!("no deletion")
    };
    assert_eq!(&delete.targets[0].source_id, original);
    let reply = line(9);
    let quoted = message(&reply).in_reply_to.as_ref().unwrap();
    assert_eq!(&quoted.source_id, original);
    assert_eq!(quoted.excerpt.as_deref(), Some("to be edited"));
    assert_eq!(text(message(&reply)), "replying");
}

#[test]
fn own_messages_of_other_devices() {
    let direct = line(10);
    assert_eq!(text(message(&direct)), "Alice wrote on phone");
    assert_eq!(direct.envelope().direction(), Direction::Outgoing);
    assert_eq!(direct.envelope().conversation().as_str(), BOB);
    assert_eq!(direct.participants().recipients[0].id.as_str(), BOB);
    assert_eq!(sender(&direct), ACCOUNT);
    let group = line(17);
    assert_eq!(text(message(&group)), "Alice in group from phone");
    assert!(
        group
            .envelope()
            .conversation()
            .as_str()
            .starts_with("group:ZKuYfs")
    );
    let Content::Delete(delete) = line(23).body().content.clone() else {
        panic!("no deletion")
    };
    assert!(
        delete.targets[0]
            .source_id
            .as_str()
            .ends_with("/1795521047494")
    );
    let Content::Edit(edit) = line(24).body().content.clone() else {
        panic!("no edit")
    };
    assert_eq!(text(&edit.message), "alice edited");
}

#[test]
fn receipts_and_typing() {
    let read = line(11);
    let Content::Receipt(receipt) = &read.body().content else {
        panic!("no receipt")
    };
    assert_eq!(receipt.state, ReceiptState::Read);
    assert_eq!(
        receipt.targets[0].source_id.as_str(),
        format!("{BOB}/1795520488769")
    );
    assert_eq!(read.envelope().direction(), Direction::Outgoing);
    let theirs = line(12);
    let Content::Receipt(receipt) = &theirs.body().content else {
        panic!("no receipt")
    };
    assert_eq!(receipt.at.unwrap().get(), 1_795_520_499_421);
    assert!(receipt.targets[0].source_id.as_str().starts_with(ACCOUNT));
    let Content::Activity(typing) = line(13).body().content.clone() else {
        panic!("no activity")
    };
    assert_eq!(typing.state.as_deref(), Some("started"));
}

#[test]
fn files_groups_and_calls() {
    let file = line(15);
    let Part::Missing(missing) = &message(&file).parts[1] else {
        panic!("no file")
    };
    assert_eq!(missing.name.as_deref(), Some("note.txt"));
    assert_eq!(missing.size, Some(1150));
    assert!(missing.reference.as_ref().unwrap().starts_with("319e37cb"));
    let group = line(16);
    assert_eq!(
        group.participants().conversation.title.as_deref(),
        Some("Deal Team")
    );
    assert_eq!(field(&group, "groupInfo.revision"), Some("0"));
    let Content::Change(update) = line(18).body().content.clone() else {
        panic!("no change")
    };
    assert_eq!(update.changes[0].what, "group");
    assert_eq!(update.changes[0].after.as_deref(), Some("1"));
    let Content::Call(offer) = line(19).body().content.clone() else {
        panic!("no call")
    };
    assert_eq!(
        (offer.media, offer.state),
        (CallMedia::Audio, CallState::Offered)
    );
    let Content::Call(end) = line(20).body().content.clone() else {
        panic!("no call")
    };
    assert_eq!(end.id, offer.id);
    assert_eq!(end.state, CallState::Ended);
}

#[test]
fn contacts_mentions_styles_and_stories() {
    let contact = line(21);
    let Part::Card(card) = &message(&contact).parts[0] else {
        panic!("no card")
    };
    assert_eq!(card.name, "Zed X");
    assert!(
        card.fields
            .iter()
            .any(|f| f.name == "phone[0].value" && f.value == "+14155550100")
    );
    let styled = line(22);
    let Part::Text(text) = &message(&styled).parts[0] else {
        panic!("no text")
    };
    let mention = &text.spans[0];
    assert_eq!((mention.start, mention.length), (3, 1));
    assert_eq!(
        mention.target.as_deref(),
        Some("aci:14012233-f7c8-40ac-b950-8fbf6cb381ac")
    );
    assert_eq!(text.spans[1].style, "bold");
    let story = line(26);
    assert_eq!(message(&story).marks, ["story"]);
    assert_eq!(
        story.participants().conversation.kind,
        ConversationKind::Broadcast
    );
}

fn notification(content: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"receive","params":{{"subscription":0,"result":{{"envelope":{{
        "source":"{b}","sourceNumber":null,"sourceUuid":"{b}","sourceName":"Bob","sourceDevice":2,
        "timestamp":1000,"serverReceivedTimestamp":1001,"serverDeliveredTimestamp":1002,{content}}},
        "account":"+14154918510"}}}}}}"#,
        b = "b4b22ded-55b2-4b84-8420-8cc478ed447b"
    )
}

#[test]
fn subscriptions_wrap_the_same_event() {
    let event = notification(
        r#""dataMessage":{"timestamp":1000,"message":null,"expiresInSeconds":0,"viewOnce":false,
        "pollCreate":{"question":"Lunch?","allowMultiple":true,"options":["yes","no"]}}"#,
    );
    let records = of(event.as_bytes());
    let Content::Poll(poll) = &records[0].body().content else {
        panic!("no poll")
    };
    assert_eq!(poll.question.as_deref(), Some("Lunch?"));
    assert_eq!(poll.options[1].text, "no");
    assert_eq!(poll.several, Some(true));
    assert_eq!(
        records[0].envelope().times().received.unwrap().at.get(),
        1002
    );
    let vote = notification(
        r#""dataMessage":{"timestamp":1000,"message":null,"pollVote":{"authorUuid":"b4b22ded-55b2-4b84-8420-8cc478ed447b",
        "author":"b4b22ded-55b2-4b84-8420-8cc478ed447b","authorNumber":null,"targetSentTimestamp":900,"optionIndexes":[1],"voteCount":1}}"#,
    );
    let vote = check::exercise_for(
        vote.as_bytes(),
        ACCOUNT,
        NetworkName::SIGNAL,
        signal::normalize,
    );
    let Content::Poll(voted) = &vote.records[0].body().content else {
        panic!("no vote")
    };
    assert_eq!(voted.choices, ["1"]);
    assert_eq!(
        voted.target.as_ref().unwrap().source_id.as_str(),
        format!("{BOB}/900")
    );
}

#[test]
fn what_can_not_be_decrypted_is_a_loss() {
    let event = br#"{"jsonrpc":"2.0","method":"receive","params":{"exception":{"message":"no session","type":"ProtocolNoSessionException"},"envelope":{"source":"b4b22ded-55b2-4b84-8420-8cc478ed447b","sourceUuid":"b4b22ded-55b2-4b84-8420-8cc478ed447b","sourceNumber":null,"timestamp":7},"account":"+1"}}"#;
    let records = of(event);
    let Content::Loss(loss) = &records[0].body().content else {
        panic!("no loss")
    };
    assert_eq!(loss.why, LossWhy::Undecryptable);
    assert_eq!(
        loss.detail.as_deref(),
        Some("ProtocolNoSessionException: no session")
    );
}

#[test]
fn what_a_newer_client_adds_is_kept_and_marked() {
    let event = notification(r#""hologramMessage":{"shape":"cube"}"#);
    let normalized = check::exercise_for(
        event.as_bytes(),
        ACCOUNT,
        NetworkName::SIGNAL,
        signal::normalize,
    );
    let record = &normalized.records[0];
    let Content::Unknown(unknown) = &record.body().content else {
        panic!("not unknown")
    };
    assert_eq!(unknown.type_name, "hologramMessage");
    let path = "params.result.envelope.hologramMessage.shape";
    assert_eq!(normalized.unmodelled, [path]);
    assert_eq!(field(record, &format!("more.{path}")), Some("cube"));
}

#[test]
fn fetched_files_become_attachments() {
    use connector::normal::{Capture, Files};
    let sample = &samples()[14];
    let mut files = Files::default();
    let hash = record::FileHash::from_bytes([7; 32]);
    files.insert(
        "319e37cb9ac0976ee406521649955d1d66f6f5e24a16712507442dd591105881.txt",
        record::Attachment::new(1150, hash),
    );
    let source = record::Source {
        network: NetworkName::SIGNAL,
        account: record::TextId::new(ACCOUNT).unwrap(),
        custodian: record::TextId::new("c").unwrap(),
        connector: record::TextId::new("signal/0").unwrap(),
        assurance: record::Assurance::Device,
        mode: record::Mode::Live,
    };
    let nothing = Files::default();
    let before = Capture {
        source: &source,
        captured: record::Time::utc(record::Milliseconds::new(1)),
        files: &nothing,
    };
    let before = signal::normalize(&before, &sample.bytes).unwrap();
    assert_eq!(before.wanted.len(), 1);
    let capture = Capture {
        source: &source,
        captured: record::Time::utc(record::Milliseconds::new(1)),
        files: &files,
    };
    let fetched = signal::normalize(&capture, &sample.bytes).unwrap();
    assert!(fetched.wanted.is_empty());
    let record = &fetched.records[0];
    assert_eq!(record.id(), before.records[0].id());
    assert!(matches!(&message(record).parts[1], Part::Media(media) if media.form == "file"));
    assert_eq!(record.attachments()[0].name.as_deref(), Some("note.txt"));
    assert_eq!(record.attachments()[0].sha256, hash);
}

/// Where the normal form says it in other words.
const OTHERWISE: &[(&str, &str)] = &[
    (".jsonrpc", "the frame of JSON-RPC"),
    (".method", "the frame of JSON-RPC"),
    ("offerMessage.type", "told by the call's media"),
    (".opaque", "left in the original"),
];

#[test]
fn all_that_the_samples_say_is_said() {
    check::all_is_said(
        &NetworkName::SIGNAL,
        ACCOUNT,
        &samples(),
        signal::normalize,
        OTHERWISE,
    );
}

#[test]
fn any_json_is_survived() {
    check::survives_mutations(&NetworkName::SIGNAL, ACCOUNT, &samples(), signal::normalize);
}

#[test]
fn each_kind_has_one_row_of_coverage() {
    let rows = signal::coverage();
    let kinds: Vec<u8> = rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, (0..15).collect::<Vec<u8>>());
}
