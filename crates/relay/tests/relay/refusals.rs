//! The closed list, each refusal with its problem detail: RELAY-1, CHAIN-1..4, ENTRY-5, LEAF-2,
//! CONTROL-1, CONTROL-5, CONTROL-6; and SEQ-2.

use client::CallError;
use relay::Relay;
use tlog::{Hash, TreeSize};
use wire::{
    Act, Body, ChainPosition, EntryId, Problem, RefusalCode, Revocation, Revoke, Role, Seen,
    SequenceNumber, Signature, SignatureBytes, Stored,
};

use crate::house::{Chain, House, batch, bundle, ciphertext, heartbeat, object};

fn problem(error: CallError) -> Problem {
    match error {
        CallError::Problem { problem, .. } => *problem,
        other => panic!("no problem document: {other}"),
    }
}

async fn refused(house: &House, chain: &Chain, entry: wire::Entry) -> Problem {
    let error = chain
        .client(&house.relay)
        .post_entries(&[entry])
        .await
        .unwrap_err();
    let problem = problem(error);
    let refusal = problem.refusal().expect("a refusal of the closed list");
    assert_eq!(problem.status(), refusal.code().status());
    assert!(!problem.detail().is_empty());
    assert_eq!(problem.position(), Some(0));
    problem
}

fn code(problem: &Problem) -> RefusalCode {
    problem.refusal().unwrap().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_why() {
    let mut house = House::new().await;
    let stranger = Chain::new(90, house.owner.archive());
    let entry = stranger.draft(heartbeat(0), Vec::new());
    assert_eq!(
        code(&refused(&house, &stranger, entry).await),
        RefusalCode::UnknownSigner
    );

    let entry = house.agent.draft(heartbeat(0), Vec::new());
    let forged = Signature {
        signer: house.agent.id(),
        bytes: SignatureBytes::from_bytes([1; 64]),
    };
    let unsigned = wire::EntryDraft::new(
        house.agent.archive,
        house.agent.id(),
        ChainPosition::FIRST,
        entry.body().clone(),
        entry.time(),
    )
    .with_objects(Vec::new())
    .unwrap();
    let forged = unsigned.with_signatures(vec![forged]).unwrap();
    assert_eq!(
        code(&refused(&house, &house.agent, forged).await),
        RefusalCode::BadSignature
    );

    let through = TreeSize::ZERO;
    house.agent.seen = Some(Seen {
        size: through,
        root: Hash::empty_root(),
    });
    let entry = house
        .agent
        .draft(Body::Stored(Stored { through }), Vec::new());
    house.agent.seen = None;
    assert_eq!(
        code(&refused(&house, &house.agent, entry).await),
        RefusalCode::NotAllowed
    );

    // CHAIN-4: compromised from number 1, so number 0 is still taken.
    let revoke = Act::Revoke(Revoke {
        signer: house.agent.id(),
        how: Revocation::Compromised(SequenceNumber::new(1)),
    });
    let revoke = house.owner.act(revoke);
    house
        .owner
        .root
        .client(&house.relay)
        .post_entries(&[revoke])
        .await
        .unwrap();
    let entries = [
        house.agent.say(heartbeat(0), Vec::new()),
        house.agent.say(heartbeat(1), Vec::new()),
    ];
    let answer = house
        .agent
        .client(&house.relay)
        .post_entries(&entries)
        .await
        .unwrap();
    // RELAY-1: receipts, then the first refusal.
    assert_eq!(answer.receipts().len(), 1);
    assert_eq!(answer.refusal().unwrap().code(), RefusalCode::Revoked);
    assert_eq!(
        code(&refused(&house, &house.agent, entries[1].clone()).await),
        RefusalCode::Revoked
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_are_kept() {
    let mut house = House::new().await;
    let mut ahead = Chain::new(2, house.owner.archive());
    ahead.at = ChainPosition {
        number: SequenceNumber::new(3),
        previous: EntryId::from_bytes([5; 32]),
    };
    let problem = refused(&house, &ahead, ahead.draft(heartbeat(0), Vec::new())).await;
    assert_eq!(code(&problem), RefusalCode::OutOfSequence);
    assert_eq!(
        problem.refusal().unwrap().next(),
        Some(SequenceNumber::new(0))
    );

    let first = house.agent.say(heartbeat(0), Vec::new());
    house
        .agent
        .client(&house.relay)
        .post_entries(&[first])
        .await
        .unwrap();
    // CHAIN-3: the same number with other words, and the next number after another entry.
    let copy = Chain::new(2, house.owner.archive());
    let problem = refused(&house, &copy, copy.draft(heartbeat(99), Vec::new())).await;
    assert_eq!(code(&problem), RefusalCode::Clone);
    ahead.at = ChainPosition {
        number: SequenceNumber::new(1),
        previous: EntryId::from_bytes([5; 32]),
    };
    let problem = refused(&house, &ahead, ahead.draft(heartbeat(0), Vec::new())).await;
    assert_eq!(code(&problem), RefusalCode::Clone);

    let agent = Chain::new(50, house.owner.archive());
    let enrol = house.owner.enrol(&agent, Role::Agent);
    house
        .owner
        .root
        .client(&house.relay)
        .post_entries(&[enrol])
        .await
        .unwrap();
    let before = (house.owner.control, house.owner.root.at);
    let twice = house.owner.enrol(&agent, Role::Agent);
    let problem = refused(&house, &house.owner.root, twice).await;
    assert_eq!(code(&problem), RefusalCode::ControlChain);
    house.owner.control = (before.0.0.next(), before.0.1);
    house.owner.root.at = before.1;
    let gap = house
        .owner
        .enrol(&Chain::new(51, agent.archive), Role::Agent);
    let problem = refused(&house, &house.owner.root, gap).await;
    assert_eq!(code(&problem), RefusalCode::ControlChain);
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_5_objects_and_epochs_are_checked() {
    let mut house = House::new().await;
    let agent = house.agent.client(&house.relay);
    let (sealed, other) = (ciphertext(1, 900), ciphertext(2, 900));
    let unknown = wire::EpochId::from_bytes([8; 32]);
    let entry = house.agent.draft(batch(unknown), vec![object(&sealed)]);
    assert_eq!(
        code(&refused(&house, &house.agent, entry).await),
        RefusalCode::UnknownEpoch
    );
    let entry = house
        .agent
        .draft(batch(house.owner.governance), vec![object(&sealed)]);
    assert_eq!(
        code(&refused(&house, &house.agent, entry).await),
        RefusalCode::UnknownEpoch
    );

    let entry = house
        .agent
        .draft(batch(house.owner.epoch), vec![object(&sealed)]);
    let problem = refused(&house, &house.agent, entry.clone()).await;
    assert_eq!(code(&problem), RefusalCode::ObjectMissing);
    assert!(problem.detail().contains(&object(&sealed).hash.to_string()));
    agent
        .upload_object(object(&sealed).hash, sealed.clone())
        .await
        .unwrap();
    agent
        .upload_object(object(&other).hash, other.clone())
        .await
        .unwrap();
    let mut longer = object(&sealed);
    longer.length = wire::ObjectLength::new(901);
    let wrong = house.agent.draft(batch(house.owner.epoch), vec![longer]);
    assert_eq!(
        code(&refused(&house, &house.agent, wrong).await),
        RefusalCode::ObjectMissing
    );

    let entry = house
        .agent
        .say(batch(house.owner.epoch), vec![object(&sealed)]);
    agent.post_entries(&[entry]).await.unwrap();
    let again = house.agent.draft(
        batch(house.owner.epoch),
        vec![object(&other), object(&sealed)],
    );
    assert_eq!(
        code(&refused(&house, &house.agent, again).await),
        RefusalCode::ObjectTaken
    );
    // Within one bundle as well: the first takes it, the second is refused.
    let pair = [
        house
            .agent
            .say(batch(house.owner.epoch), vec![object(&other)]),
        house
            .agent
            .say(batch(house.owner.epoch), vec![object(&other)]),
    ];
    let answer = agent.post_entries(&pair).await.unwrap();
    assert_eq!(answer.receipts().len(), 1);
    assert_eq!(answer.refusal().unwrap().code(), RefusalCode::ObjectTaken);
}

#[tokio::test(flavor = "multi_thread")]
async fn leaf_2_another_log_than_the_signer_has_seen_is_a_fork() {
    let mut house = House::new().await;
    let agent = house.agent.client(&house.relay);
    let now = agent.signed_checkpoint().await.unwrap();
    let (size, root) = (now.claimed().size(), now.claimed().root());
    let wrong = [
        Seen {
            size: TreeSize::new(size.get() + 1),
            root,
        },
        Seen {
            size,
            root: Hash::leaf(b"another"),
        },
        Seen {
            size: TreeSize::new(2),
            root,
        },
        Seen {
            size: TreeSize::ZERO,
            root,
        },
    ];
    for seen in wrong {
        house.agent.seen = Some(seen);
        let entry = house.agent.draft(heartbeat(0), Vec::new());
        assert_eq!(
            code(&refused(&house, &house.agent, entry).await),
            RefusalCode::Fork,
            "{seen:?}"
        );
    }
    house.agent.seen = Some(Seen { size, root });
    let first = house.agent.say(heartbeat(0), Vec::new());
    agent.post_entries(&[first]).await.unwrap();
    // An older one of the same log is fine.
    house.agent.seen = Some(Seen { size, root });
    let second = house.agent.say(heartbeat(1), Vec::new());
    assert_eq!(
        agent
            .post_entries(&[second])
            .await
            .unwrap()
            .receipts()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_bundles_are_refused() {
    let mut house = House::new().await;
    let archive = house.relay.archive(house.owner.archive()).unwrap();
    let good = [
        house.agent.say(heartbeat(0), Vec::new()),
        house.agent.say(heartbeat(1), Vec::new()),
    ];
    let whole = bundle(&good);
    let mut flipped = whole.clone();
    flipped[2] ^= 0x40;
    let reversed = bundle(&[good[1].clone(), good[0].clone()]);
    let mixed = bundle(&[good[0].clone(), house.vault.draft(heartbeat(0), Vec::new())]);
    let many = vec![good[0].clone(); 65];
    let many =
        tlog::encode_bundle(&many.iter().map(wire::Entry::as_bytes).collect::<Vec<_>>()).unwrap();
    for (name, bytes, receipts) in [
        ("empty", &[][..], 0),
        ("truncated", &whole[..whole.len() - 1], 0),
        ("half a length", &whole[..1], 0),
        ("flipped", &flipped, 0),
        ("too many", &many, 0),
        ("an empty entry", &[0, 0], 0),
        ("reversed", &reversed, 0),
    ] {
        let submitted = archive.submit(bytes).await.unwrap();
        assert_eq!(submitted.receipts.len(), receipts, "{name}");
        let code = submitted.refused.unwrap().code();
        let expected = if name == "reversed" {
            RefusalCode::OutOfSequence
        } else {
            RefusalCode::Malformed
        };
        assert_eq!(code, expected, "{name}");
    }
    let submitted = archive.submit(&mixed).await.unwrap();
    assert_eq!(
        submitted.receipts.len(),
        1,
        "what stands before the malformed one is admitted"
    );
    assert_eq!(submitted.refused.unwrap().code(), RefusalCode::Malformed);
}

#[tokio::test(flavor = "multi_thread")]
async fn seq_2_a_database_from_a_copy_stops_the_archive() {
    let mut house = House::new().await;
    let first = house.agent.say(heartbeat(0), Vec::new());
    let second = house.agent.say(heartbeat(1), Vec::new());
    house
        .agent
        .client(&house.relay)
        .post_entries(&[first])
        .await
        .unwrap();
    house.relay.shutdown().await;
    let state =
        crate::whole::log_folder(&house.owner, house.folder.path()).with_file_name("state.db");
    let copy = std::fs::read(&state).unwrap();
    let start = || {
        let mut config = crate::house::config(house.folder.path());
        config.archives.push(house.owner.config());
        Relay::start(config)
    };
    let relay = start().await.unwrap();
    house
        .agent
        .client(&relay)
        .post_entries(&[second])
        .await
        .unwrap();
    relay.shutdown().await;

    std::fs::write(&state, copy).unwrap();
    for leftover in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(state.with_file_name(leftover));
    }
    let refused = start().await.unwrap_err();
    let relay::StartError::Archive {
        source: relay::OpenError::Alarm(alarm),
        ..
    } = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(
        alarm,
        relay::Alarm::Smaller {
            signed: TreeSize::new(6),
            now: TreeSize::new(5)
        }
    );
}
