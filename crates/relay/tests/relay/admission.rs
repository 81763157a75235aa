//! Entries go in, receipts come out, again and after a restart: RELAY-1, RECEIPT-1, CHAIN-3, SEQ-1,
//! BEGIN-1, GENESIS-1.

use client::CallError;
use tlog::{LogIndex, TreeSize};
use wire::Role;

use crate::house::{Chain, House, batch, ciphertext, heartbeat, object};
use crate::whole;

#[tokio::test(flavor = "multi_thread")]
async fn relay_1_receipt_1_an_admitted_entry_is_receipted() {
    let mut house = House::new().await;
    let agent = house.agent.client(&house.relay);
    let sealed = ciphertext(1, 1_700);
    let named = object(&sealed);
    agent.upload_object(named.hash, sealed).await.unwrap();
    let entries = [
        house.agent.say(batch(house.owner.epoch), vec![named]),
        house.agent.say(heartbeat(0), Vec::new()),
    ];
    let answer = agent.post_entries(&entries).await.unwrap();
    assert_eq!(answer.refusal(), None);
    for (place, (entry, receipt)) in entries.iter().zip(answer.receipts()).enumerate() {
        let receipt = house.owner.verify(entry, receipt);
        assert_eq!(receipt.index(), LogIndex::new(4 + place as u64));
        assert_eq!(receipt.seen().size, TreeSize::new(6));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chain_3_the_same_entry_again_keeps_its_place_also_after_a_restart() {
    let mut house = House::new().await;
    let entry = house.agent.say(heartbeat(1), Vec::new());
    let agent = house.agent.client(&house.relay);
    let first = agent
        .post_entries(std::slice::from_ref(&entry))
        .await
        .unwrap();
    let first = house.owner.verify(&entry, &first.receipts()[0]);
    let more = house.agent.say(heartbeat(2), Vec::new());
    // The old entry and a new one in one bundle: only the new one is appended.
    let both = agent
        .post_entries(&[entry.clone(), more.clone()])
        .await
        .unwrap();
    let again = house.owner.verify(&entry, &both.receipts()[0]);
    assert_eq!(
        (again.index(), again.admitted_at()),
        (first.index(), first.admitted_at())
    );
    assert_eq!(
        house.owner.verify(&more, &both.receipts()[1]).index(),
        LogIndex::new(5)
    );

    let house = house.restart().await;
    let agent = house.agent.client(&house.relay);
    let third = agent.post_entries(&[entry.clone(), more]).await.unwrap();
    let third = house.owner.verify(&entry, &third.receipts()[0]);
    assert_eq!(
        (third.index(), third.admitted_at()),
        (first.index(), first.admitted_at())
    );
    assert_eq!(third.seen().size, TreeSize::new(6), "nothing was doubled");
    let state = agent.signer_state(house.agent.id()).await.unwrap();
    assert_eq!(
        (state.next.get(), state.last),
        (2, Some(house.agent.at.previous))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn seq_1_many_agents_at_once_make_one_sound_log() {
    let mut house = House::new().await;
    let root = house.owner.root.client(&house.relay);
    let mut agents: Vec<Chain> = (10..26)
        .map(|seed| Chain::new(seed, house.owner.archive()))
        .collect();
    let enrolments: Vec<_> = agents
        .iter()
        .map(|agent| house.owner.enrol(agent, Role::Agent))
        .collect();
    assert_eq!(
        root.post_entries(&enrolments)
            .await
            .unwrap()
            .receipts()
            .len(),
        16
    );
    let mut tasks = tokio::task::JoinSet::new();
    for mut agent in agents.drain(..) {
        let client = agent.client(&house.relay);
        tasks.spawn(async move {
            let mut said = Vec::new();
            for round in 0..20 {
                let entries = [
                    agent.say(heartbeat(round), Vec::new()),
                    agent.say(heartbeat(round), Vec::new()),
                ];
                let answer = client.post_entries(&entries).await.unwrap();
                said.extend(entries.into_iter().zip(answer.receipts().to_vec()));
            }
            said
        });
    }
    let mut places = Vec::new();
    while let Some(said) = tasks.join_next().await {
        for (entry, receipt) in said.unwrap() {
            places.push(house.owner.verify(&entry, &receipt).index().get());
        }
    }
    places.sort_unstable();
    assert_eq!(places, (20..20 + 16 * 20 * 2).collect::<Vec<u64>>());
    let folder = house.folder.path().to_owned();
    let (owner, archive) = (
        house.owner,
        house.relay.archive(house.agent.archive).unwrap(),
    );
    let entries = whole::verify(&owner, &folder).await;
    assert_eq!(entries.len() as u64, archive.published_size().get());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_waits_for_its_genesis() {
    let folder = tempfile::tempdir().unwrap();
    let mut owner = crate::house::Owner::new(1);
    let mut config = crate::house::config(folder.path());
    config.archives.push(owner.config());
    let relay = relay::Relay::start(config).await.unwrap();
    let root = owner.root.client(&relay);
    let agent = Chain::new(2, owner.archive());
    let refused = agent
        .client(&relay)
        .post_entries(&[agent.draft(heartbeat(0), Vec::new())])
        .await;
    assert_eq!(
        refused.unwrap_err().refusal().unwrap().code().name(),
        "unknown-signer"
    );
    // A genesis that hashes to another archive's id, and one that names another log key.
    let genesis = owner.genesis_entry();
    assert!(
        matches!(root.checkpoint().await, Err(CallError::Problem { problem, .. }) if problem.status() == 403)
    );
    let answer = root
        .post_entries(std::slice::from_ref(&genesis))
        .await
        .unwrap();
    assert_eq!(
        owner.verify(&genesis, &answer.receipts()[0]).index(),
        LogIndex::new(0)
    );
    assert_eq!(
        root.signed_checkpoint().await.unwrap().claimed().size(),
        TreeSize::new(1)
    );
    relay.shutdown().await;

    // The configured genesis begins a log by itself, and does nothing to one that has begun.
    let other = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut config = crate::house::config(other.path());
        let mut archive = owner.config();
        archive.genesis = Some(genesis.to_bytes());
        config.archives.push(archive);
        let relay = relay::Relay::start(config).await.unwrap();
        assert_eq!(
            relay.archive(owner.archive()).unwrap().published_size(),
            TreeSize::new(1)
        );
        relay.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn genesis_1_a_log_key_that_the_genesis_does_not_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut owner = crate::house::Owner::new(1);
    let mut config = crate::house::config(folder.path());
    config.archives.push(relay::ArchiveConfig::new(
        owner.archive(),
        tlog::SigningSeed::from_bytes([77; 32]),
    ));
    let relay = relay::Relay::start(config).await.unwrap();
    let genesis = owner.genesis_entry();
    let refused = owner
        .root
        .client(&relay)
        .post_entries(&[genesis])
        .await
        .unwrap_err();
    assert_eq!(refused.refusal().unwrap().code().name(), "not-allowed");
    assert!(
        relay
            .archive(owner.archive())
            .unwrap()
            .checkpoint()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_relay_has_a_folder() {
    let house = House::new().await;
    let taken = relay::Relay::start(crate::house::config(house.folder.path())).await;
    assert!(matches!(taken, Err(relay::StartError::Taken(_))));
}
