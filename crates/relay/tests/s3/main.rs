//! The S3 stores against an S3 server that is not ours. Run by `rigs/s3/run.sh`.
#![allow(unreachable_pub, reason = "modules of one test program")]
#![allow(dead_code, reason = "the house has more rooms than are used here")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../relay/house.rs"]
mod house;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use relay::store::{LogFile, LogStore as _, ObjectStore as _, S3Config, S3Log, S3Objects};
use relay::{Relay, Storage};
use tlog::Hash;
use wire::{ObjectHash, Role};

use house::{Chain, Owner, batch, ciphertext, config, heartbeat, object};

fn bucket(prefix: &str) -> S3Config {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    S3Config {
        endpoint: std::env::var("GREFFE_S3_ENDPOINT").expect("rigs/s3/run.sh names the server"),
        bucket: "greffe".to_owned(),
        region: "us-east-1".to_owned(),
        access_key_id: "rig".to_owned(),
        secret_access_key: "rig".to_owned(),
        allow_http: true,
        prefix: prefix.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an S3 server: rigs/s3/run.sh"]
async fn files_of_a_log_are_written_replaced_listed_and_removed() {
    let log = S3Log::new(&bucket("files"), "log").unwrap();
    let checkpoint = LogFile::checkpoint();
    assert_eq!(log.get(&checkpoint).await.unwrap(), None);
    assert!(log.staged().await.unwrap().is_empty());
    for bytes in [&b"one"[..], b"two", b""] {
        log.put(&checkpoint, Bytes::from_static(bytes))
            .await
            .unwrap();
        assert_eq!(log.get(&checkpoint).await.unwrap().unwrap(), bytes);
    }
    let staged = [
        LogFile::staged(&Hash::leaf(b"a")),
        LogFile::staged(&Hash::leaf(b"b")),
    ];
    for file in &staged {
        log.put(file, Bytes::from(vec![7; 9 << 20])).await.unwrap();
    }
    let mut found = log.staged().await.unwrap();
    found.sort();
    let mut expected = staged.to_vec();
    expected.sort();
    assert_eq!(found, expected);
    for file in &staged {
        log.remove(file).await.unwrap();
        log.remove(file).await.unwrap();
    }
    assert!(log.staged().await.unwrap().is_empty());
    // Another folder of the same bucket is another log.
    let other = S3Log::new(&bucket("files"), "other").unwrap();
    assert_eq!(other.get(&checkpoint).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an S3 server: rigs/s3/run.sh"]
async fn objects_are_kept_in_parts_and_read_in_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let objects = S3Objects::new(&bucket("objects"), "objects").unwrap();
    for length in [1, 8 << 20, (8 << 20) + 1, 21_000_003] {
        let bytes = ciphertext(length as u64, length);
        let hash = object(&bytes).hash;
        let path = folder.path().join(length.to_string());
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(objects.length(hash).await.unwrap(), None);
        objects.keep(hash, &path).await.unwrap();
        assert_eq!(objects.length(hash).await.unwrap(), Some(length as u64));
        // Again, and again when the file is gone already.
        objects.keep(hash, &path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        objects.keep(hash, &path).await.unwrap();
        let end = length as u64;
        for range in [0..end, 0..1, end - 1..end, end / 2..end, 0..0] {
            let pieces: Vec<Bytes> = objects
                .read(hash, range.clone())
                .await
                .unwrap()
                .unwrap()
                .try_collect()
                .await
                .unwrap();
            assert_eq!(
                pieces.concat(),
                bytes[range.start as usize..range.end as usize],
                "{range:?} of {length}"
            );
        }
    }
    let missing = ObjectHash::from_bytes([1; 32]);
    assert!(objects.read(missing, 0..5).await.unwrap().is_none());
    assert!(
        objects
            .keep(missing, &folder.path().join("nothing"))
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an S3 server: rigs/s3/run.sh"]
async fn a_whole_relay_lies_in_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let mut owner = Owner::new(1);
    let (mut agent, vault) = (
        Chain::new(2, owner.archive()),
        Chain::new(3, owner.archive()),
    );
    let sealed = ciphertext(1, 300_000);
    let mut said = vec![
        owner.genesis_entry(),
        owner.enrol(&agent, Role::Agent),
        owner.enrol(&vault, Role::Vault),
        owner.publish_epochs(),
    ];
    for round in 0..3 {
        let mut config = config(folder.path());
        config.storage = Storage::S3(bucket("relay"));
        config.archives.push(owner.config());
        let relay = Relay::start(config).await.unwrap();
        let client = agent.client(&relay);
        if round == 0 {
            owner.root.client(&relay).post_entries(&said).await.unwrap();
            client
                .upload_object(object(&sealed).hash, sealed.clone())
                .await
                .unwrap();
            let entry = agent.say(batch(owner.epoch), vec![object(&sealed)]);
            client
                .post_entries(std::slice::from_ref(&entry))
                .await
                .unwrap();
            said.push(entry);
        }
        // More than a tile in three rounds, so that full and partial files are written and outgrown.
        for _ in 0..2 {
            let entries: Vec<_> = (0..60)
                .map(|n| agent.say(heartbeat(n), Vec::new()))
                .collect();
            let answer = client.post_entries(&entries).await.unwrap();
            for (entry, receipt) in entries.iter().zip(answer.receipts()) {
                assert_eq!(
                    owner.verify(entry, receipt).index().get(),
                    said.len() as u64
                );
                said.push(entry.clone());
            }
        }
        // What an earlier start has written is found again.
        let first = said[4].clone();
        let answer = client
            .post_entries(std::slice::from_ref(&first))
            .await
            .unwrap();
        assert_eq!(owner.verify(&first, &answer.receipts()[0]).index().get(), 4);
        let bytes: Vec<Bytes> = vault
            .client(&relay)
            .fetch_object(object(&sealed).hash, Some(1..299_999))
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(bytes.concat(), sealed[1..299_999]);
        relay.shutdown().await;
    }
}
