//! Events of a real room of Synapse, as a second device saw them (`vectors/samples/matrix`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../vectors/samples/check.rs"]
mod check;

use check::{Sample, field, message, sender, text};
use connector::normal::{Capture, NormalizeError, Normalized};
use matrix::Seen;
use record::{
    CallState, Content, Direction, Kind, LossWhy, MemberAct, NetworkName, Part, PollAct, Record,
};

const ROOM: &str = "!tTB8UmGlBYXPwgiKPyNoYau2Mbh7LK7rcK5_OQI-e7c";
const ALICE: &str = "mxid:@alice1795521228:localhost";
const BOB: &str = "mxid:@bob1795521228:localhost";

/// As the device hands events on: the room beside them.
fn normalize(capture: &Capture<'_>, event: &[u8]) -> Result<Normalized, NormalizeError> {
    let seen = Seen {
        room: Some(ROOM),
        title: Some("Deal"),
        direct: Some(false),
        decrypted: true,
    };
    matrix::normalize(capture, &seen, event)
}

fn samples() -> Vec<Sample> {
    check::files("matrix", "txt")
        .into_iter()
        .flat_map(|(name, lines)| {
            lines
                .lines()
                .enumerate()
                .map(|(line, text)| {
                    let start = text.find('{').unwrap();
                    assert!(text[..start].contains(ROOM));
                    Sample {
                        name: format!("{name}:{}", line + 1),
                        bytes: text.as_bytes()[start..].to_vec(),
                    }
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

fn of(name: &str, event: &[u8]) -> Record {
    let sample = Sample {
        name: name.to_owned(),
        bytes: event.to_vec(),
    };
    let mut records = check::records(NetworkName::MATRIX, BOB, &sample, normalize);
    assert_eq!(records.len(), 1, "{name}");
    records.remove(0)
}

fn line(number: usize) -> Record {
    let sample = samples().remove(number - 1);
    of(&sample.name, &sample.bytes)
}

fn made(kind: &str, content: &str) -> Vec<u8> {
    format!(
        r#"{{"content":{content},"event_id":"$x","origin_server_ts":5,"sender":"@alice1795521228:localhost","type":"{kind}","unsigned":{{"age":1}}}}"#
    )
    .into_bytes()
}

fn changed(record: &Record) -> record::Changed {
    match &record.body().content {
        Content::Change(change) => change.changes[0].clone(),
        _ => panic!("no change"),
    }
}

fn member(record: &Record) -> record::MemberChange {
    match &record.body().content {
        Content::Membership(membership) => membership.changes[0].clone(),
        _ => panic!("no membership"),
    }
}

#[test]
fn every_sample_is_mapped() {
    let mut ids = std::collections::HashSet::new();
    let samples = samples();
    assert_eq!(samples.len(), 17);
    for sample in &samples {
        let record = of(&sample.name, &sample.bytes);
        assert_ne!(record.kind(), Kind::Unknown, "{}", sample.name);
        assert_eq!(record.envelope().conversation().as_str(), ROOM);
        assert!(ids.insert(record.id()), "{}", sample.name);
    }
}

#[test]
fn the_room_and_its_rules() {
    let created = line(1);
    assert_eq!(changed(&created).what, "created");
    assert_eq!(changed(&created).after.as_deref(), Some("12"));
    assert_eq!(sender(&created), ALICE);
    assert_eq!(
        created.participants().conversation.title.as_deref(),
        Some("Deal")
    );
    let levels = line(3);
    assert_eq!(changed(&levels).what, "power_levels");
    assert_eq!(
        field(&levels, "content.events.m.room.tombstone"),
        Some("150")
    );
    assert_eq!(changed(&line(4)).after.as_deref(), Some("invite"));
    assert_eq!(changed(&line(5)).after.as_deref(), Some("shared"));
    assert_eq!(changed(&line(6)).after.as_deref(), Some("can_join"));
    let encryption = line(7);
    assert_eq!(
        changed(&encryption).after.as_deref(),
        Some("m.megolm.v1.aes-sha2")
    );
    assert_eq!(
        field(&encryption, "content.rotation_period_msgs"),
        Some("100")
    );
    assert_eq!(changed(&line(8)).what, "title");
    assert_eq!(changed(&line(8)).after.as_deref(), Some("Deal"));
}

#[test]
fn members_come_and_go() {
    assert_eq!(member(&line(2)).act, MemberAct::Joined);
    let invited = member(&line(9));
    assert_eq!(invited.act, MemberAct::Invited);
    assert_eq!(invited.member.id.as_str(), BOB);
    assert_eq!(invited.by.unwrap().id.as_str(), ALICE);
    assert_eq!(invited.member.aliases[0].name, "bob1795521228");
    let joined = line(10);
    assert_eq!(member(&joined).act, MemberAct::Joined);
    assert_eq!(
        field(&joined, "unsigned.prev_sender"),
        Some("@alice1795521228:localhost")
    );
    assert_eq!(
        field(&joined, "unsigned.prev_content.membership"),
        Some("invite")
    );
    assert_eq!(joined.envelope().direction(), Direction::Outgoing);
    assert_eq!(member(&line(17)).act, MemberAct::Left);
}

#[test]
fn what_was_redacted_before_it_was_read_is_a_loss() {
    let gone = line(11);
    let Content::Loss(loss) = &gone.body().content else {
        panic!("no loss")
    };
    assert_eq!(loss.why, LossWhy::Expired);
    assert!(loss.detail.as_ref().unwrap().ends_with("regret"));
    let redaction = line(15);
    let Content::Delete(delete) = &redaction.body().content else {
        panic!("no deletion")
    };
    assert_eq!(&delete.targets[0].source_id, gone.envelope().source_id());
    assert_eq!(field(&redaction, "reason"), Some("regret"));
    assert_eq!(
        field(&gone, "unsigned.redacted_by"),
        Some(redaction.envelope().source_id().as_str())
    );
    let Content::Reaction(reaction) = &line(14).body().content.clone() else {
        panic!("no reaction")
    };
    assert_eq!(reaction.value, "👍");
    assert_eq!(&reaction.target.source_id, gone.envelope().source_id());
}

#[test]
fn texts_edits_and_encrypted_files() {
    let sent = line(12);
    assert_eq!(text(message(&sent)), "hi from bob");
    assert_eq!(sender(&sent), BOB);
    assert_eq!(
        sent.envelope().times().server.unwrap().at.get(),
        1_795_521_259_780
    );
    assert_eq!(field(&sent, "decrypted"), Some("true"));
    let edited = line(13);
    let Content::Edit(edit) = &edited.body().content else {
        panic!("no edit")
    };
    assert_eq!(&edit.target.source_id, sent.envelope().source_id());
    assert_eq!(text(&edit.message), "hi from bob (edited)");
    let file = line(16);
    let Part::Missing(missing) = &message(&file).parts[0] else {
        panic!("no file")
    };
    assert_eq!(missing.name.as_deref(), Some("note.txt"));
    assert_eq!(missing.media_type.as_deref(), Some("text/plain"));
    assert_eq!(
        missing.reference.as_deref(),
        Some("mxc://localhost/fHQjmISGQdonEcfpVEFVMKxE")
    );
    assert_eq!(
        field(&file, "content.file.iv"),
        Some("MINir+wzqGgAAAAAAAAAAA")
    );
    assert_eq!(
        field(&file, "content.file.hashes.sha256"),
        Some("wFy6sX+rQcsdRY6bUGGy4PODwBpAgmtoP8sZHWKU8ho")
    );
}

#[test]
fn replies_threads_emotes_and_captions() {
    let reply = of(
        "reply",
        &made(
            "m.room.message",
            r#"{"msgtype":"m.emote","body":"nods","format":"org.matrix.custom.html","formatted_body":"<b>nods</b>",
            "m.mentions":{"user_ids":["@bob:localhost"]},
            "m.relates_to":{"rel_type":"m.thread","event_id":"$root","is_falling_back":true,"m.in_reply_to":{"event_id":"$a"}}}"#,
        ),
    );
    assert_eq!(
        message(&reply)
            .in_reply_to
            .as_ref()
            .unwrap()
            .source_id
            .as_str(),
        "$a"
    );
    assert_eq!(message(&reply).marks, ["emote"]);
    let topic = reply.participants().conversation.topic.as_ref().unwrap();
    assert_eq!(topic.id.as_str(), "$root");
    assert_eq!(field(&reply, "content.formatted_body"), Some("<b>nods</b>"));
    assert_eq!(
        field(&reply, "content.m.mentions.user_ids[0]"),
        Some("@bob:localhost")
    );
    let image = of(
        "image",
        &made(
            "m.room.message",
            r#"{"msgtype":"m.image","body":"our plan","filename":"plan.png","url":"mxc://s/1",
            "info":{"mimetype":"image/png","size":10,"w":4,"h":3,"thumbnail_url":"mxc://s/2"}}"#,
        ),
    );
    assert_eq!(text(message(&image)), "our plan");
    assert_eq!(field(&image, "media[0].width"), Some("4"));
    assert_eq!(
        field(&image, "content.info.thumbnail_url"),
        Some("mxc://s/2")
    );
    let place = of(
        "place",
        &made(
            "m.room.message",
            r#"{"msgtype":"m.location","body":"here","geo_uri":"geo:48.8584,2.2945;u=35"}"#,
        ),
    );
    assert!(matches!(&message(&place).parts[0], Part::Location(l) if l.latitude_e7 == 488_584_000));
}

#[test]
fn polls_calls_and_what_has_no_key() {
    let asked = of(
        "poll",
        &made(
            "m.poll.start",
            r#"{"m.poll":{"kind":"m.disclosed","max_selections":1,"question":{"m.text":[{"body":"When?"}]},
            "answers":[{"m.id":"a","m.text":[{"body":"Mon"}]},{"m.id":"b","m.text":[{"body":"Tue"}]}]},"m.text":[{"body":"When? Mon Tue"}]}"#,
        ),
    );
    let Content::Poll(poll) = &asked.body().content else {
        panic!("no poll")
    };
    assert_eq!(poll.question.as_deref(), Some("When?"));
    assert_eq!(
        (poll.options[1].text.as_str(), poll.options[1].id.as_deref()),
        ("Tue", Some("b"))
    );
    let voted = of(
        "vote",
        &made(
            "m.poll.response",
            r#"{"m.selections":["b"],"m.relates_to":{"rel_type":"m.reference","event_id":"$p"}}"#,
        ),
    );
    let Content::Poll(vote) = &voted.body().content else {
        panic!("no vote")
    };
    assert_eq!((vote.act, vote.choices[0].as_str()), (PollAct::Voted, "b"));
    let call = of(
        "call",
        &made(
            "m.call.invite",
            r#"{"call_id":"c1","version":"1","party_id":"p","lifetime":60000,"offer":{"type":"offer","sdp":"v=0"}}"#,
        ),
    );
    let Content::Call(offered) = &call.body().content else {
        panic!("no call")
    };
    assert_eq!(offered.state, CallState::Offered);
    let sealed = of(
        "no key",
        &made(
            "m.room.encrypted",
            r#"{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":"AwgA","session_id":"s","sender_key":"k","device_id":"D"}"#,
        ),
    );
    let Content::Loss(loss) = &sealed.body().content else {
        panic!("no loss")
    };
    assert_eq!(loss.why, LossWhy::Undecryptable);
    assert_eq!(field(&sealed, "content.session_id"), Some("s"));
}

#[test]
fn other_types_are_kept() {
    let event = made("org.example.dance", r#"{"body":"a dance","steps":3}"#);
    let normalized = check::exercise_for(&event, BOB, NetworkName::MATRIX, normalize);
    let record = &normalized.records[0];
    let Content::Unknown(unknown) = &record.body().content else {
        panic!("not unknown")
    };
    assert_eq!(unknown.type_name, "org.example.dance");
    assert_eq!(unknown.text.as_deref(), Some("a dance"));
    assert_eq!(field(record, "more.content.steps"), Some("3"));
    assert_eq!(normalized.unmodelled, ["content.steps"]);
}

/// Where the normal form says it in other words.
const OTHERWISE: &[(&str, &str)] = &[
    (".type", "told by the kind of record, or what changed"),
    (".msgtype", "told by the kind of part"),
    ("rel_type", "told by the kind of record"),
    ("unsigned.age", "left in the original"),
    ("redacted_because.origin_server_ts", "left in the original"),
    (
        ".content.body",
        "an edit's rendering for clients without edits",
    ),
    (
        ".content.format",
        "an edit's rendering for clients without edits",
    ),
    (
        ".content.formatted_body",
        "an edit's rendering for clients without edits",
    ),
];

#[test]
fn all_that_the_samples_say_is_said() {
    check::all_is_said(&NetworkName::MATRIX, BOB, &samples(), normalize, OTHERWISE);
}

#[test]
fn any_json_is_survived() {
    check::survives_mutations(&NetworkName::MATRIX, BOB, &samples(), normalize);
}

#[test]
fn each_kind_has_one_row_of_coverage() {
    let kinds: Vec<u8> = matrix::coverage().iter().map(|row| row.kind).collect();
    assert_eq!(kinds, (0..15).collect::<Vec<u8>>());
}
