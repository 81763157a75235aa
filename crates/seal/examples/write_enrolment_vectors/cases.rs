//! The cases, shared by the program that writes them and the test that compares.

use std::path::PathBuf;

use canonical::{Milliseconds, hex};
use record::{
    AliasKind, Assurance, Conversation, ConversationKind, Envelope, Loss, LossWhy, Message, Mode,
    NetworkName, Participant, ParticipantId, Participants, Record, Source, TextId, Time,
};
use seal::keyring::PassphraseCost;
use seal::{
    Consent, Decision, EnrolmentRequest, Follows, ForMail, Invitation, InvitationCode, Notice,
    OpeningKey, Plan, PlanProposal, Randomness, Rule, SealedFile, SealedFileKind, check_words,
};
use serde_json::{Value, json};
use wire::waiting::{RequestId, sign_follows};
use wire::{
    ArchiveId, ChainPosition, EntryId, RetentionClass, SequenceNumber, SignerKey, TlsIdentity,
};

pub(crate) const ARCHIVE: ArchiveId = ArchiveId::from_bytes([0xa1; 32]);

/// The nonce of the request is these bytes.
struct Fixed;

impl Randomness for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5e);
    }
}

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

pub(crate) fn code() -> InvitationCode {
    InvitationCode::from_bytes([0xc0; 16])
}

pub(crate) fn all() -> Vec<(String, Value)> {
    vec![
        ("enrolment/invitation.json".into(), invitation()),
        ("enrolment/request.json".into(), request()),
        ("enrolment/refused.json".into(), refused()),
        ("plan/plan.json".into(), plan()),
        ("plan/decisions.json".into(), decisions()),
        ("plan/refused.json".into(), refused_plans()),
        ("plan/proposal.json".into(), proposal()),
        ("file/sealed.json".into(), sealed_files()),
    ]
}

fn made() -> Invitation {
    Invitation {
        archive: ARCHIVE,
        relay: "https://relay.example:7443".into(),
        pin: TlsIdentity::from_bytes([0xb2; 32]),
        code: code(),
        until: Milliseconds::new(1_800_000_000_000),
        automatic: true,
        inviter: Some("Société Exemple".into()),
    }
}

fn invitation() -> Value {
    let made = made();
    json!({
        "archive": made.archive.to_string(), "relay": made.relay, "pin": made.pin.to_string(),
        "code": hex(made.code.expose()), "until": made.until.get(), "automatic": made.automatic,
        "inviter": made.inviter, "key": made.code.key().public().to_string(),
        "text": made.to_text().as_str(),
    })
}

fn sealed() -> (SignerKey, EnrolmentRequest, Vec<u8>) {
    let agent = SignerKey::from_seed(&[0x11; 32]).expect("a seed");
    let old = SignerKey::from_seed(&[0x22; 32]).expect("a seed");
    let mailbox = OpeningKey::<ForMail>::from_seed(&[0x33; 32]);
    let consent = Consent {
        text: canonical::sha256(b"What is captured: ..."),
        language: "en".into(),
        at: Milliseconds::new(1_790_000_000_000),
    };
    let until = SequenceNumber::new(41);
    let request = EnrolmentRequest::new(
        agent.public(),
        mailbox.recipient().key().clone(),
        "Anna Keller",
        "desk-7",
        consent,
        Milliseconds::new(1_790_000_000_500),
    )
    .expect("a request")
    .following(Follows {
        signer: old.id(),
        until,
        signature: sign_follows(&old, &ARCHIVE, &agent.public(), until),
    });
    let sealed = request
        .seal(&ARCHIVE, &code(), &agent, &mut Fixed)
        .expect("sealed");
    (agent, request, sealed)
}

fn request() -> Value {
    let (agent, request, sealed) = sealed();
    json!({
        "archive": ARCHIVE.to_string(), "code": hex(code().expose()),
        "agent_seed": "11".repeat(32), "old_seed": "22".repeat(32), "mailbox_seed": "33".repeat(32),
        "signer": agent.id().to_string(), "check_words": check_words(&agent.id()),
        "request": hex(&canonical::to_bytes(&request)), "sealed": hex(&sealed),
        "request_id": RequestId::of(&sealed).to_string(),
    })
}

fn refused() -> Value {
    let text = made().to_text().to_string();
    let at = text.len() - 20;
    let other = if text[at..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    let (_, _, mut sealed) = sealed();
    if let Some(last) = sealed.last_mut() {
        *last ^= 1;
    }
    json!({
        "invitation": format!("{}{other}{}", &text[..at], &text[at + 1..]),
        "request": hex(&sealed),
    })
}

fn plan() -> Value {
    let agent = SignerKey::from_seed(&[0x11; 32]).expect("a seed").id();
    let mut family = Rule::new(Decision::Private);
    family.label = Some("Family*".into());
    let mut deals = Rule::new(Decision::Capture);
    deals.network = Some("signal".into());
    deals.account = Some("aci:1".into());
    deals.conversation = Some("g-7".into());
    deals.person = Some("+4930123456".into());
    deals.from = Some(Milliseconds::new(1_790_000_000_000));
    deals.before = Some(Milliseconds::new(1_800_000_000_000));
    let notice = Notice {
        language: "en".into(),
        text: "This conversation is archived.".into(),
        network: Some("signal".into()),
        conversation: None,
    };
    let plan = Plan::new(
        agent,
        3,
        Decision::Exclude,
        vec![family, deals],
        RetentionClass::new(2),
        vec![notice],
        Some(900),
    );
    json!({ "agent": agent.to_string(), "plan": hex(&plan.expect("a plan").to_bytes()) })
}

/// A plan with every condition, and records that it decides about.
fn decided() -> Plan {
    let agent = SignerKey::from_seed(&[0x11; 32]).expect("a seed").id();
    let mut family = Rule::new(Decision::Private);
    family.label = Some("Family*".into());
    let mut exact = Rule::new(Decision::Exclude);
    exact.label = Some("Choir".into());
    let mut person = Rule::new(Decision::Capture);
    person.person = Some("+4930123".into());
    person.from = Some(Milliseconds::new(100));
    person.before = Some(Milliseconds::new(200));
    let mut place = Rule::new(Decision::Capture);
    place.network = Some("signal".into());
    place.account = Some("aci:1".into());
    place.conversation = Some("g-7".into());
    let notice = |text: &str, network: Option<&str>, conversation: Option<&str>| Notice {
        language: "en".into(),
        text: text.into(),
        network: network.map(str::to_owned),
        conversation: conversation.map(str::to_owned),
    };
    let notices = vec![
        notice("everywhere", None, None),
        notice("on signal", Some("signal"), None),
        notice("on signal too", Some("signal"), None),
        notice("among friends", Some("signal"), Some("g-7")),
    ];
    let rules = vec![family, exact, person, place];
    let class = RetentionClass::new(0);
    Plan::new(agent, 4, Decision::Exclude, rules, class, notices, None).expect("a plan")
}

fn decisions() -> Value {
    let plan = decided();
    let cases = [
        ("g-7", Some("Family dinner"), "aci:9", 150, Said::Message),
        ("g-1", Some("Deals"), "aci:9", 100, Said::Message),
        ("g-1", Some("Deals"), "aci:9", 200, Said::Message),
        ("g-7", Some("Deals"), "aci:9", 5, Said::Message),
        ("g-7", Some("Choir"), "aci:9", 5, Said::Message),
        ("g-7", Some("Choirs"), "aci:9", 5, Said::Message),
        ("g-8", None, "aci:9", 5, Said::Message),
        ("g-8", Some("Family"), "aci:9", 5, Said::Loss),
    ];
    let cases: Vec<Value> = cases
        .into_iter()
        .map(|(conversation, title, sender, at, what)| {
            let record = record(conversation, title, sender, at, what);
            let parts = record.parts();
            let parts: Vec<String> = parts.slices().iter().map(|part| hex(part)).collect();
            json!({ "parts": parts, "decision": plan.decide(&record) as u8 })
        })
        .collect();
    let places = [("signal", "g-7"), ("signal", "g-8"), ("matrix", "g-7")];
    let notices: Vec<Value> = places
        .into_iter()
        .map(|(network, conversation)| {
            let said = plan.notices_in(network, conversation).into_iter();
            let texts: Vec<&str> = said.map(|notice| notice.text.as_str()).collect();
            json!({ "network": network, "conversation": conversation, "texts": texts })
        })
        .collect();
    json!({
        "plan": hex(&plan.to_bytes()), "private": plan.private_rules(),
        "decisions": cases, "notices": notices,
    })
}

#[derive(Clone, Copy)]
enum Said {
    Message,
    Loss,
}

fn record(conversation: &str, title: Option<&str>, sender: &str, at: i64, what: Said) -> Record {
    let id = |text: &str| TextId::new(text).expect("an id");
    let source = Source {
        network: NetworkName::new("signal").expect("a network"),
        account: id("aci:1"),
        custodian: id("c-1"),
        connector: id("test/1"),
        assurance: Assurance::Device,
        mode: Mode::Live,
    };
    let mut place = Conversation::new(ConversationKind::Group);
    place.title = title.map(str::to_owned);
    let mut participants = Participants::of(place);
    let sender = Participant::new(ParticipantId::parse(sender).expect("an id"));
    // Only in two of the cases the person of the rule takes part.
    let sender = match title {
        Some("Deals") => sender.alias(AliasKind::Phone, "+4930123"),
        _ => sender,
    };
    participants.sender = Some(sender);
    let time = Time::utc(Milliseconds::new(at));
    let envelope = Envelope::builder(&source, id(conversation), id("m1"), time);
    let record = match what {
        Said::Message => Record::new(
            envelope,
            participants,
            Message::plain("hello"),
            None,
            vec![],
        ),
        Said::Loss => {
            let loss = Loss::new(LossWhy::Offline);
            Record::new(envelope, participants, loss, None, vec![])
        }
    };
    record.expect("a record")
}

/// Plans over a limit, and bytes that are none: names say what is wrong.
fn refused_plans() -> Value {
    let sound = plan_bytes();
    let mut cases = vec![
        json!({ "name": "cut off", "plan": hex(&sound[..sound.len() - 1]), "check": "CBOR-1" }),
        json!({ "name": "another version", "plan": hex(&changed(&sound, 2, 2)), "check": "CBOR-4" }),
    ];
    // `2: 0` where numbers begin at 1.
    let zero = changed(&sound, sound.len() - 9, 0);
    cases.push(json!({ "name": "number zero", "plan": hex(&zero), "check": "PLAN-limit" }));
    json!({ "cases": cases })
}

/// A plan without rules and notices: `… 02 01 03 00 04 80 05 00 06 80` at its end.
fn plan_bytes() -> Vec<u8> {
    let agent = SignerKey::from_seed(&[0x11; 32]).expect("a seed").id();
    let class = RetentionClass::new(0);
    let plan = Plan::new(agent, 1, Decision::Capture, vec![], class, vec![], None);
    plan.expect("a plan").to_bytes()
}

fn changed(bytes: &[u8], at: usize, to: u8) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at] = to;
    changed
}

fn proposal() -> Value {
    let office = SignerKey::from_seed(&[0x44; 32]).expect("a seed");
    let second = SignerKey::from_seed(&[0x55; 32]).expect("a seed");
    let mailbox = OpeningKey::<ForMail>::from_seed(&[0x33; 32]);
    let at = ChainPosition {
        number: SequenceNumber::new(7),
        previous: EntryId::from_bytes([0x66; 32]),
    };
    let mut proposal = PlanProposal::new(
        ARCHIVE,
        office.id(),
        at,
        &decided(),
        mailbox.recipient().key(),
        Milliseconds::new(1_790_000_000_000),
        &mut Fixed,
    );
    proposal.sign(&office).expect("signed");
    proposal.sign(&second).expect("signed");
    let (object, entry) = proposal.finish().expect("an entry");
    json!({
        "proposal": hex(&proposal.to_bytes()), "mailbox_seed": "33".repeat(32),
        "keys": [office.public().to_string(), second.public().to_string()],
        "object": hex(object.bytes()), "entry": hex(entry.as_bytes()),
    })
}

fn sealed_files() -> Value {
    let passphrase = "correct horse battery";
    let file = SealedFile::seal(
        SealedFileKind::Share,
        b"what is secret",
        passphrase,
        PassphraseCost::LEAST,
        &mut Fixed,
    );
    let sound = file.expect("sealed").to_bytes();
    let mut altered = sound.clone();
    if let Some(last) = altered.last_mut() {
        *last ^= 1;
    }
    json!({
        "passphrase": passphrase, "kind": 0, "secret": hex(b"what is secret"),
        "file": hex(&sound), "refused": [hex(&altered), hex(&changed(&sound, 4, 1))],
    })
}
