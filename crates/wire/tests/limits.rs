//! Bounds of entries: what just fits, and what does not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[allow(dead_code, reason = "the example and other tests use more of it")]
mod world;

use canonical::Milliseconds;
use wire::*;
use world::{AGENT, ANNA, BEA, ROOT, VAULT, World, key, object};

fn objects(count: u32, length: u64) -> Vec<Object> {
    (0..count)
        .map(|number| {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            Object {
                hash: ObjectHash::from_bytes(hash),
                length: ObjectLength::new(length),
            }
        })
        .collect()
}

/// ENTRY-5: 320 objects of any allowed length fit into ENTRY-6; one more is refused.
#[test]
fn entry_5_bounds_of_objects() {
    let world = World::furnished();
    let batch = |objects| world.draft(AGENT, world::batch(1)).with_objects(objects);
    let whole = batch(objects(320, limit::OBJECT_BYTES))
        .unwrap()
        .sign(&[&key(AGENT)])
        .unwrap();
    assert!(whole.as_bytes().len() <= limit::ENTRY_BYTES);
    assert_eq!(Entry::parse(whole.as_bytes()).unwrap(), whole);
    for wrong in [
        objects(321, 1),
        objects(0, 1),
        objects(2, 0),
        objects(2, limit::OBJECT_BYTES + 1),
    ] {
        assert!(batch(wrong).is_err());
    }
    assert!(matches!(
        batch(vec![object(1), object(1)]),
        Err(EntryError::Object(1))
    ));
    let stored = world.draft(AGENT, Body::Heartbeat(world::heartbeat()));
    assert!(matches!(
        stored.with_objects(vec![object(1)]),
        Err(EntryError::Body(BodyError::Objects))
    ));
}

/// ENTRY-6: twelve epochs fit into one entry, thirteen do not.
#[test]
fn entry_6_bounds_of_size() {
    let world = World::furnished();
    let publish = |count: u8| {
        let epochs = (0..count)
            .map(|number| world::epoch(100 + number, EpochUse::Period))
            .collect();
        world
            .draft(ROOT, world.control(Act::Recipients(Recipients { epochs })))
            .with_objects(Vec::new())
    };
    assert!(publish(12).unwrap().sign(&[&key(ROOT)]).is_ok());
    assert!(matches!(publish(13), Err(EntryError::TooLarge(_))));
    assert!(matches!(
        Entry::parse(&vec![0; limit::ENTRY_BYTES + 1]),
        Err(EntryError::TooLarge(16_385))
    ));

    let beat = |count: usize| {
        let accounts = vec![world::heartbeat().accounts[0]; count];
        let beat = Heartbeat {
            accounts,
            ..world::heartbeat()
        };
        world
            .draft(AGENT, Body::Heartbeat(beat))
            .with_objects(Vec::new())
    };
    assert!(beat(256).is_ok());
    assert!(matches!(
        beat(257),
        Err(EntryError::Body(BodyError::List("accounts")))
    ));
}

/// ENTRY-2, ENTRY-4, ENTRY-7: people in different places sign one entry; its id and aad stay.
#[test]
fn entry_4_signatures_made_apart() {
    let mut world = World::furnished();
    world.act(world::delegate(Purpose::Dispose, &[ANNA, BEA], 2));
    let draft = world.draft(VAULT, world::governance(Purpose::Dispose));
    let aad = draft.aad();
    let unsigned = draft.with_objects(vec![object(1)]).unwrap();
    let travelled = UnsignedEntry::parse(&unsigned.to_bytes()).unwrap();
    assert_eq!(travelled, unsigned);
    let signatures: Vec<Signature> = [BEA, VAULT, ANNA]
        .map(|seed| travelled.signature_by(&key(seed)))
        .to_vec();
    let entry = unsigned
        .clone()
        .with_signatures(signatures.clone())
        .unwrap();
    assert_eq!((entry.id(), entry.aad()), (travelled.id(), aad));
    world.admit(&entry);

    let twice = vec![signatures[1], signatures[1]];
    assert!(matches!(
        unsigned.clone().with_signatures(twice),
        Err(EntryError::Signatures)
    ));
    let others = vec![signatures[0], signatures[2]];
    assert!(matches!(
        unsigned.clone().with_signatures(others),
        Err(EntryError::SignerMissing)
    ));
    assert!(matches!(
        unsigned.clone().with_signatures(Vec::new()),
        Err(EntryError::Signatures)
    ));
    assert!(matches!(
        UnsignedEntry::parse(entry.as_bytes()),
        Err(EntryError::Signatures)
    ));
    assert!(Entry::parse(&unsigned.to_bytes()).is_err());
}

/// EPOCH-1: an epoch is named by suite and key.
#[test]
fn epoch_1_id_is_the_hash_of_suite_and_key() {
    let x_wing = world::x_wing(1);
    let expected =
        canonical::sha256(&[b"\x0fgreffe/epoch/v1\x01".as_slice(), x_wing.as_bytes()].concat());
    assert_eq!(x_wing.epoch_id().as_bytes(), &expected);
    assert!(XWingKey::from_bytes(&[0; 1_215]).is_none());
    assert!(!format!("{x_wing:?}").contains(&canonical::hex(&x_wing.as_bytes()[..8])));
}

/// GENESIS-1: the archive is its genesis; impossible ones are refused.
#[test]
fn genesis_1_names_the_archive() {
    let genesis = world::genesis();
    let bytes = genesis.to_bytes();
    let expected = canonical::sha256(&[b"\x11greffe/archive/v1".as_slice(), &bytes].concat());
    assert_eq!(genesis.archive_id().as_bytes(), &expected);
    assert_eq!(
        genesis.origin(),
        format!("greffe-archive/{}", canonical::hex(&expected))
    );
    assert_eq!(Genesis::parse(&bytes).unwrap(), genesis);

    let make = |log_keys: Vec<PublicKey>, witnesses: WitnessPolicy| {
        let nonce = GenesisNonce::from_bytes([0; 16]);
        Genesis::new(
            key(ROOT).public(),
            log_keys,
            witnesses,
            Milliseconds::new(0),
            nonce,
        )
    };
    let log = key(2).public();
    assert!(make(vec![log], WitnessPolicy::default()).is_ok());
    assert!(make(Vec::new(), WitnessPolicy::default()).is_err());
    assert!(make(vec![log, log], WitnessPolicy::default()).is_err());
    assert!(
        make(
            (0..9).map(|seed| key(seed).public()).collect(),
            WitnessPolicy::default()
        )
        .is_err()
    );
    let witness = |name: &str, independent| WitnessKey {
        name: name.to_owned(),
        key: key(3).public(),
        independent,
    };
    let policy = |quorum, witnesses: &[WitnessKey]| WitnessPolicy {
        quorum,
        witnesses: witnesses.to_vec(),
    };
    assert!(make(vec![log], policy(1, &[witness("w", true)])).is_ok());
    for wrong in [
        policy(1, &[]),
        policy(1, &[witness("w", false)]),
        policy(0, &[witness("", true)]),
        policy(0, &[witness("a+b", true)]),
        policy(0, &[witness("a b", true)]),
        policy(0, &[witness("a", true), witness("b", true)]),
    ] {
        assert!(make(vec![log], wrong.clone()).is_err(), "{wrong:?}");
    }
}
