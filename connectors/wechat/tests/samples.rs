//! Message bodies of the conversation archive (`vectors/samples/wechat`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../vectors/samples/check.rs"]
mod check;

use check::{Sample, field, message, sender, text};
use record::{
    CallState, ConsentAct, Content, ConversationKind, DeleteScope, Direction, Kind, NetworkName,
    Part, PollAct, Record, Structured,
};
use serde_json::Value;

const ACCOUNT: &str = "wecom:kenshin";

/// Each file holds messages by name.
fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (file, text) in check::files("wechat", "json") {
        let names: Value = serde_json::from_str(&text).unwrap();
        for name in names.as_object().unwrap().keys() {
            samples.push(Sample {
                name: format!("{file}:{name}"),
                bytes: connector::normal::exact_bytes(text.as_bytes(), name)
                    .unwrap()
                    .to_vec(),
            });
        }
    }
    samples
}

fn made(event: &str) -> Record {
    let sample = Sample {
        name: "made".to_owned(),
        bytes: event.as_bytes().to_vec(),
    };
    check::records(NetworkName::WECHAT, ACCOUNT, &sample, wechat::normalize).remove(0)
}

fn of(name: &str) -> Record {
    let file = format!("message_types.json:{name}");
    let sample = samples()
        .into_iter()
        .find(|sample| sample.name == file)
        .unwrap();
    let mut records = check::records(NetworkName::WECHAT, ACCOUNT, &sample, wechat::normalize);
    assert_eq!(records.len(), 1, "{name}");
    records.remove(0)
}

fn part(name: &str) -> Part {
    message(&of(name)).parts[0].clone()
}

fn structured(name: &str) -> Structured {
    match part(name) {
        Part::Structured(structured) => structured,
        _ => panic!("{name} is not structured"),
    }
}

fn has(structured: &Structured, name: &str, value: &str) -> bool {
    structured
        .fields
        .iter()
        .any(|f| f.name == name && f.value == value)
}

#[test]
fn every_sample_is_mapped() {
    let mut ids = std::collections::HashSet::new();
    let samples = samples();
    assert_eq!(samples.len(), 27);
    for sample in &samples {
        for record in check::records(NetworkName::WECHAT, ACCOUNT, sample, wechat::normalize) {
            assert_ne!(record.kind(), Kind::Unknown, "{}", sample.name);
            assert!(ids.insert(record.id()), "{}", sample.name);
        }
    }
}

#[test]
fn people_inside_and_outside() {
    let record = of("text");
    assert!(text(message(&record)).contains("引用/回复消息"));
    assert_eq!(sender(&record), "wecom:XuJinSheng");
    assert_eq!(
        record.envelope().source_id().as_str(),
        "CAQQluDa4QUY0On2rYSAgAMgzPrShAE="
    );
    assert_eq!(
        record.envelope().times().sent.unwrap().at.get(),
        1_547_087_894_783
    );
    // The captured account takes no part: the conversation is named by both.
    assert_eq!(record.envelope().direction(), Direction::None);
    assert_eq!(
        record.envelope().conversation().as_str(),
        "wecom:XuJinSheng+wecom:icefog"
    );
    let video = of("video");
    assert_eq!(video.envelope().direction(), Direction::Outgoing);
    assert_eq!(
        video.envelope().conversation().as_str(),
        "wmext:wmGAgeDQAAHuRJbt4ZQI_1cqoQcf41WQ"
    );
    assert_eq!(
        video.participants().conversation.kind,
        ConversationKind::Direct
    );
    let voice = of("voice");
    assert_eq!(sender(&voice), "wmext:wmGAgeDQAAdBjb8CK4ieMPRm7Cqm-9VA");
    assert_eq!(voice.envelope().direction(), Direction::Incoming);
    let room = of("meeting");
    assert_eq!(
        room.envelope().conversation().as_str(),
        "room:wr2vOpDgAAN4zVWKbS"
    );
    assert_eq!(room.participants().recipients.len(), 2);
    assert_eq!(of("image").envelope().times().sent, None, "0 is no time");
}

#[test]
fn recalls_and_consent() {
    let Content::Delete(delete) = of("revoke").body().content.clone() else {
        panic!("no deletion")
    };
    assert_eq!(
        delete.targets[0].source_id.as_str(),
        "14822339130656386894_1603875600"
    );
    assert_eq!(delete.scope, DeleteScope::All);
    let consent = |name: &str| match of(name).body().content.clone() {
        Content::Consent(consent) => consent,
        _ => panic!("no consent"),
    };
    let agreed = consent("agree");
    assert_eq!(agreed.act, ConsentAct::Agreed);
    assert_eq!(agreed.at.unwrap().get(), 1_603_875_826_656);
    assert_eq!(
        agreed.participant.unwrap().id.as_str(),
        "wmext:wmGAgeDQAAvQeaTqWwkMTxGMkvI7OOuQ"
    );
    assert_eq!(consent("disagree").act, ConsentAct::Declined);
}

#[test]
fn files_keep_their_reference() {
    let missing = |name: &str| match part(name) {
        Part::Missing(missing) => missing,
        _ => panic!("{name} is not missing"),
    };
    let image = missing("image");
    assert_eq!((image.what.as_str(), image.size), ("image", Some(70961)));
    assert!(image.reference.unwrap().starts_with("CtYBMzA2"));
    assert_eq!(
        field(&of("image"), "image.md5sum"),
        Some("50de8e5ae8ffe4f1df7a93841f71993a")
    );
    assert_eq!(missing("voice").size, Some(6810));
    assert_eq!(field(&of("voice"), "media[0].duration-ms"), Some("10000"));
    assert_eq!(missing("video").size, Some(15_169_724));
    assert_eq!(missing("file").name.as_deref(), Some("资料.docx"));
    assert_eq!(missing("emotion").what, "sticker");
    assert_eq!(field(&of("emotion"), "media[0].width"), Some("290"));
    let shared = missing("voipDocShare");
    assert_eq!(shared.size, Some(11_101_571_002_822_706_744));
    assert_eq!(
        field(&of("voipDocShare"), "voipid"),
        Some("gr2751c98b19300571f8afb3b74514bd32")
    );
}

#[test]
fn cards_places_links() {
    let Part::Card(card) = part("card") else {
        panic!("no card")
    };
    assert!(
        card.fields
            .iter()
            .any(|f| f.name == "corpname" && f.value == "微信联系人")
    );
    let Part::Location(place) = part("location") else {
        panic!("no place")
    };
    assert_eq!(
        (place.latitude_e7, place.longitude_e7),
        (399_111_258, 1_165_862_859)
    );
    assert_eq!(place.name.as_deref(), Some("xxx管理中心"));
    assert_eq!(field(&of("location"), "location.zoom"), Some("15"));
    let Part::Preview(link) = part("link") else {
        panic!("no link")
    };
    assert_eq!(link.title.as_deref(), Some("邀请你加入群聊"));
    let Part::Preview(news) = part("news") else {
        panic!("no news")
    };
    assert_eq!(news.address, "http://xxx");
    assert_eq!(
        field(&of("news"), "news.item[0].picurl"),
        Some("https://www.qq.com/xxx.jpg")
    );
}

#[test]
fn what_is_laid_out_in_fields() {
    assert_eq!(
        structured("weapp").title.as_deref(),
        Some("开始聊天前请仔细阅读服务须知事项")
    );
    let collect = structured("collect");
    assert!(has(&collect, "details[0].id", "11101571002822706744"));
    assert!(has(&collect, "details[3].ques", "表项4，时间"));
    let packet = structured("redpacket");
    assert_eq!(packet.title.as_deref(), Some("恭喜发财，大吉大利"));
    assert!(has(&packet, "totalamount", "3000"));
    assert_eq!(
        structured("externalRedpacket").type_name,
        "external_redpacket"
    );
    let meeting = structured("meeting");
    assert_eq!(meeting.title.as_deref(), Some("夕会"));
    assert!(has(&meeting, "starttime", "1603877400"));
    assert!(has(&structured("docMsg"), "doc_creator", "test"));
    assert!(has(&structured("calendar"), "attendeename[1]", "bbb"));
    assert_eq!(
        structured("sphfeed").title.as_deref(),
        Some("云游天地旅行家")
    );
    assert!(text(message(&of("sphfeed"))).contains("瑞士"));
    assert_eq!(text(message(&of("markDown"))), "请前往系统查看，谢谢。");
    assert!(
        of("sphfeed")
            .envelope()
            .source_id()
            .as_str()
            .ends_with("_external")
    );
}

#[test]
fn bundles_and_mixed_bodies_are_read_out_of_their_texts() {
    let Part::Nested(bundle) = part("chatrecord") else {
        panic!("no bundle")
    };
    assert_eq!(bundle.title.as_deref(), Some("群聊"));
    assert_eq!(bundle.messages.len(), 2);
    assert_eq!(bundle.messages[1].sent.unwrap().at.get(), 1_603_875_620_000);
    assert!(matches!(&bundle.messages[1].parts[0], Part::Text(text) if text.text == "test2"));
    assert_eq!(
        field(&of("chatrecord"), "chatrecord.item[0].from_chatroom"),
        Some("false")
    );
    let mixed = of("mixed");
    assert_eq!(message(&mixed).parts.len(), 2);
    assert_eq!(text(message(&mixed)), "你好[微笑]\n");
    let Part::Missing(image) = &message(&mixed).parts[1] else {
        panic!("no image")
    };
    assert_eq!(image.size, Some(13177));
    assert_eq!(
        field(&mixed, "mixed.item[1].md5sum"),
        Some("368b6c18c82e6441bfd89b343e9d2429")
    );
}

#[test]
fn calls_votes_and_switches() {
    let call = of("meetingVoiceCall");
    let Content::Call(recorded) = &call.body().content else {
        panic!("no call")
    };
    assert_eq!(
        recorded.id.as_deref(),
        Some("grb8a4c48a3c094a70982c518d55e40557")
    );
    assert_eq!(recorded.state, CallState::Ended);
    assert!(field(&call, "meeting_voice_call.sdkfileid").is_some());
    assert_eq!(
        field(&call, "meeting_voice_call.demofiledata[0].starttime"),
        Some("1594197599")
    );
    let switch = of("switchlog");
    let Content::Account(account) = &switch.body().content else {
        panic!("no account")
    };
    assert_eq!(account.what, "switched");
    assert_eq!(sender(&switch), "wecom:XuJinSheng");
    assert_eq!(
        switch.envelope().times().sent.unwrap().at.get(),
        1_554_119_421_840
    );
    let voted = made(
        r#"{"msgid":"v1","action":"send","from":"ken","tolist":["kenshin"],"roomid":"","msgtime":1603875610000,
        "msgtype":"vote","vote":{"votetitle":"Lunch?","voteitem":["yes"],"votetype":102,"voteid":"77"}}"#,
    );
    let Content::Poll(poll) = &voted.body().content else {
        panic!("no vote")
    };
    assert_eq!(
        (poll.act, poll.choices.as_slice()),
        (PollAct::Voted, &["yes".to_owned()][..])
    );
    let todo = made(
        r#"{"msgid":"t1","action":"send","from":"ken","tolist":["kenshin"],"msgtime":1603875610000,
        "msgtype":"todo","todo":{"title":"Report","content":"until Friday"}}"#,
    );
    assert!(
        matches!(&message(&todo).parts[0], Part::Structured(t) if t.title.as_deref() == Some("Report"))
    );
    let call = made(
        r#"{"msgid":"c1","action":"send","from":"ken","tolist":["kenshin"],"msgtime":1603875610000,
        "msgtype":"voiptext","info":{"callduration":10,"invitetype":2}}"#,
    );
    let Content::Call(call) = &call.body().content else {
        panic!("no call")
    };
    assert_eq!(call.duration_seconds, Some(10));
}

// RECORD-5
#[test]
fn bundles_within_bundles_end_as_text() {
    let mut content = r#"{"content":"deepest"}"#.to_owned();
    let mut kind = "ChatRecordText";
    for _ in 0..10 {
        let item = serde_json::json!({"type": kind, "msgtime": 1, "content": content});
        content = serde_json::json!({"title": "t", "item": [item]}).to_string();
        kind = "chatrecord";
    }
    let body: Value = serde_json::from_str(&content).unwrap();
    let event = serde_json::json!({"msgid": "d", "action": "send", "from": "ken",
        "tolist": ["kenshin"], "msgtime": 1, "msgtype": "chatrecord", "chatrecord": body});
    let record = made(&event.to_string());
    assert_eq!(record.kind(), Kind::Message);
    assert!(
        record
            .searchable_text()
            .iter()
            .any(|text| text.contains("deepest"))
    );
}

/// Where the normal form says it in other words.
const OTHERWISE: &[(&str, &str)] = &[
    (".action", "told by the kind of record"),
    (".msgtype", "told by the kind of record or part"),
    ("item[0].type", "told by the kind of part"),
    ("item[1].type", "told by the kind of part"),
    ("item[0].content", "JSON in a text, taken apart"),
    ("item[1].content", "JSON in a text, taken apart"),
];

#[test]
fn all_that_the_samples_say_is_said() {
    check::all_is_said(
        &NetworkName::WECHAT,
        ACCOUNT,
        &samples(),
        wechat::normalize,
        OTHERWISE,
    );
}

#[test]
fn any_json_is_survived() {
    check::survives_mutations(&NetworkName::WECHAT, ACCOUNT, &samples(), wechat::normalize);
}

#[test]
fn each_kind_has_one_row_of_coverage() {
    let kinds: Vec<u8> = wechat::coverage().iter().map(|row| row.kind).collect();
    assert_eq!(kinds, (0..15).collect::<Vec<u8>>());
}
