//! LIMIT-1, BLIND-1, PROBLEM-1: bounds on sizes and rates, and what an operator may see.

use canonical::Milliseconds;
use relay::{Clock, OperationsError, Rate, StartError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wire::api::Route;

use crate::house::{House, bundle, heartbeat};
use crate::reads::{http, raw};

/// A clock that stands still, near enough to the client's for signed requests.
fn standing() -> Clock {
    Clock::stepped(Clock::system().now())
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_1_entries_of_one_signer_are_bounded() {
    let clock = standing();
    let stepped = clock.clone();
    let mut house = House::with(|config| {
        config.clock = clock;
        config.limits.signer_entries = Rate {
            per_second: 2,
            burst: 4,
        };
    })
    .await;
    let agent = house.agent.client(&house.relay);
    let entries: Vec<_> = (0..6)
        .map(|n| house.agent.say(heartbeat(n), Vec::new()))
        .collect();
    agent.post_entries(&entries[..4]).await.unwrap();
    let busy = agent.post_entries(&entries[4..]).await.unwrap_err();
    assert_eq!(busy.refusal().unwrap().code().name(), "too-busy");
    assert_eq!((busy.status(), busy.is_transient()), (Some(429), true));
    assert_eq!(busy.retry_after().unwrap().as_secs(), 1);
    // Others are not held up by it.
    house.vault.client(&house.relay).checkpoint().await.unwrap();
    stepped.step(1_000);
    assert_eq!(
        agent
            .post_entries(&entries[4..])
            .await
            .unwrap()
            .receipts()
            .len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_1_signed_requests_and_addresses_are_bounded() {
    let clock = standing();
    let stepped = clock.clone();
    let house = House::with(|config| {
        config.clock = clock;
        config.limits.signer_requests = Rate {
            per_second: 1,
            burst: 2,
        };
        config.limits.address_requests = Rate {
            per_second: 1,
            burst: 5,
        };
    })
    .await;
    let agent = house.agent.client(&house.relay);
    let vault = house.vault.client(&house.relay);
    agent.checkpoint().await.unwrap();
    agent.checkpoint().await.unwrap();
    assert_eq!(agent.checkpoint().await.unwrap_err().status(), Some(429));
    vault.checkpoint().await.unwrap();
    // That was the fifth request of this address, with the owner's first.
    assert_eq!(vault.checkpoint().await.unwrap_err().status(), Some(429));
    stepped.step(60_000);
    vault.checkpoint().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_1_large_bodies_and_strange_calls_are_refused() {
    let house = House::new().await;
    let client = http(&house);
    let entries = format!(
        "{}{}",
        house.relay.url(),
        Route::Entries.target(&house.owner.archive())
    );
    let large = client
        .post(&entries)
        .body(vec![0; wire::limit::BUNDLE_BYTES + 1])
        .send()
        .await
        .unwrap();
    assert_eq!(large.status().as_u16(), 413);
    // Without a length the bytes are counted as they come.
    let pieces =
        futures_util::stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 64 << 10])));
    let large = client
        .post(&entries)
        .body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await;
    assert!(large.is_err() || large.unwrap().status().as_u16() == 413);
    let base = format!("{}/v1/{}", house.relay.url(), house.owner.archive());
    for (path, status) in [
        ("/tile/0/000.p/0", 404),
        ("/nothing", 404),
        ("/objects/zz", 404),
        ("/control", 404),
    ] {
        let response = client.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.headers()["content-type"], wire::PROBLEM_TYPE);
    }
    let response = client
        .delete(format!("{base}/checkpoint"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_1_the_queue_is_bounded() {
    let mut house = House::with(|config| {
        config.limits.queued_entries = 4;
        config.limits.requests_in_flight = 1_000;
    })
    .await;
    let archive = house.relay.archive(house.owner.archive()).unwrap();
    let entries: Vec<_> = (0..64)
        .map(|n| house.agent.say(heartbeat(n), Vec::new()))
        .collect();
    // A bundle above the bound is taken when nothing waits; while it waits, others are turned away.
    let whole = bundle(&entries);
    let results = futures_util::future::join_all((0..20).map(|_| archive.submit(&whole))).await;
    let busy = results
        .iter()
        .filter(|result| **result == Err(relay::SubmitError::Busy))
        .count();
    assert!(
        busy > 0,
        "twenty times 64 entries do not wait in a queue of four"
    );
    for answered in results.into_iter().flatten() {
        assert_eq!(answered.receipts.len(), 64);
    }
    assert_eq!(archive.published_size().get(), 68);
}

#[tokio::test(flavor = "multi_thread")]
async fn read_1_nonces_are_remembered_and_bounded() {
    let clock = standing();
    let stepped = clock.clone();
    let house = House::with(|config| {
        config.clock = clock;
        config.limits.nonces = 2;
    })
    .await;
    let agent = house.agent.client(&house.relay);
    agent.checkpoint().await.unwrap();
    agent.checkpoint().await.unwrap();
    assert_eq!(agent.checkpoint().await.unwrap_err().status(), Some(429));
    // Five minutes later they can not be replayed any more, and are forgotten. A request of the
    // machine's own time is too old by then.
    stepped.step(wire::limit::REQUEST_WINDOW_MS + 60_000);
    let target = Route::Checkpoint.target(&house.owner.archive());
    let late = stepped.now();
    let signed = crate::reads::header(&house.agent, "GET", &target, ("", ""), late);
    let response = http(&house)
        .get(format!("{}{target}", house.relay.url()))
        .header("Greffe-Signed", signed)
        .send();
    assert_eq!(response.await.unwrap().status().as_u16(), 200);
    assert!(late > Milliseconds::new(0));
}

async fn ask(address: std::net::SocketAddr, path: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn blind_1_operations_are_local_and_tell_counts_only() {
    let mut house =
        House::with(|config| config.operations = Some("127.0.0.1:0".parse().unwrap())).await;
    let entry = house.agent.say(heartbeat(0), Vec::new());
    house
        .agent
        .client(&house.relay)
        .post_entries(&[entry])
        .await
        .unwrap();
    house.agent.seen = Some(wire::Seen {
        size: tlog::TreeSize::ZERO,
        root: tlog::Hash::empty_root(),
    });
    let refused = house.agent.draft(
        wire::Body::Stored(wire::Stored {
            through: tlog::TreeSize::ZERO,
        }),
        Vec::new(),
    );
    house
        .agent
        .client(&house.relay)
        .post_entries(&[refused])
        .await
        .unwrap_err();
    let address = house.relay.operations().unwrap();
    let health = ask(address, "/healthz").await;
    assert!(
        health.starts_with("HTTP/1.1 200") && health.contains("\"stopped\":0"),
        "{health}"
    );
    let metrics = ask(address, "/metrics").await;
    assert!(
        metrics.contains("greffe_relay_entries_total 5\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("greffe_relay_refusals_total{code=\"6\"} 1\n"),
        "{metrics}"
    );
    for secret in [
        house.owner.archive().to_string(),
        house.agent.id().to_string(),
        "127.0.0.1".to_owned(),
    ] {
        assert!(
            !metrics.contains(&secret[..8]),
            "{secret} stands in the metrics"
        );
    }
    assert!(ask(address, "/debug").await.starts_with("HTTP/1.1 404"));
    // Not on the outer listener.
    let outer = http(&house)
        .get(format!("{}/metrics", house.relay.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(outer.status().as_u16(), 404);

    let folder = tempfile::tempdir().unwrap();
    let mut config = crate::house::config(folder.path());
    config.operations = Some("0.0.0.0:0".parse().unwrap());
    let refused = relay::Relay::start(config).await.unwrap_err();
    assert!(matches!(
        refused,
        StartError::Operations(OperationsError::NotLoopback(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_1_a_signers_bytes_are_bounded() {
    let house = House::with(|config| {
        config.limits.signer_bytes = Rate {
            per_second: 1,
            burst: 100_000,
        }
    })
    .await;
    let bytes = crate::house::ciphertext(3, 400_000);
    let named = crate::house::object(&bytes).hash;
    let target = Route::Object(named).target(&house.owner.archive());
    let response = raw(&house, &house.agent, "PATCH", target, ("0", "400000"))
        .header("Upload-Offset", "0")
        .header("Upload-Length", "400000")
        .body(bytes)
        .send()
        .await;
    // The relay answers before it has read everything; a client may see the answer or a broken pipe.
    assert!(response.is_err() || response.unwrap().status().as_u16() == 429);
    let progress = house
        .agent
        .client(&house.relay)
        .upload_progress(named)
        .await
        .unwrap();
    let client::UploadProgress::Partial(kept) = progress else {
        panic!("{progress:?}")
    };
    assert!(kept <= 200_000, "{kept}");
}
