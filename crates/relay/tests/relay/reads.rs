//! Who may read what, and that a request counts once (READ-1).

use canonical::Milliseconds;
use client::{CallError, RelayAddress, RelayClient, pinned_tls};
use tlog::{Bundle, Hash, SignedCheckpoint, Tile, TreeSize, decode_checked_bundle};
use wire::api::Route;
use wire::request::{Request, RequestNonce};
use wire::{Body, ControlNumber, ObjectHash, Role, SignerKey, Stored, TlsIdentity};

use crate::house::{Chain, House, heartbeat};

pub fn http(house: &House) -> reqwest::Client {
    let tls = pinned_tls(house.relay.pin()).unwrap();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .build()
        .unwrap()
}

fn now() -> Milliseconds {
    relay::Clock::system().now()
}

pub fn header(
    chain: &Chain,
    method: &str,
    target: &str,
    upload: (&str, &str),
    at: Milliseconds,
) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NONCES: AtomicU64 = AtomicU64::new(1);
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&NONCES.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let request = Request {
        archive: chain.archive,
        method,
        target,
        upload_offset: upload.0,
        upload_length: upload.1,
    };
    request.sign(&chain.key, at, RequestNonce::from_bytes(nonce))
}

/// A signed request by hand.
pub fn raw(
    house: &House,
    chain: &Chain,
    method: &str,
    target: String,
    upload: (&str, &str),
) -> reqwest::RequestBuilder {
    let signed = header(chain, method, &target, upload, now());
    let url = format!("{}{target}", house.relay.url());
    http(house)
        .request(method.parse().unwrap(), url)
        .header("Greffe-Signed", signed)
}

pub struct Raw;

impl Raw {
    pub fn patch(
        house: &House,
        object: ObjectHash,
        offset: u64,
        length: u64,
    ) -> reqwest::RequestBuilder {
        let (offset, length) = (offset.to_string(), length.to_string());
        let target = Route::Object(object).target(&house.owner.archive());
        raw(house, &house.agent, "PATCH", target, (&offset, &length))
            .header("Upload-Offset", offset)
            .header("Upload-Length", length)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn read_1_a_request_is_believed_once_and_only_as_signed() {
    let mut started = now();
    let house = House::with(|config| started = config.clock.now()).await;
    let target = Route::Checkpoint.target(&house.owner.archive());
    let url = format!("{}{target}", house.relay.url());
    let get = |signed: String| {
        http(&house)
            .get(&url)
            .header("Greffe-Signed", signed)
            .send()
    };
    let signed = header(&house.agent, "GET", &target, ("", ""), now());
    assert_eq!(get(signed.clone()).await.unwrap().status().as_u16(), 200);
    let again = get(signed).await.unwrap();
    assert_eq!(again.status().as_u16(), 401);
    assert_eq!(
        wire::Problem::parse(&again.bytes().await.unwrap())
            .unwrap()
            .name(),
        "replayed"
    );

    let stored = Route::Stored.target(&house.owner.archive());
    let stranger = Chain::new(77, house.owner.archive());
    let impostor = header(&stranger, "GET", &target, ("", ""), now())
        .replace(&stranger.id().to_string(), &house.agent.id().to_string());
    let cases = [
        (
            "another path",
            header(&house.agent, "GET", &stored, ("", ""), now()),
            401,
        ),
        (
            "another method",
            header(&house.agent, "HEAD", &target, ("", ""), now()),
            401,
        ),
        (
            "another upload",
            header(&house.agent, "GET", &target, ("0", "1"), now()),
            401,
        ),
        (
            "too old",
            header(&house.agent, "GET", &target, ("", ""), now().plus(-301_000)),
            401,
        ),
        (
            "before the relay's start",
            header(&house.agent, "GET", &target, ("", ""), started.plus(-1)),
            401,
        ),
        (
            "too new",
            header(&house.agent, "GET", &target, ("", ""), now().plus(301_000)),
            401,
        ),
        (
            "a stranger",
            header(&stranger, "GET", &target, ("", ""), now()),
            403,
        ),
        ("an impostor", impostor, 401),
        ("nonsense", "nonsense".to_owned(), 401),
    ];
    for (name, signed, status) in cases {
        assert_eq!(
            get(signed).await.unwrap().status().as_u16(),
            status,
            "{name}"
        );
    }
    let unsigned = http(&house).get(&url).send().await.unwrap();
    assert_eq!(unsigned.status().as_u16(), 401);
    assert_eq!(unsigned.headers()["content-type"], wire::PROBLEM_TYPE);
}

/// READ-1: nonces are not stored, so a relay takes nothing that the one before it may have taken.
#[tokio::test(flavor = "multi_thread")]
async fn read_1_a_restarted_relay_takes_no_request_again() {
    let house = House::new().await;
    let target = Route::Checkpoint.target(&house.owner.archive());
    let signed = header(&house.agent, "GET", &target, ("", ""), now());
    let get = async |house: &House, signed: &str| {
        let url = format!("{}{target}", house.relay.url());
        let answer = http(house)
            .get(&url)
            .header("Greffe-Signed", signed)
            .send()
            .await
            .unwrap();
        answer.status().as_u16()
    };
    assert_eq!(get(&house, &signed).await, 200);
    let house = house.restart().await;
    assert_eq!(get(&house, &signed).await, 401);
    let fresh = header(&house.agent, "GET", &target, ("", ""), now());
    assert_eq!(get(&house, &fresh).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn read_1_roles_are_kept() {
    let mut house = House::new().await;
    let auditor = Chain::new(40, house.owner.archive());
    let enrol = house.owner.enrol(&auditor, Role::Auditor);
    let root = house.owner.root.client(&house.relay);
    root.post_entries(&[enrol]).await.unwrap();
    let (agent, vault, auditor) = (
        house.agent.client(&house.relay),
        house.vault.client(&house.relay),
        auditor.client(&house.relay),
    );
    let object = ObjectHash::from_bytes([1; 32]);
    let status = |error: CallError| error.status().unwrap();
    for reader in [&agent, &auditor, &root] {
        let Err(error) = reader.fetch_object(object, None).await else {
            panic!("objects are the vault's")
        };
        assert_eq!(status(error), 403);
        reader.checkpoint().await.unwrap();
    }
    assert_eq!(
        status(
            auditor
                .upload_object(object, vec![1].into())
                .await
                .unwrap_err()
        ),
        403
    );
    assert_eq!(
        status(auditor.signer_state(agent.signer()).await.unwrap_err()),
        403
    );
    assert_eq!(
        agent.signer_state(agent.signer()).await.unwrap().next.get(),
        0
    );
    assert_eq!(
        vault.signer_state(root.signer()).await.unwrap().next.get(),
        5
    );
    assert_eq!(
        status(
            vault
                .signer_state(wire::SignerId::from_bytes([1; 32]))
                .await
                .unwrap_err()
        ),
        404
    );

    let revoke = house.owner.act(wire::Act::Revoke(wire::Revoke {
        signer: auditor.signer(),
        how: wire::Revocation::Compromised(wire::SequenceNumber::new(0)),
    }));
    root.post_entries(&[revoke]).await.unwrap();
    assert_eq!(status(auditor.stored().await.unwrap_err()), 403);
}

/// READ-2: who is revoked may learn it, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn read_2_a_revoked_signer_reads_the_control_chain_and_nothing_else() {
    let mut house = House::new().await;
    let (root, agent) = (
        house.owner.root.client(&house.relay),
        house.agent.client(&house.relay),
    );
    assert_eq!(agent.head().await.unwrap(), None);
    let revoke = house.owner.act(wire::Act::Revoke(wire::Revoke {
        signer: agent.signer(),
        how: wire::Revocation::Compromised(wire::SequenceNumber::new(0)),
    }));
    let wire::Body::Control(act) = revoke.body().clone() else {
        panic!("an act")
    };
    root.post_entries(&[revoke]).await.unwrap();
    let head = wire::ControlHead {
        number: act.number,
        id: act.id(),
    };
    let head = house.owner.root.say(wire::Body::Head(head), Vec::new());
    root.post_entries(&[head]).await.unwrap();

    let page = agent.control(act.number).await.unwrap();
    assert_eq!(page.entries().len(), 1);
    let newest = agent.head().await.unwrap().unwrap();
    assert_eq!(newest.index.get(), page.entries()[0].index.get() + 1);
    agent.checkpoint().await.unwrap();
    agent.tile(Tile::new(0, 0, 1).unwrap()).await.unwrap();
    agent.signer_state(agent.signer()).await.unwrap();

    let status = |error: CallError| error.status().unwrap();
    let denied = [
        agent.signer_state(root.signer()).await.map(|_| ()),
        agent.stored().await.map(|_| ()),
        agent.bundle(Bundle::new(0, 1).unwrap()).await.map(|_| ()),
        agent
            .upload_object(wire::ObjectHash::from_bytes([1; 32]), vec![1].into())
            .await
            .map(|_| ()),
        agent.mail(tlog::LogIndex::new(0)).await.map(|_| ()),
    ];
    for answer in denied {
        assert_eq!(status(answer.unwrap_err()), 403);
    }
    let stranger = Chain::new(99, house.owner.archive()).client(&house.relay);
    assert_eq!(status(stranger.control(act.number).await.unwrap_err()), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_in_tiles_and_widths_that_have_grown_are_served() {
    let mut house = House::new().await;
    let agent = house.agent.client(&house.relay);
    let vault = house.vault.client(&house.relay);
    for round in 0..5 {
        let entries: Vec<_> = (0..60)
            .map(|n| house.agent.say(heartbeat(round * 60 + n), Vec::new()))
            .collect();
        agent.post_entries(&entries).await.unwrap();
    }
    let note = vault.checkpoint().await.unwrap();
    let checkpoint = SignedCheckpoint::parse(&note)
        .unwrap()
        .verify(&house.owner.origin(), &[house.owner.log_key()])
        .unwrap();
    assert_eq!(checkpoint.size(), TreeSize::new(304));
    let mut tiles = tlog::TileSet::new();
    for tile in tlog::tiles_of_growth(TreeSize::ZERO, checkpoint.size()) {
        tiles.insert(tile, vault.tile(tile).await.unwrap());
    }
    assert_eq!(
        tlog::Prover::new(&tiles, checkpoint.size()).root().unwrap(),
        checkpoint.root()
    );
    for bundle in tlog::bundles_of_growth(TreeSize::ZERO, checkpoint.size()) {
        let bytes = vault.bundle(bundle).await.unwrap();
        decode_checked_bundle(bundle, &bytes, &vault.tile(bundle.tile()).await.unwrap()).unwrap();
    }
    // What an older checkpoint's reader asks for is cut from what stands now.
    for width in [1, 4, 64, 255] {
        let tile = Tile::new(0, 0, width).unwrap();
        assert_eq!(
            vault.tile(tile).await.unwrap().len(),
            usize::from(width) * Hash::LEN
        );
        let bundle = Bundle::new(0, width).unwrap();
        let bytes = vault.bundle(bundle).await.unwrap();
        assert_eq!(
            tlog::decode_bundle(&bytes).unwrap().len(),
            usize::from(width)
        );
    }
    for beyond in [
        Tile::new(0, 1, 49).unwrap(),
        Tile::new(0, 2, 1).unwrap(),
        Tile::new(1, 0, 2).unwrap(),
    ] {
        assert_eq!(vault.tile(beyond).await.unwrap_err().status(), Some(404));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn control_and_stored_come_with_proofs() {
    let mut house = House::new().await;
    let vault = house.vault.client(&house.relay);
    let page = vault.control(ControlNumber::new(1)).await.unwrap();
    let numbers: Vec<_> = page
        .entries()
        .iter()
        .map(|item| {
            wire::api::control_number(&item.leaf)
                .unwrap()
                .unwrap()
                .get()
        })
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    for item in page.entries() {
        let leaf = item.read().unwrap();
        assert_eq!(
            house.owner.verify(leaf.entry(), &item.proof).index(),
            item.index
        );
    }
    assert_eq!(
        vault
            .control(ControlNumber::new(4))
            .await
            .unwrap()
            .entries()
            .len(),
        0
    );

    assert_eq!(vault.stored().await.unwrap(), None);
    let now = vault.signed_checkpoint().await.unwrap();
    house.vault.seen = Some(wire::Seen {
        size: now.claimed().size(),
        root: now.claimed().root(),
    });
    for through in [2, 4] {
        let stored = house.vault.say(
            Body::Stored(Stored {
                through: TreeSize::new(through),
            }),
            Vec::new(),
        );
        vault.post_entries(&[stored]).await.unwrap();
    }
    let item = house
        .agent
        .client(&house.relay)
        .stored()
        .await
        .unwrap()
        .unwrap();
    let leaf = item.read().unwrap();
    assert!(matches!(leaf.entry().body(), Body::Stored(Stored { through }) if through.get() == 4));
    assert_eq!(
        house.owner.verify(leaf.entry(), &item.proof).index().get(),
        5
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_than_the_pinned_one_is_not_spoken_to() {
    let house = House::new().await;
    let key = SignerKey::from_seed(&house.agent.seed).unwrap();
    let address = RelayAddress {
        url: house.relay.url(),
        pin: TlsIdentity::from_bytes([3; 32]),
    };
    let client = RelayClient::new(&address, house.owner.archive(), key).unwrap();
    assert!(matches!(
        client.checkpoint().await,
        Err(CallError::Unreachable(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_http_are_spoken() {
    let house = House::new().await;
    let target = Route::Checkpoint.target(&house.owner.archive());
    for only_1 in [true, false] {
        let mut tls = pinned_tls(house.relay.pin()).unwrap();
        if only_1 {
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        let builder = reqwest::Client::builder().tls_backend_preconfigured(tls);
        let signed = header(&house.agent, "GET", &target, ("", ""), now());
        let request = builder
            .no_proxy()
            .build()
            .unwrap()
            .get(format!("{}{target}", house.relay.url()));
        let response = request
            .header("Greffe-Signed", signed)
            .send()
            .await
            .unwrap();
        let version = if only_1 {
            reqwest::Version::HTTP_11
        } else {
            reqwest::Version::HTTP_2
        };
        assert_eq!(
            (response.version(), response.status().as_u16()),
            (version, 200)
        );
    }
}
