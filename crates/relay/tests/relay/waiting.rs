//! What waits outside the log, and mail to agents, over a real socket (WAIT-1 to WAIT-5, MAIL-1).

use std::sync::Arc;

use canonical::Milliseconds;
use client::{CallError, RelayAddress, RelayClient};
use futures_util::TryStreamExt as _;
use relay::Clock;
use tlog::LogIndex;
use wire::waiting::{InvitationTerms, RequestId, RequestState};
use wire::{
    Act, Body, Delegate, Enrol, Genesis, Mail, MailboxKeyHash, Purpose, RefusalCode, SignerKey,
    XWingKey,
};

use crate::house::{Chain, House, ciphertext, object};

const NOW: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * 3_600 * 1_000;

async fn house() -> House {
    House::new().await
}

/// The client stamps requests with the system's time.
fn now() -> i64 {
    Clock::system().now().get()
}

fn invitation(house: &House, seed: u8) -> (SignerKey, RelayClient) {
    let key = || SignerKey::from_seed(&[seed; 32]).unwrap();
    let address = RelayAddress {
        url: house.relay.url(),
        pin: house.relay.pin(),
    };
    let client = RelayClient::new(&address, house.owner.archive(), Arc::new(key())).unwrap();
    (key(), client)
}

fn problem(error: &CallError) -> (u16, String) {
    match error {
        CallError::Problem { problem, .. } => (problem.status(), problem.name().to_owned()),
        other => panic!("{other}"),
    }
}

fn terms(agents: u8) -> InvitationTerms {
    InvitationTerms {
        until: Milliseconds::new(now() + DAY),
        agents,
    }
}

/// WAIT-1, WAIT-4, WAIT-5; the request's id is its hash (ENROL-2).
#[tokio::test(flavor = "multi_thread")]
async fn wait_1_a_request_goes_from_the_holder_to_the_owner_and_outlives_the_relay() {
    let house = house().await;
    let vault = house.vault.client(&house.relay);
    let (key, holder) = invitation(&house, 50);
    let terms = terms(1);
    vault.open_invitation(key.public(), terms).await.unwrap();
    vault.open_invitation(key.public(), terms).await.unwrap();

    let answer = holder.invitation(key.public()).await.unwrap();
    let genesis = Genesis::parse(&answer.genesis).unwrap();
    assert_eq!(genesis.archive_id(), house.owner.archive());
    assert_eq!((answer.until, answer.requests.len()), (terms.until, 0));

    let id = holder
        .ask_enrolment(key.public(), b"sealed bytes".to_vec())
        .await
        .unwrap();
    let house = house.restart().await;
    let (_, holder) = invitation(&house, 50);
    let vault = house.vault.client(&house.relay);
    let waiting = vault.waiting_requests().await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].invitation, key.public());
    assert_eq!(waiting[0].sealed, b"sealed bytes");
    assert_eq!(RequestId::of(&waiting[0].sealed), id);

    // WAIT-5.
    vault
        .answer_request(key.public(), id, RequestState::Refused)
        .await
        .unwrap();
    assert_eq!(vault.waiting_requests().await.unwrap().len(), 0);
    let standing = holder.invitation(key.public()).await.unwrap().requests;
    assert_eq!(
        (standing[0].id, standing[0].state),
        (id, RequestState::Refused)
    );
    let again = vault
        .answer_request(key.public(), id, RequestState::Approved)
        .await;
    assert_eq!(
        problem(&again.unwrap_err()),
        (404, "no-such-request".into())
    );
    vault.close_invitation(key.public()).await.unwrap();
    let gone = holder.invitation(key.public()).await.unwrap_err();
    assert_eq!(problem(&gone), (404, "no-such-invitation".into()));
    house.relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_1_nobody_else_may() {
    let house = house().await;
    let vault = house.vault.client(&house.relay);
    let agent = house.agent.client(&house.relay);
    let (key, _) = invitation(&house, 50);
    let (_, stranger) = invitation(&house, 51);
    vault.open_invitation(key.public(), terms(1)).await.unwrap();

    let refused = stranger.invitation(key.public()).await.unwrap_err();
    assert_eq!(problem(&refused), (403, "unknown-signer".into()));
    let refused = stranger
        .ask_enrolment(key.public(), vec![1])
        .await
        .unwrap_err();
    assert_eq!(problem(&refused), (403, "unknown-signer".into()));
    // The vault itself holds no code.
    let refused = vault.invitation(key.public()).await.unwrap_err();
    assert_eq!(problem(&refused), (403, "unknown-signer".into()));
    for refused in [
        agent.open_invitation(key.public(), terms(1)).await,
        agent.close_invitation(key.public()).await,
        agent.waiting_requests().await.map(|_| ()),
        agent
            .answer_request(key.public(), RequestId::of(b"x"), RequestState::Approved)
            .await,
    ] {
        assert_eq!(problem(&refused.unwrap_err()), (403, "not-allowed".into()));
    }
    house.relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_2_terms_sizes_and_numbers_are_bounded() {
    let house = house().await;
    let vault = house.vault.client(&house.relay);
    let (key, holder) = invitation(&house, 50);
    let wrong = [
        InvitationTerms {
            until: Milliseconds::new(now() + 32 * DAY),
            agents: 1,
        },
        InvitationTerms {
            until: Milliseconds::new(NOW),
            agents: 1,
        },
        terms(0),
        terms(17),
    ];
    for terms in wrong {
        let refused = vault.open_invitation(key.public(), terms).await;
        assert_eq!(
            problem(&refused.unwrap_err()),
            (400, "invitation-terms".into())
        );
    }
    vault.open_invitation(key.public(), terms(1)).await.unwrap();
    let other = vault.open_invitation(key.public(), terms(2)).await;
    assert_eq!(
        problem(&other.unwrap_err()),
        (409, "invitation-stands".into())
    );
    let large = holder
        .ask_enrolment(key.public(), vec![1; wire::limit::REQUEST_BYTES + 1])
        .await;
    assert_eq!(problem(&large.unwrap_err()), (413, "too-large".into()));
    for number in 0..4 {
        holder
            .ask_enrolment(key.public(), vec![number])
            .await
            .unwrap();
    }
    let full = holder.ask_enrolment(key.public(), vec![9]).await;
    assert_eq!(full.unwrap_err().status(), Some(429));
    house.relay.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_1_only_its_addressee_has_it() {
    let mut house = house().await;
    let mut office = Chain::new(9, house.owner.archive());
    let other = Chain::new(8, house.owner.archive());
    let mailbox = XWingKey::from_bytes(&[7; XWingKey::SIZE]).unwrap();
    let acts = [
        house.owner.act(Act::Delegate(Delegate {
            purpose: Purpose::Plan,
            keys: vec![office.key.public()],
            threshold: 1,
            until: Milliseconds::new(now() + DAY),
        })),
        house.owner.enrol(&other, wire::Role::Agent),
        // CONTROL-5: the agent is enrolled, and gets its mailbox key now.
        house.owner.act(Act::Enrol(Enrol {
            key: house.agent.key.public(),
            role: wire::Role::Agent,
            mailbox: Some(mailbox.clone()),
            follows: None,
            follows_until: None,
            tls: None,
        })),
    ];
    let root = house.owner.root.client(&house.relay);
    assert_eq!(root.post_entries(&acts).await.unwrap().refusal(), None);

    let sealed = ciphertext(5, 3_000);
    let mail = object(&sealed);
    // A delegate uploads as a person does.
    let client = office.client(&house.relay);
    client
        .upload_object(mail.hash, sealed.clone())
        .await
        .unwrap();
    // CONTROL-7: neither to a mailbox that is nobody's, nor to an agent that has none.
    let wrong = [
        (house.agent.id(), MailboxKeyHash::from_bytes([7; 32])),
        (other.id(), mailbox.mailbox_hash()),
    ];
    for (addressee, mailbox) in wrong {
        let mut office = Chain::new(9, house.owner.archive());
        let entry = office.say(Body::Mail(Mail { addressee, mailbox }), vec![mail]);
        let refused = client.post_entries(&[entry]).await.unwrap_err();
        assert_eq!(refused.refusal().unwrap().code(), RefusalCode::NotAllowed);
    }
    let entry = office.say(
        Body::Mail(Mail {
            addressee: house.agent.id(),
            mailbox: mailbox.mailbox_hash(),
        }),
        vec![mail],
    );
    let answer = client
        .post_entries(std::slice::from_ref(&entry))
        .await
        .unwrap();
    assert_eq!(answer.refusal(), None);

    let house = house.restart().await;
    let agent = house.agent.client(&house.relay);
    let page = agent.mail(LogIndex::new(0)).await.unwrap();
    assert_eq!(page.entries().len(), 1);
    let logged = &page.entries()[0];
    assert_eq!(logged.read().unwrap().entry(), &entry);
    house.owner.verify(&entry, &logged.proof);
    assert_eq!(agent.mail_object(mail.hash).await.unwrap(), sealed);
    let behind = agent.mail(LogIndex::new(logged.index.get() + 1)).await;
    assert!(behind.unwrap().entries().is_empty());

    let other = other.client(&house.relay);
    assert!(
        other
            .mail(LogIndex::new(0))
            .await
            .unwrap()
            .entries()
            .is_empty()
    );
    let refused = other.mail_object(mail.hash).await.unwrap_err();
    assert_eq!(problem(&refused), (403, "not-allowed".into()));
    let refused = house
        .vault
        .client(&house.relay)
        .mail(LogIndex::new(0))
        .await;
    assert_eq!(problem(&refused.unwrap_err()), (403, "not-allowed".into()));
    // The vault keeps every object, mail too.
    let vault = house.vault.client(&house.relay);
    let pieces = vault.fetch_object(mail.hash, None).await.unwrap();
    let bytes: Vec<_> = pieces.try_collect().await.unwrap();
    assert_eq!(bytes.concat(), sealed);
    house.relay.shutdown().await;
}
