//! The cases, shared by the program that writes them and the test that compares.

use std::path::PathBuf;

use canonical::{Milliseconds, hex};
use seal::{
    Consent, Decision, EnrolmentRequest, Follows, ForMail, Invitation, InvitationCode, Notice,
    OpeningKey, Plan, Randomness, Rule, check_words,
};
use serde_json::{Value, json};
use wire::waiting::{RequestId, sign_follows};
use wire::{ArchiveId, RetentionClass, SequenceNumber, SignerKey, TlsIdentity};

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
