//! Webhooks of the Business Cloud API (`vectors/samples/whatsapp`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../vectors/samples/check.rs"]
mod check;

use check::{Sample, field, message, sender, text};
use record::{
    AliasKind, CallState, ConsentAct, Content, Direction, Kind, LossWhy, Mode, NetworkName, Part,
    ReceiptState, Record,
};
use serde_json::Value;

const ACCOUNT: &str = "wa-number:1122334455667";
const USER: &str = "bsuid:US.13491208655302741918";

/// Each file holds webhooks by name; one holds another inside itself by mistake.
fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (file, text) in check::files("whatsapp", "json") {
        let names: Value = serde_json::from_str(&text).unwrap();
        for (name, webhook) in names.as_object().unwrap() {
            let exact = |path: &str| {
                connector::normal::exact_bytes(text.as_bytes(), path)
                    .unwrap()
                    .to_vec()
            };
            let name_in = |what: &str| format!("{file}:{name}{what}");
            if webhook.get("all").is_none() {
                samples.push(Sample {
                    name: name_in(""),
                    bytes: exact(name),
                });
                continue;
            }
            samples.push(Sample {
                name: name_in(".all"),
                bytes: exact(&format!("{name}.all")),
            });
            let mut webhook = webhook.clone();
            webhook.as_object_mut().unwrap().remove("all");
            samples.push(Sample {
                name: name_in(""),
                bytes: serde_json::to_vec(&webhook).unwrap(),
            });
        }
    }
    samples
}

fn of(event: &[u8]) -> Vec<Record> {
    let sample = Sample {
        name: "made".to_owned(),
        bytes: event.to_vec(),
    };
    check::records(NetworkName::WHATSAPP, ACCOUNT, &sample, whatsapp::normalize)
}

fn record(name: &str) -> Record {
    let sample = samples()
        .into_iter()
        .find(|sample| sample.name == name)
        .unwrap_or_else(|| panic!("no sample {name}"));
    let mut records = check::records(NetworkName::WHATSAPP, ACCOUNT, &sample, whatsapp::normalize);
    assert_eq!(records.len(), 1, "{name}");
    records.remove(0)
}

fn of_message(name: &str) -> Record {
    record(&format!("message.json:{name}"))
}

#[test]
fn every_sample_is_mapped() {
    let samples = samples();
    assert_eq!(check::files("whatsapp", "json").len(), 19);
    assert!(samples.len() >= 75, "{}", samples.len());
    for sample in &samples {
        for record in check::records(NetworkName::WHATSAPP, ACCOUNT, sample, whatsapp::normalize) {
            assert_ne!(record.kind(), Kind::Unknown, "{}", sample.name);
        }
    }
}

#[test]
fn people_have_business_scoped_ids() {
    let record = of_message("text");
    assert_eq!(text(message(&record)), "Body Text");
    assert_eq!(sender(&record), USER);
    let aliases = &record.participants().sender.as_ref().unwrap().aliases;
    let alias = |kind| {
        aliases
            .iter()
            .find(|a| a.kind == kind)
            .map(|a| a.name.as_str())
    };
    assert_eq!(alias(AliasKind::Phone), Some("+972987654321"));
    assert_eq!(alias(AliasKind::Display), Some("Test Name"));
    assert_eq!(alias(AliasKind::Id), Some("US.ENT.11815799212886844830"));
    assert_eq!(record.envelope().conversation().as_str(), USER);
    assert_eq!(record.envelope().source_id().as_str(), "wamid.xyzxyz");
    assert_eq!(
        record.envelope().times().sent.unwrap().at.get(),
        1_697_043_223_000
    );
    let own = &record.participants().recipients[0];
    assert_eq!(own.id.as_str(), ACCOUNT);
    assert_eq!(own.aliases[0].name, "+972123456789");
    assert_eq!(field(&record, "entry.id"), Some("1234567890987654321"));
}

#[test]
fn a_person_without_number_stays_one() {
    let event = br#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{
        "messaging_product":"whatsapp","metadata":{"display_phone_number":"1","phone_number_id":"2"},
        "contacts":[{"profile":{"name":"A","username":"a.user"},"user_id":"US.7"},{"profile":{"name":"B"},"user_id":"US.8"}],
        "messages":[{"from_user_id":"US.7","id":"m1","timestamp":"5","type":"text","text":{"body":"one"}},
                    {"from_user_id":"US.8","id":"m1","timestamp":"5","type":"text","text":{"body":"two"}}]}}]}]}"#;
    let records = of(event);
    assert_eq!(sender(&records[0]), "bsuid:US.7");
    assert_eq!(sender(&records[1]), "bsuid:US.8");
    assert_ne!(records[0].id(), records[1].id());
    assert_eq!(
        field(&records[1], "original.path"),
        Some("entry[0].changes[0].value.messages[1]")
    );
}

#[test]
fn media_keep_their_reference() {
    let missing = |record: &Record| match message(record).parts[0].clone() {
        Part::Missing(missing) => missing,
        _ => panic!("not missing"),
    };
    let image = of_message("image");
    assert_eq!(missing(&image).what, "image");
    assert_eq!(missing(&image).reference.as_deref(), Some("65463453"));
    assert_eq!(missing(&image).media_type.as_deref(), Some("image/jpeg"));
    assert_eq!(field(&image, "image.sha256"), Some("4654+8g="));
    let with_url = of_message("media_with_url");
    assert!(
        field(&with_url, "image.url")
            .unwrap()
            .starts_with("https://lookaside")
    );
    let video = of_message("video");
    assert_eq!(text(message(&video)), "caption");
    assert!(message(&video).forward.is_some());
    let document = of_message("document");
    assert_eq!(missing(&document).name.as_deref(), Some("filename.pdf"));
    assert_eq!(missing(&document).what, "file");
    assert_eq!(missing(&of_message("audio")).what, "audio");
    assert_eq!(missing(&of_message("voice")).what, "voice");
    let sticker = of_message("animated_sticker");
    assert_eq!(missing(&sticker).what, "sticker");
    assert_eq!(field(&sticker, "sticker.animated"), Some("true"));
}

#[test]
fn reactions_given_and_taken_back() {
    let reaction = |name: &str| match of_message(name).body().content.clone() {
        Content::Reaction(reaction) => reaction,
        _ => panic!("no reaction"),
    };
    let given = reaction("reaction");
    assert_eq!((given.value.as_str(), given.removed), ("😮", false));
    assert_eq!(given.target.source_id.as_str(), "wamid.yzxyzx=");
    assert!(reaction("unreaction_empty").removed);
    assert!(reaction("unreaction_no_emoji").removed);
}

#[test]
fn places_contacts_orders() {
    let place = of_message("chosen_location");
    let Part::Location(location) = &message(&place).parts[0] else {
        panic!("no place")
    };
    assert_eq!(location.latitude_e7, 374_611_978);
    assert_eq!(location.longitude_e7, -1_222_164_385);
    assert_eq!(location.name.as_deref(), Some("Facebook HQ"));
    assert!(field(&place, "location.url").is_some());
    let contacts = of_message("contacts");
    assert_eq!(message(&contacts).parts.len(), 3);
    let Part::Card(card) = &message(&contacts).parts[2] else {
        panic!("no card")
    };
    assert_eq!(card.name, "Rachel Green");
    assert!(
        card.fields
            .iter()
            .any(|f| f.name == "phones[0].phone" && f.value == "+1 777-777-7777")
    );
    let order = of_message("order");
    let Part::Structured(order) = &message(&order).parts[0] else {
        panic!("no order")
    };
    assert!(
        order
            .fields
            .iter()
            .any(|f| f.name == "product_items[2].product_retailer_id" && f.value == "SODA")
    );
    assert_eq!(order.fields.len(), 13);
}

#[test]
fn what_the_interface_does_not_give_is_a_loss() {
    let loss = |name: &str| match of_message(name).body().content.clone() {
        Content::Loss(loss) => loss,
        _ => panic!("no loss"),
    };
    assert_eq!(loss("unsupported").why, LossWhy::Unsupported);
    let pool = loss("unsupported_with_type").detail.unwrap();
    assert!(
        pool.starts_with("pool: 131051 Message type unknown"),
        "{pool}"
    );
    let broken = loss("interactive_message_with_err").detail.unwrap();
    assert!(broken.contains("131000"), "{broken}");
}

#[test]
fn replies_forwards_and_referrals() {
    let reply = of_message("reply");
    let target = message(&reply).in_reply_to.clone().unwrap();
    assert_eq!(target.source_id.as_str(), "wamid.xyzxyz==");
    assert_eq!(
        target.author.unwrap().as_str(),
        ACCOUNT,
        "the display number is the own one"
    );
    assert!(message(&of_message("forwarded")).forward.is_some());
    let often = of_message("forwarded_many_times");
    assert_eq!(message(&often).marks, ["frequently-forwarded"]);
    let referral = of_message("referral");
    let Part::Structured(referral) = &message(&referral).parts[1] else {
        panic!("no referral")
    };
    assert_eq!(referral.title.as_deref(), Some("AD_TITLE"));
}

#[test]
fn edits_and_revokes_by_either_side() {
    let edited = record("edited_message.json:image");
    let Content::Edit(edit) = &edited.body().content else {
        panic!("no edit")
    };
    assert!(
        edit.target
            .source_id
            .as_str()
            .starts_with("wamid.HBgLMTQxMjU1NTA4")
    );
    assert_eq!(text(&edit.message), "Updated image caption");
    assert_eq!(
        edit.message
            .in_reply_to
            .as_ref()
            .unwrap()
            .source_id
            .as_str(),
        "M0"
    );
    let revoked = record("deleted_message.json:revoke");
    let Content::Delete(delete) = &revoked.body().content else {
        panic!("no deletion")
    };
    assert_eq!(
        delete.targets[0].source_id.as_str(),
        "<ORIGINAL_WHATSAPP_MESSAGE_ID>"
    );
    let echo = record("outgoing_message.json:edit");
    let Content::Edit(edit) = &echo.body().content else {
        panic!("no edit")
    };
    assert_eq!(text(&edit.message), "Text was edited");
    assert_eq!(echo.envelope().direction(), Direction::Outgoing);
    assert_eq!(record("outgoing_message.json:delete").kind(), Kind::Delete);
    let sent = record("outgoing_message.json:text");
    assert_eq!(text(message(&sent)), "Test message");
    assert_eq!(sent.envelope().conversation().as_str(), "bsuid:<BSUID>");
    assert_eq!(sender(&sent), ACCOUNT);
}

#[test]
fn statuses_are_receipts() {
    let receipt = |name: &str| {
        let record = record(&format!("message_status.json:{name}"));
        match record.body().content.clone() {
            Content::Receipt(receipt) => (record, receipt),
            _ => panic!("no receipt"),
        }
    };
    let states = [
        ("sent", ReceiptState::Sent),
        ("delivered", ReceiptState::Delivered),
        ("read", ReceiptState::Read),
        ("played", ReceiptState::Played),
        ("failed", ReceiptState::Failed),
    ];
    for (name, state) in states {
        let (record, receipt) = receipt(name);
        assert_eq!(receipt.state, state);
        assert_eq!(receipt.targets[0].source_id.as_str(), "wamid.xyzxyz");
        assert_eq!(record.envelope().conversation().as_str(), USER);
    }
    let (record, failed) = receipt("failed");
    assert!(failed.error.unwrap().starts_with("130472 User's number"));
    assert_eq!(field(&record, "errors[0].code"), Some("130472"));
    let (tracked, _) = receipt("with_tracker");
    assert_eq!(
        field(&tracked, "biz_opaque_callback_data"),
        Some("some data")
    );
    assert_eq!(field(&tracked, "pricing.category"), Some("service"));
    let (group, _) = receipt("group");
    assert_eq!(
        group.envelope().conversation().as_str(),
        "group:fowefinoewcnw"
    );
    assert_eq!(sender(&group), "bsuid:US.123456");
}

#[test]
fn calls_and_permissions() {
    let call = |name: &str| match record(name).body().content.clone() {
        Content::Call(call) => call,
        _ => panic!("no call"),
    };
    assert_eq!(
        call("call_connect.json:user_initiated").state,
        CallState::Offered
    );
    assert_eq!(
        call("call_connect.json:business_initiated").state,
        CallState::Answered
    );
    assert_eq!(
        call("call_status.json:call_status").state,
        CallState::Ringing
    );
    let ended = call("call_terminate.json:call_terminate");
    assert_eq!(
        (ended.state, ended.duration_seconds),
        (CallState::Ended, Some(120))
    );
    assert_eq!(ended.reason.as_deref(), Some("COMPLETED"));
    let consent = |name: &str| match record(name).body().content.clone() {
        Content::Consent(consent) => consent.act,
        _ => panic!("no consent"),
    };
    assert_eq!(
        consent("call_permission_update.json:accept"),
        ConsentAct::Agreed
    );
    assert_eq!(
        consent("call_permission_update.json:reject"),
        ConsentAct::Declined
    );
    assert_eq!(
        consent("user_marketing_preferences.json:resume"),
        ConsentAct::Agreed
    );
    assert_eq!(
        consent("user_marketing_preferences.json:signup"),
        ConsentAct::Agreed
    );
}

#[test]
fn buttons_lists_and_forms() {
    let part = |name: &str| match message(&record(name)).parts[0].clone() {
        Part::Structured(part) => part,
        _ => panic!("not structured"),
    };
    let button = part("callback_button.json:button");
    assert_eq!(
        (button.type_name.as_str(), button.title.as_deref()),
        ("button_reply", Some("title"))
    );
    assert_eq!(
        part("callback_button.json:quick_reply").title.as_deref(),
        Some("title")
    );
    let row = part("callback_selection.json:description");
    assert!(
        row.fields
            .iter()
            .any(|f| f.name == "description" && f.value == "description")
    );
    let form = part("flow_completion.json:completion");
    assert_eq!(form.type_name, "nfm_reply");
    assert!(
        form.fields
            .iter()
            .any(|f| f.name == "response_json.comment_text" && f.value == "Comment Text")
    );
}

#[test]
fn accounts_templates_and_systems() {
    let account = |name: &str| match record(name).body().content.clone() {
        Content::Account(account) => (account.what, account.value.unwrap_or_default()),
        _ => panic!("no account"),
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        account("account_update.json:account_disabled"),
        pair("banned", "DISABLED_UPDATE")
    );
    assert_eq!(
        account("account_update.json:account_offboarded"),
        pair("unlinked", "ACCOUNT_OFFBOARDED")
    );
    assert_eq!(
        account("template_quality_update.json:yellow"),
        pair("quality", "YELLOW")
    );
    assert_eq!(
        account("template_category_update.json:marketing"),
        pair("template", "MARKETING")
    );
    assert_eq!(
        account("template_status_update.json:rejected"),
        pair("template", "REJECTED")
    );
    let restricted = record("account_update.json:account_restriction");
    assert_eq!(
        field(&restricted, "restriction_info[1].restriction_type"),
        Some("RESTRICTED_ADD_PHONE_NUMBER_ACTION")
    );
    assert_eq!(
        restricted.envelope().times().server.unwrap().at.get(),
        1_641_330_498_000
    );
    let Content::Change(change) = record("system.json:phone_number_change")
        .body()
        .content
        .clone()
    else {
        panic!("no change")
    };
    assert_eq!(change.changes[0].what, "number");
    assert_eq!(change.changes[0].before.as_deref(), Some("972987654321"));
    assert_eq!(change.changes[0].after.as_deref(), Some("972912345678"));
    let Content::Change(change) = record("system.json:identity_change").body().content.clone()
    else {
        panic!("no change")
    };
    assert_eq!(change.changes[0].after.as_deref(), Some("xyzxyz"));
}

#[test]
fn history_is_backfill_and_contacts_of_the_phone_are_account_events() {
    let event = br#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"history","value":{
        "messaging_product":"whatsapp","metadata":{"display_phone_number":"15550001","phone_number_id":"2"},
        "history":[{"metadata":{"phase":0,"chunk_order":1,"progress":55},"threads":[{"id":"16505551234","messages":[
          {"from":"15550001","to":"16505551234","id":"h1","timestamp":"10","type":"text","text":{"body":"mine"},"history_context":{"status":"READ"}},
          {"from":"16505551234","id":"h2","timestamp":"11","type":"media_placeholder","history_context":{"status":"PLAYED"}}]}]}]}}]}]}"#;
    let records = of(event);
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].envelope().mode(), Mode::Backfill);
    assert_eq!(records[0].envelope().direction(), Direction::Outgoing);
    assert_eq!(
        records[0].envelope().conversation(),
        records[1].envelope().conversation()
    );
    assert_eq!(field(&records[0], "history_context.status"), Some("READ"));
    assert_eq!(field(&records[0], "history.metadata.progress"), Some("55"));
    assert!(matches!(message(&records[1]).parts[0], Part::Missing(_)));
    let declined = br#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"history","value":{
        "messaging_product":"whatsapp","metadata":{"display_phone_number":"15550001","phone_number_id":"2"},
        "history":[{"errors":[{"code":2593109,"title":"declined","message":"History sharing is turned off"}]}]}}]}]}"#;
    let Content::Loss(loss) = of(declined)[0].body().content.clone() else {
        panic!("no loss")
    };
    assert_eq!(loss.why, LossWhy::Refused);
    let sync = br#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"smb_app_state_sync","value":{
        "messaging_product":"whatsapp","metadata":{"display_phone_number":"15550001","phone_number_id":"2"},
        "state_sync":[{"type":"contact","contact":{"full_name":"Pablo M","first_name":"Pablo","phone_number":"16505551234"},"action":"add","metadata":{"timestamp":"1738346006"}}]}}]}]}"#;
    let records = of(sync);
    let Content::Account(account) = &records[0].body().content else {
        panic!("no account")
    };
    assert_eq!(
        (account.what.as_str(), account.value.as_deref()),
        ("contact", Some("add"))
    );
    assert_eq!(
        field(&records[0], "state_sync.contact.full_name"),
        Some("Pablo M")
    );
}

/// Where the normal form says it in other words.
const OTHERWISE: &[(&str, &str)] = &[
    (".object", "the same in every webhook"),
    (".messaging_product", "the same in every webhook"),
    (".field", "told by the kind of record"),
    ("calls[0].direction", "told by the direction"),
    ("session.sdp", "left in the original"),
    ("session.sdp_type", "told by the call's state"),
    ("messages[0].type", "told by the kind of record or part"),
    (
        "message_echoes[0].type",
        "told by the kind of record or part",
    ),
    ("interactive.type", "told by the kind of record or part"),
    ("response_json", "taken apart into fields"),
];

#[test]
fn all_that_the_samples_say_is_said() {
    check::all_is_said(
        &NetworkName::WHATSAPP,
        ACCOUNT,
        &samples(),
        whatsapp::normalize,
        OTHERWISE,
    );
}

#[test]
fn any_json_is_survived() {
    check::survives_mutations(
        &NetworkName::WHATSAPP,
        ACCOUNT,
        &samples(),
        whatsapp::normalize,
    );
}

#[test]
fn each_kind_has_one_row_of_coverage() {
    let kinds: Vec<u8> = whatsapp::coverage().iter().map(|row| row.kind).collect();
    assert_eq!(kinds, (0..15).collect::<Vec<u8>>());
}
