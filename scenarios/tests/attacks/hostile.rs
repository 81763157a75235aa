//! NOTHING-ALTERED, at the door: a real submission of a real agent, altered in every byte, cut at
//! every length, sent twice, sent elsewhere, over the network to a running relay. Single refusals
//! are tested beside the relay; here nothing altered may pass, and every answer is a problem
//! document of the closed list.

use std::sync::Arc;

use capture::{Agent, Courier, Identity, Step, Stop};
use client::{RelayClient, pinned_tls};
use relay::{Rate, Relay, RunningRelay};
use reqwest::StatusCode;
use scenarios::markers::Family;
use scenarios::office::{address, environment};
use scenarios::source::Messages;
use testkit::Seeded;
use wire::api::{PostAnswer, Route, write_bundle};
use wire::{ArchiveId, PROBLEM_TYPE, Problem, RefusalCode};

use crate::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn no_altered_byte_and_no_cut_passes_the_relay() {
    let scene = Scene::new(41);
    let mut config = scene.office.relay_config(&scene.relay_folder());
    config.limits.address_requests = Rate {
        per_second: 1_000_000,
        burst: 1_000_000,
    };
    let relay = Relay::start(config).await.unwrap();
    scene.office.begin_log(&address(&relay)).await;
    let archive = scene.office.genesis().archive_id();

    let messages = Messages {
        family: Family::draw(&mut Seeded::new(41)),
        count: 1,
        file_bytes: 0,
    };
    let identity = Identity::open(&scene.office.agent()).unwrap();
    let line = RelayClient::new(&address(&relay), archive, Arc::clone(identity.signer())).unwrap();
    let agent = Arc::new(Agent::open(identity, environment()).unwrap());
    let mut courier = Courier::new(Arc::clone(&agent), line);
    courier.read_control().await.unwrap();
    agent
        .import_over(
            &messages.job(),
            messages.clone().connector(),
            &Stop::default(),
            |_| {},
        )
        .unwrap();
    assert_eq!(courier.step().await.unwrap(), Step::Uploaded(1));
    let entry = agent.spool().waiting(1).unwrap().remove(0).entry;
    let whole = write_bundle(std::slice::from_ref(&entry)).unwrap();

    let before = courier.relay().checkpoint().await.unwrap();
    for at in 0..whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 1 << (at % 8);
        let problem = refused(&relay, archive, &altered).await;
        assert!(problem.refusal().is_some(), "byte {at}: {}", problem.name());
    }
    for length in 0..whole.len() {
        let problem = refused(&relay, archive, &whole[..length]).await;
        assert_eq!(
            problem.refusal().unwrap().code(),
            RefusalCode::Malformed,
            "cut to {length}"
        );
    }
    let stretched = [whole.clone(), vec![0]].concat();
    assert_eq!(
        refused(&relay, archive, &stretched)
            .await
            .refusal()
            .unwrap()
            .code(),
        RefusalCode::Malformed
    );
    let oversized = vec![0; wire::limit::BUNDLE_BYTES + 1];
    assert_eq!(refused(&relay, archive, &oversized).await.status(), 413);
    let elsewhere = ArchiveId::from_bytes([9; 32]);
    assert_eq!(
        refused(&relay, elsewhere, &whole)
            .await
            .refusal()
            .unwrap()
            .code(),
        RefusalCode::ForeignArchive
    );
    // In another order than they were signed in: none of them is taken.
    agent.heartbeat(&[]).unwrap();
    let waiting = agent.spool().waiting(2).unwrap();
    let turned: Vec<_> = waiting.into_iter().rev().map(|one| one.entry).collect();
    assert_eq!(turned.len(), 2);
    let problem = refused(&relay, archive, &write_bundle(&turned).unwrap()).await;
    assert_eq!(
        problem.refusal().unwrap().code(),
        RefusalCode::OutOfSequence
    );
    assert_eq!(
        courier.relay().checkpoint().await.unwrap(),
        before,
        "nothing of it is in the log"
    );

    // The unaltered one is taken, and taken once however often it is sent.
    while !agent.spool().waiting(1).unwrap().is_empty() {
        assert_ne!(courier.step().await.unwrap(), Step::Failed);
    }
    let taken = courier
        .relay()
        .signed_checkpoint()
        .await
        .unwrap()
        .claimed()
        .size();
    let (status, answer) = post(&relay, archive, &whole).await;
    assert_eq!(
        (status, PostAnswer::parse(&answer).unwrap().receipts().len()),
        (StatusCode::OK, 1)
    );
    assert_eq!(
        courier
            .relay()
            .signed_checkpoint()
            .await
            .unwrap()
            .claimed()
            .size(),
        taken
    );
    relay.shutdown().await;
}

async fn refused(relay: &RunningRelay, archive: ArchiveId, body: &[u8]) -> Problem {
    let (status, answer) = post(relay, archive, body).await;
    assert!(status.is_client_error(), "{status}");
    let problem = Problem::parse(&answer).unwrap();
    assert_eq!(problem.status(), status.as_u16());
    problem
}

async fn post(relay: &RunningRelay, archive: ArchiveId, body: &[u8]) -> (StatusCode, Vec<u8>) {
    thread_local! {
        static HTTP: std::cell::OnceCell<reqwest::Client> = const { std::cell::OnceCell::new() };
    }
    let http = HTTP.with(|http| {
        let make = || {
            let tls = pinned_tls(relay.pin()).unwrap();
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls)
                .no_proxy()
                .build()
                .unwrap()
        };
        http.get_or_init(make).clone()
    });
    let url = format!("{}{}", relay.url(), Route::Entries.target(&archive));
    let answer = http
        .post(url)
        .header("Content-Type", wire::api::BYTES_TYPE)
        .body(body.to_vec())
        .send()
        .await
        .unwrap();
    let status = answer.status();
    if !status.is_success() {
        assert_eq!(answer.headers()["Content-Type"], PROBLEM_TYPE);
    }
    (status, answer.bytes().await.unwrap().to_vec())
}
