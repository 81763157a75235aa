//! The locked part against a real relay over TLS.

use bytes::Bytes;
use client::{RelayAddress, RelayClient};
use relay::{ArchiveConfig, Relay, RelayConfig};
use tlog::SigningSeed;
use vault::follow::Locked;
use vault::system::now;
use vault::verify::verify_archive;
use wire::SignerKey;

use crate::archive::Archive;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follows_a_real_relay_and_says_stored_there() {
    let mut archive = Archive::new();
    archive.batch(&["one", "two"]);
    let attached = vec![0x5a; 300_000];
    archive.attached("with a plan", &attached);
    let folder = tempfile::tempdir().unwrap();
    let id = archive.genesis.archive_id();
    let mut config = RelayConfig::in_folder(folder.path().to_owned());
    config.listen = "127.0.0.1:0".parse().unwrap();
    config
        .archives
        .push(ArchiveConfig::new(id, SigningSeed::from_bytes([2; 32])));
    let running = Relay::start(config).await.unwrap();
    let address = RelayAddress {
        url: format!("https://{}", running.address()),
        pin: running.pin(),
    };
    let entries = archive.relay.entries();
    let agent = RelayClient::new(&address, id, SignerKey::from_seed(&[4; 32]).unwrap()).unwrap();
    for entry in &entries {
        for object in entry.objects() {
            let bytes = archive
                .relay
                .log()
                .objects
                .get(&object.hash)
                .unwrap()
                .clone();
            agent
                .upload_object(object.hash, Bytes::from(bytes))
                .await
                .unwrap();
        }
        let answer = agent
            .post_entries(std::slice::from_ref(entry))
            .await
            .unwrap();
        assert_eq!(answer.receipts().len(), 1, "{:?}", answer.refusal());
    }
    let vault_folder = archive.vault_folder();
    let key = || vault_folder.read_signer_key().unwrap();
    let client = RelayClient::new(&address, id, key()).unwrap();
    let mut locked = Locked::open(
        &vault_folder,
        archive.genesis.clone(),
        key(),
        client.clone(),
        now,
    )
    .unwrap();
    while locked.step().await.unwrap().more {}
    assert_eq!(locked.state().counts().unwrap().held, 3);
    assert!(client.stored().await.unwrap().is_some());
    let report = verify_archive(&vault_folder.mirror(), Some(id), &mut |_, _| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.damage);
    assert_eq!(report.entries, entries.len() as u64 + 1);
    running.shutdown().await;
}
