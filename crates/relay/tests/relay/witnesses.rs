//! Witnesses cosign what continues, refuse what does not, and hold nobody up: SEQ-1, SEQ-2, SEQ-3,
//! TLOG-19, TLOG-20.

use std::path::Path;

use relay::witness::{self, RunningWitness, WitnessConfig, WitnessStartError};
use relay::{Alarm, Clock, Rate, Relay, RunningRelay, TlsSource, WitnessTarget};
use tlog::{
    AddCheckpoint, Checkpoint, ConsistencyProof, Hash, KeyKind, KeyName, LogSigner,
    SignedCheckpoint, SigningSeed, TreeSize, VerifierKey,
};
use wire::{Role, SignerKey, WitnessKey, WitnessPolicy};

use crate::house::{Chain, Owner, bundle, config, heartbeat};

const NAME: &str = "witness.example";
const SEED: [u8; 32] = [200; 32];

fn witness_key() -> VerifierKey {
    let public = SignerKey::from_seed(&SEED).unwrap().public();
    VerifierKey::new(
        KeyName::new(NAME).unwrap(),
        KeyKind::Cosignature,
        public.as_bytes(),
    )
    .unwrap()
}

async fn witness(owner: &Owner, folder: &Path, tls: bool) -> RunningWitness {
    witness::start(WitnessConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: tls.then(|| TlsSource::SelfSigned(folder.join("witness-tls"))),
        memory: folder.join("witness.db"),
        name: KeyName::new(NAME).unwrap(),
        seed: SigningSeed::from_bytes(SEED),
        logs: vec![(owner.origin(), vec![owner.log_key()])],
        address_requests: Rate {
            per_second: 1_000,
            burst: 1_000,
        },
        clock: Clock::system(),
    })
    .await
    .unwrap()
}

fn target(witness: &RunningWitness) -> WitnessTarget {
    WitnessTarget {
        key: witness_key(),
        url: witness.url(),
        pin: witness.pin(),
    }
}

async fn relay(owner: &Owner, folder: &Path, witnesses: Vec<WitnessTarget>) -> RunningRelay {
    let mut config = config(folder);
    let mut archive = owner.config();
    archive.witnesses = witnesses;
    config.archives.push(archive);
    Relay::start(config).await.unwrap()
}

/// The policy of an owner who asks for this one witness.
fn policy() -> WitnessPolicy {
    let key = SignerKey::from_seed(&SEED).unwrap().public();
    WitnessPolicy {
        quorum: 1,
        witnesses: vec![WitnessKey {
            name: NAME.to_owned(),
            key,
            independent: true,
        }],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seq_1_a_receipt_is_witnessed() {
    for tls in [false, true] {
        let (mut owner, folder) = (Owner::new(1), tempfile::tempdir().unwrap());
        let witness = witness(&owner, folder.path(), tls).await;
        let relay = relay(&owner, folder.path(), vec![target(&witness)]).await;
        let archive = relay.archive(owner.archive()).unwrap();
        let judge = owner.genesis.log_policy(&policy()).unwrap();
        let mut agent = Chain::new(2, owner.archive());
        let mut rounds = vec![vec![
            owner.genesis_entry(),
            owner.enrol(&agent, Role::Agent),
        ]];
        rounds.extend((0..3).map(|n| vec![agent.say(heartbeat(n), Vec::new())]));
        for entries in rounds {
            let submitted = archive.submit(&bundle(&entries)).await.unwrap();
            for (entry, receipt) in entries.iter().zip(&submitted.receipts) {
                let receipt =
                    wire::verify::verify_receipt(entry, receipt.as_bytes(), &judge, None).unwrap();
                assert!(receipt.verdict().is_witnessed());
            }
        }
        relay.shutdown().await;
        witness.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_is_down_holds_nobody_up_and_catches_up_later() {
    let (mut owner, folder) = (Owner::new(1), tempfile::tempdir().unwrap());
    let first = witness(&owner, folder.path(), false).await;
    let address = first.address();
    let down = target(&first);
    first.shutdown().await;
    let genesis = owner.genesis_entry();
    let running = relay(&owner, folder.path(), vec![down.clone()]).await;
    let submitted = running
        .archive(owner.archive())
        .unwrap()
        .submit(&bundle(std::slice::from_ref(&genesis)))
        .await
        .unwrap();
    let judge = owner.genesis.log_policy(&policy()).unwrap();
    let receipt =
        wire::verify::verify_receipt(&genesis, submitted.receipts[0].as_bytes(), &judge, None)
            .unwrap();
    assert!(!receipt.verdict().is_witnessed());
    running.shutdown().await;

    // It is up again when the relay starts: the same checkpoint is cosigned as soon as it is asked for.
    let witness = witness(&owner, folder.path(), false).await;
    let up = WitnessTarget {
        url: witness.url(),
        ..down
    };
    assert_ne!(address.port(), 0);
    let running = relay(&owner, folder.path(), vec![up]).await;
    let archive = running.archive(owner.archive()).unwrap();
    let agent = Chain::new(2, owner.archive());
    let enrol = owner.enrol(&agent, Role::Agent);
    let submitted = archive
        .submit(&bundle(std::slice::from_ref(&enrol)))
        .await
        .unwrap();
    let receipt =
        wire::verify::verify_receipt(&enrol, submitted.receipts[0].as_bytes(), &judge, None)
            .unwrap();
    assert!(receipt.verdict().is_witnessed());
}

/// SEQ-3: nobody waits for it, and its cosignature stands in the checkpoint all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_cosignature_is_added_to_the_checkpoint() {
    let (mut owner, folder) = (Owner::new(1), tempfile::tempdir().unwrap());
    let witness = witness(&owner, folder.path(), true).await;
    let mut config = config(folder.path());
    config.sequencing.witness_wait = std::time::Duration::ZERO;
    let mut archive = owner.config();
    archive.witnesses = vec![target(&witness)];
    config.archives.push(archive);
    let relay = Relay::start(config).await.unwrap();
    let archive = relay.archive(owner.archive()).unwrap();
    let genesis = owner.genesis_entry();
    let submitted = archive
        .submit(&bundle(std::slice::from_ref(&genesis)))
        .await
        .unwrap();
    assert!(!submitted.receipts[0].contains(NAME));
    let cosigned = async {
        while !archive.checkpoint().unwrap().contains(NAME) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), cosigned)
        .await
        .unwrap();
    // Whoever asks again gets the receipt under the cosigned checkpoint, also after a restart.
    let again = archive
        .submit(&bundle(std::slice::from_ref(&genesis)))
        .await
        .unwrap();
    let judge = owner.genesis.log_policy(&policy()).unwrap();
    let receipt =
        wire::verify::verify_receipt(&genesis, again.receipts[0].as_bytes(), &judge, None).unwrap();
    assert!(receipt.verdict().is_witnessed());
    drop(archive);
    relay.shutdown().await;
    let relay = self::relay(&owner, folder.path(), Vec::new()).await;
    assert!(
        relay
            .archive(owner.archive())
            .unwrap()
            .checkpoint()
            .unwrap()
            .contains(NAME)
    );
}

fn signed(owner: &Owner, size: u64, root: Hash) -> SignedCheckpoint {
    let signer = LogSigner::new(
        owner.origin().key_name().clone(),
        &SigningSeed::from_bytes(owner.log_seed),
    )
    .unwrap();
    signer
        .sign(Checkpoint::new(owner.origin(), TreeSize::new(size), root))
        .unwrap()
}

async fn post(witness: &RunningWitness, body: String) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client
        .post(format!("{}/add-checkpoint", witness.url()))
        .body(body)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn request(old: u64, checkpoint: SignedCheckpoint) -> String {
    AddCheckpoint::new(TreeSize::new(old), ConsistencyProof::default(), checkpoint).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn tlog_20_a_witness_refuses_a_fork_also_after_a_restart() {
    let (owner, folder) = (Owner::new(1), tempfile::tempdir().unwrap());
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let running = witness(&owner, folder.path(), false).await;
    let root = Hash::leaf(b"one");
    let (status, lines) = post(&running, request(0, signed(&owner, 1, root))).await;
    assert_eq!(status, 200);
    let line = tlog::parse_cosignatures(lines.as_bytes())
        .unwrap()
        .remove(0);
    let mut checkpoint = signed(&owner, 1, root);
    checkpoint.add_signature(line).unwrap();
    let checkpoint = checkpoint
        .verify(&owner.origin(), &[owner.log_key()])
        .unwrap();
    assert!(checkpoint.cosigned_by(&witness_key()).is_some());

    running.shutdown().await;
    let running = witness(&owner, folder.path(), false).await;
    let other = Owner::new(9);
    let forged = {
        let signer = LogSigner::new(
            owner.origin().key_name().clone(),
            &SigningSeed::from_bytes([5; 32]),
        )
        .unwrap();
        signer
            .sign(Checkpoint::new(owner.origin(), TreeSize::new(2), root))
            .unwrap()
    };
    for (name, body, status) in [
        (
            "another tree of the same size",
            request(1, signed(&owner, 1, Hash::leaf(b"two"))),
            409,
        ),
        (
            "a larger tree that does not continue",
            request(1, signed(&owner, 2, Hash::leaf(b"two"))),
            422,
        ),
        (
            "back to the beginning",
            request(0, signed(&owner, 5, root)),
            409,
        ),
        (
            "an old size above the new one",
            request(3, signed(&owner, 2, root)),
            400,
        ),
        (
            "a log that is not followed",
            request(0, signed(&other, 1, root)),
            404,
        ),
        ("another key", request(1, forged), 403),
        ("nonsense", "old one\n\nnonsense".to_owned(), 400),
        (
            "too large",
            "x".repeat(tlog::MAX_ADD_CHECKPOINT_LEN + 1),
            413,
        ),
    ] {
        let (found, text) = post(&running, body).await;
        assert_eq!(found, status, "{name}: {text}");
        if name == "back to the beginning" {
            assert_eq!(text, "1\n");
        }
    }
    // The same again is fine.
    assert_eq!(
        post(&running, request(1, signed(&owner, 1, root))).await.0,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn seq_2_a_witness_that_has_seen_more_stops_the_log() {
    let (mut owner, folder) = (Owner::new(1), tempfile::tempdir().unwrap());
    let running = witness(&owner, folder.path(), false).await;
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ahead = request(0, signed(&owner, 1_000, Hash::leaf(b"elsewhere")));
    assert_eq!(post(&running, ahead).await.0, 200);
    let relay = relay(&owner, folder.path(), vec![target(&running)]).await;
    let archive = relay.archive(owner.archive()).unwrap();
    let genesis = owner.genesis_entry();
    let unanswered = archive
        .submit(&bundle(std::slice::from_ref(&genesis)))
        .await
        .unwrap_err();
    assert_eq!(unanswered, relay::SubmitError::Unavailable);
    let again = archive.submit(&bundle(&[genesis])).await.unwrap_err();
    assert_eq!(again, relay::SubmitError::Stopped);
    let alarm = Alarm::Witness {
        witness: TreeSize::new(1_000),
        now: TreeSize::new(1),
    };
    assert_eq!(archive.stopped(), Some(&alarm));
    assert!(archive.checkpoint().is_none(), "nothing was published");
    // Over HTTP: stopped, with a reason and no promise.
    let refused = owner
        .root
        .client(&relay)
        .post_entries(&[owner.enrol(&Chain::new(2, owner.archive()), Role::Agent)])
        .await;
    assert_eq!(refused.unwrap_err().status(), Some(503));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_without_tls_stays_at_home() {
    let (owner, folder) = (Owner::new(1), tempfile::tempdir().unwrap());
    let refused = witness::start(WitnessConfig {
        listen: "0.0.0.0:0".parse().unwrap(),
        tls: None,
        memory: folder.path().join("witness.db"),
        name: KeyName::new(NAME).unwrap(),
        seed: SigningSeed::from_bytes(SEED),
        logs: vec![(owner.origin(), vec![owner.log_key()])],
        address_requests: Rate {
            per_second: 1,
            burst: 1,
        },
        clock: Clock::system(),
    })
    .await;
    assert!(matches!(refused, Err(WitnessStartError::Plain(_))));
    let mut config = config(folder.path());
    let mut archive = owner.config();
    let url = "http://witness.example:80".to_owned();
    archive.witnesses = vec![WitnessTarget {
        key: witness_key(),
        url,
        pin: None,
    }];
    config.archives.push(archive);
    assert!(Relay::start(config).await.is_err());
}

/// TLOG-20: a witness whose clock was set back does not cosign: it would date a tree before one that
/// it has cosigned already.
#[tokio::test(flavor = "multi_thread")]
async fn tlog_20_a_witness_whose_clock_was_set_back_does_not_cosign() {
    use relay::WitnessLine;
    let (owner, folder) = (Owner::new(1), tempfile::tempdir().unwrap());
    let clock = Clock::stepped(canonical::Milliseconds::new(1_800_000_000_000));
    let open = || {
        witness::open(WitnessConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            memory: folder.path().join("witness.db"),
            name: KeyName::new(NAME).unwrap(),
            seed: SigningSeed::from_bytes(SEED),
            logs: vec![(owner.origin(), vec![owner.log_key()])],
            address_requests: Rate {
                per_second: 1_000,
                burst: 1_000,
            },
            clock: clock.clone(),
        })
        .unwrap()
    };
    let signer = tlog::LogSigner::new(
        owner.origin().key_name().clone(),
        &SigningSeed::from_bytes(owner.log_seed),
    )
    .unwrap();
    let root = tlog::Hash::leaf(b"one");
    let request = |old: u64| {
        let checkpoint = tlog::Checkpoint::new(owner.origin(), tlog::TreeSize::new(1), root);
        let checkpoint = signer.sign(checkpoint).unwrap();
        let proof = tlog::ConsistencyProof::default();
        tlog::AddCheckpoint::new(tlog::TreeSize::new(old), proof, checkpoint).to_string()
    };
    let ask = async |witness: &witness::OpenWitness, old| {
        let answer = witness.add_checkpoint(request(old)).await.unwrap();
        answer.status().as_u16()
    };
    let witness = open();
    assert_eq!(ask(&witness, 0).await, 200);
    clock.step(-2_000);
    assert_eq!(ask(&witness, 1).await, 503);
    // It remembers over a restart.
    drop(witness);
    let witness = open();
    assert_eq!(ask(&witness, 1).await, 503);
    clock.step(2_000);
    assert_eq!(ask(&witness, 1).await, 200);
}
