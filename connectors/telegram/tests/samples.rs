//! Updates of a business bot (`vectors/samples/telegram`). The sample file holds four; the other
//! events are made after the Bot API's documentation, field by field.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../vectors/samples/check.rs"]
mod check;

use check::{Sample, field, message, sender, text};
use record::{
    AliasKind, Content, ConversationKind, DeleteScope, Direction, Kind, NetworkName, Part, Record,
};

const ACCOUNT: &str = "user:100";

fn samples() -> Vec<Sample> {
    check::files("telegram", "ndjson")
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

fn of(name: &str, event: &[u8]) -> Record {
    let sample = Sample {
        name: name.to_owned(),
        bytes: event.to_vec(),
    };
    let mut records = check::records(NetworkName::TELEGRAM, ACCOUNT, &sample, telegram::normalize);
    assert_eq!(records.len(), 1, "{name}");
    records.remove(0)
}

fn line(number: usize) -> Record {
    let sample = samples().remove(number - 1);
    of(&sample.name, &sample.bytes)
}

/// A message of the client with these further fields.
fn made(content: &str) -> Vec<u8> {
    format!(
        r#"{{"update_id":9,"business_message":{{"business_connection_id":"bc-1","message_id":70,
        "from":{{"id":200,"is_bot":false,"first_name":"Client","last_name":"Li","username":"cli","language_code":"zh"}},
        "chat":{{"id":200,"type":"private","first_name":"Client","last_name":"Li","username":"cli"}},"date":1778597900,{content}}}}}"#
    )
    .into_bytes()
}

fn of_content(content: &str) -> Record {
    of(content, &made(content))
}

const CONTENTS: &[&str] = &[
    r#""text":"👍 bold and a link","entities":[{"offset":3,"length":4,"type":"bold"},{"offset":14,"length":4,"type":"text_link","url":"https://example.org"}]"#,
    r#""text":"Hi Bob","entities":[{"offset":3,"length":3,"type":"text_mention","user":{"id":300,"is_bot":false,"first_name":"Bob"}}]"#,
    r#""photo":[{"file_id":"s","file_unique_id":"us","width":90,"height":51,"file_size":1101},{"file_id":"L","file_unique_id":"uL","width":1280,"height":720,"file_size":99999}],"caption":"the plan","has_media_spoiler":true"#,
    r#""document":{"file_id":"d","file_unique_id":"ud","file_name":"offer.pdf","mime_type":"application/pdf","file_size":5000,"thumbnail":{"file_id":"t","file_unique_id":"ut","width":1,"height":1}}"#,
    r#""animation":{"file_id":"a","file_unique_id":"ua","width":10,"height":10,"duration":3,"mime_type":"video/mp4"},"document":{"file_id":"a","file_unique_id":"ua"}"#,
    r#""voice":{"file_id":"v","file_unique_id":"uv","duration":7,"mime_type":"audio/ogg","file_size":700}"#,
    r#""video_note":{"file_id":"n","file_unique_id":"un","length":240,"duration":5}"#,
    r#""video":{"file_id":"w","file_unique_id":"uw","width":640,"height":360,"duration":61,"file_name":"a.mp4"},"media_group_id":"88""#,
    r#""audio":{"file_id":"o","file_unique_id":"uo","duration":200,"performer":"Someone","title":"Song"}"#,
    r#""sticker":{"file_id":"k","file_unique_id":"uk","type":"regular","width":512,"height":512,"is_animated":false,"is_video":false,"emoji":"😀","set_name":"Pack"}"#,
    r#""location":{"latitude":48.8584,"longitude":2.2945,"live_period":900,"horizontal_accuracy":12.5}"#,
    r#""venue":{"location":{"latitude":48.8584,"longitude":2.2945},"title":"Tower","address":"Paris","foursquare_id":"x"},"location":{"latitude":48.8584,"longitude":2.2945}"#,
    r#""contact":{"phone_number":"+4912345","first_name":"Eva","last_name":"M","user_id":555}"#,
    r#""dice":{"emoji":"🎲","value":4}"#,
    r#""poll":{"id":"p1","question":"When?","options":[{"text":"Mon","voter_count":0},{"text":"Tue","voter_count":1}],"total_voter_count":1,"is_closed":false,"is_anonymous":true,"type":"regular","allows_multiple_answers":false}"#,
    r#""text":"yes","reply_to_message":{"message_id":7,"from":{"id":100,"is_bot":false,"first_name":"Alice"},"chat":{"id":200,"type":"private","first_name":"Client"},"date":1778597000,"text":"Shall we?"}"#,
    r#""text":"yes","reply_to_message":{"message_id":7,"chat":{"id":200,"type":"private"},"date":1,"text":"Shall we meet?"},"quote":{"text":"meet","position":9}"#,
    r#""text":"fwd","forward_origin":{"type":"user","sender_user":{"id":400,"is_bot":false,"first_name":"Zoe"},"date":1778000000}"#,
    r#""text":"fwd","forward_origin":{"type":"hidden_user","sender_user_name":"Hidden One","date":1778000000}"#,
    r#""text":"fwd","forward_origin":{"type":"channel","chat":{"id":-1001234567890,"type":"channel","title":"News","username":"news"},"message_id":5,"date":1778000000}"#,
    r#""pinned_message":{"message_id":7,"chat":{"id":200,"type":"private"},"date":1,"text":"x"}"#,
    r#""message_auto_delete_timer_changed":{"message_auto_delete_time":86400}"#,
    r#""text":"secret","has_protected_content":true,"effect_id":"5107""#,
    r#""checklist":{"title":"Closing","tasks":[{"id":1,"text":"sign"},{"id":2,"text":"pay"}]}"#,
];

#[test]
fn every_sample_is_mapped() {
    let mut ids = std::collections::HashSet::new();
    let samples = samples();
    assert_eq!(samples.len(), 4);
    for sample in &samples {
        let record = of(&sample.name, &sample.bytes);
        assert_ne!(record.kind(), Kind::Unknown);
        assert!(ids.insert(record.id()));
    }
    for content in CONTENTS {
        assert_ne!(of_content(content).kind(), Kind::Unknown);
    }
}

#[test]
fn the_connection_is_an_account_event() {
    let record = line(1);
    let Content::Account(account) = &record.body().content else {
        panic!("no account")
    };
    assert_eq!(
        (account.what.as_str(), account.value.as_deref()),
        ("linked", Some("bc-1"))
    );
    assert_eq!(field(&record, "rights.can_reply"), Some("true"));
    assert_eq!(field(&record, "user_chat_id"), Some("100"));
    assert_eq!(
        record.envelope().times().server.unwrap().at.get(),
        1_778_597_000_000
    );
    assert_eq!(sender(&record), ACCOUNT);
}

#[test]
fn message_edit_and_deletion_name_one_message() {
    let sent = line(2);
    assert_eq!(text(message(&sent)), "hi");
    assert_eq!(sender(&sent), "user:200");
    let envelope = sent.envelope();
    assert_eq!(envelope.conversation().as_str(), "user:200");
    assert_eq!(envelope.source_id().as_str(), "7");
    assert_eq!(envelope.position(), Some(7));
    assert_eq!(envelope.direction(), Direction::Incoming);
    assert_eq!(
        sent.participants().conversation.kind,
        ConversationKind::Direct
    );
    assert_eq!(field(&sent, "business_connection_id"), Some("bc-1"));
    assert_eq!(field(&sent, "update_id"), Some("2"));
    let edited = line(3);
    let Content::Edit(edit) = &edited.body().content else {
        panic!("no edit")
    };
    assert_eq!(&edit.target.source_id, envelope.source_id());
    assert_eq!(text(&edit.message), "hi (edited)");
    assert_eq!(
        edited.envelope().times().server.unwrap().at.get(),
        1_778_598_000_000
    );
    let deleted = line(4);
    let Content::Delete(delete) = &deleted.body().content else {
        panic!("no deletion")
    };
    let targets: Vec<&str> = delete
        .targets
        .iter()
        .map(|t| t.source_id.as_str())
        .collect();
    assert_eq!(targets, ["7", "8"]);
    assert_eq!(delete.scope, DeleteScope::Unknown);
    assert_eq!(deleted.envelope().conversation(), envelope.conversation());
}

#[test]
fn own_messages_go_out() {
    let event = br#"{"update_id":5,"business_message":{"business_connection_id":"bc-1","message_id":8,
        "from":{"id":100,"is_bot":false,"first_name":"Alice"},"sender_business_bot":{"id":9,"is_bot":true,"first_name":"Bot"},
        "chat":{"id":200,"type":"private","first_name":"Client"},"date":1778597901,"text":"hello"}}"#;
    let record = of("own", event);
    assert_eq!(record.envelope().direction(), Direction::Outgoing);
    assert_eq!(record.envelope().conversation().as_str(), "user:200");
    assert_eq!(record.participants().recipients[0].id.as_str(), "user:200");
    assert_eq!(field(&record, "sender_business_bot.id"), Some("9"));
}

#[test]
fn styles_count_characters() {
    let record = of_content(CONTENTS[0]);
    let Part::Text(text) = &message(&record).parts[0] else {
        panic!("no text")
    };
    assert_eq!((text.spans[0].start, text.spans[0].length), (2, 4));
    assert_eq!(text.spans[1].target.as_deref(), Some("https://example.org"));
    let record = of_content(CONTENTS[1]);
    let Part::Text(text) = &message(&record).parts[0] else {
        panic!("no text")
    };
    assert_eq!(text.spans[0].target.as_deref(), Some("user:300"));
    let aliases = &record.participants().sender.as_ref().unwrap().aliases;
    assert_eq!(
        (aliases[0].kind, aliases[0].name.as_str()),
        (AliasKind::Display, "Client Li")
    );
    assert_eq!(aliases[1].name, "cli");
    assert_eq!(field(&record, "from.language_code"), Some("zh"));
}

#[test]
fn files_keep_their_reference() {
    let missing = |content: usize| {
        let record = of_content(CONTENTS[content]);
        let found = message(&record).parts.iter().find_map(|part| match part {
            Part::Missing(missing) => Some(missing.clone()),
            _ => None,
        });
        (record, found.unwrap())
    };
    let (photo, picture) = missing(2);
    assert_eq!(
        (picture.what.as_str(), picture.reference.as_deref()),
        ("image", Some("L"))
    );
    assert_eq!(text(message(&photo)), "the plan");
    assert_eq!(field(&photo, "media[0].width"), Some("1280"));
    assert_eq!(message(&photo).marks, ["spoiler"]);
    assert_eq!(missing(3).1.name.as_deref(), Some("offer.pdf"));
    assert_eq!(missing(4).1.what, "animation");
    assert_eq!(message(&missing(4).0).parts.len(), 1);
    let (voice, note) = missing(5);
    assert_eq!(note.what, "voice");
    assert_eq!(field(&voice, "media[0].duration-ms"), Some("7000"));
    assert_eq!(missing(6).1.what, "video-note");
    assert_eq!(field(&missing(7).0, "media_group_id"), Some("88"));
    assert_eq!(field(&missing(8).0, "audio.performer"), Some("Someone"));
    let (sticker, _) = missing(9);
    assert!(
        matches!(&message(&sticker).parts[0], Part::Sticker(s) if s.emoji.as_deref() == Some("😀"))
    );
}

#[test]
fn places_contacts_polls_and_lists() {
    let part = |content: usize| message(&of_content(CONTENTS[content])).parts[0].clone();
    let Part::Location(live) = part(10) else {
        panic!("no place")
    };
    assert_eq!(
        (live.latitude_e7, live.live_seconds),
        (488_584_000, Some(900))
    );
    let Part::Location(venue) = part(11) else {
        panic!("no place")
    };
    assert_eq!(venue.name.as_deref(), Some("Tower"));
    assert!(matches!(part(12), Part::Card(card) if card.name == "Eva M"));
    assert!(matches!(part(13), Part::Structured(dice) if dice.type_name == "dice"));
    let Content::Poll(poll) = of_content(CONTENTS[14]).body().content.clone() else {
        panic!("no poll")
    };
    assert_eq!(poll.question.as_deref(), Some("When?"));
    assert_eq!(poll.options[1].votes, Some(1));
    assert!(matches!(part(23), Part::Structured(list) if list.title.as_deref() == Some("Closing")));
}

#[test]
fn answers_forwards_pins_and_timers() {
    let target = |content: usize| {
        message(&of_content(CONTENTS[content]))
            .in_reply_to
            .clone()
            .unwrap()
    };
    assert_eq!(target(15).source_id.as_str(), "7");
    assert_eq!(target(15).author.unwrap().as_str(), "user:100");
    assert_eq!(target(15).excerpt.as_deref(), Some("Shall we?"));
    assert_eq!(target(16).excerpt.as_deref(), Some("meet"));
    let forward = |content: usize| {
        message(&of_content(CONTENTS[content]))
            .forward
            .clone()
            .unwrap()
    };
    assert_eq!(forward(17).author.unwrap().id.as_str(), "user:400");
    assert_eq!(forward(18).author.unwrap().id.as_str(), "name:Hidden One");
    let channel = forward(19);
    assert_eq!(channel.author.unwrap().id.as_str(), "channel:1234567890");
    assert_eq!(channel.conversation.as_deref(), Some("News"));
    let changed = |content: usize| match of_content(CONTENTS[content]).body().content.clone() {
        Content::Change(change) => change.changes[0].clone(),
        _ => panic!("no change"),
    };
    assert_eq!(changed(20).target.unwrap().source_id.as_str(), "7");
    assert_eq!(changed(21).after.as_deref(), Some("86400"));
    assert_eq!(message(&of_content(CONTENTS[22])).marks, ["protected"]);
}

#[test]
fn other_updates_are_kept() {
    let event = br#"{"update_id":6,"shiny_update":{"a":"b"}}"#;
    let normalized =
        check::exercise_for(event, ACCOUNT, NetworkName::TELEGRAM, telegram::normalize);
    assert_eq!(normalized.records[0].kind(), Kind::Unknown);
    assert_eq!(normalized.unmodelled, ["shiny_update.a"]);
    assert_eq!(
        field(&normalized.records[0], "more.shiny_update.a"),
        Some("b")
    );
}

/// Where the normal form says it in other words.
const OTHERWISE: &[(&str, &str)] = &[
    ("chat.type", "told by the kind of conversation"),
    (
        "forward_origin.chat.id",
        "told by the id without its prefix",
    ),
    ("thumbnail.file_unique_id", "left in the original"),
    ("photo[0].file_size", "left in the original"),
    (
        "reply_to_message.text",
        "left in the original, where a quote says which part is meant",
    ),
    ("reply_to_message.from.first_name", "left in the original"),
    ("message.entities[0].type", "told by the style"),
    ("message.entities[1].type", "told by the style"),
];

#[test]
fn all_that_the_samples_say_is_said() {
    let mut all = samples();
    all.extend(CONTENTS.iter().map(|content| Sample {
        name: (*content).to_owned(),
        bytes: made(content),
    }));
    check::all_is_said(
        &NetworkName::TELEGRAM,
        ACCOUNT,
        &all,
        telegram::normalize,
        OTHERWISE,
    );
}

#[test]
fn any_json_is_survived() {
    let mut all = samples();
    all.extend(CONTENTS.iter().map(|content| Sample {
        name: (*content).to_owned(),
        bytes: made(content),
    }));
    check::survives_mutations(&NetworkName::TELEGRAM, ACCOUNT, &all, telegram::normalize);
}

#[test]
fn each_kind_has_one_row_of_coverage() {
    let kinds: Vec<u8> = telegram::coverage().iter().map(|row| row.kind).collect();
    assert_eq!(kinds, (0..15).collect::<Vec<u8>>());
}
