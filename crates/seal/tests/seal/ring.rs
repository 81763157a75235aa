//! The keyring: what unlocks it and what does not, what it remembers, what it forgets.

use canonical::Milliseconds;
use seal::keyring::{
    AddEpochError, DestroyError, Generation, Holder, KeyUnavailable, Keyring, KeyringError,
    PassphraseCost, TokenKey, TokenName, UnlockError, UnlockedKeyring,
};
use seal::{CombineError, NewEpoch, Period, Threshold, make_epoch};
use wire::{ArchiveId, EpochUse, RetentionClass};

use crate::archive::Seeded;

const ARCHIVE: ArchiveId = ArchiveId::from_bytes([0xa0; 32]);

fn epoch(seed: u64, usage: EpochUse) -> NewEpoch {
    make_epoch(
        RetentionClass::new(3),
        usage,
        Period {
            from: Milliseconds::new(1_000),
            until: Milliseconds::new(2_000),
        },
        Milliseconds::new(5_000),
        &mut Seeded::new(seed),
    )
}

fn with_shares() -> (UnlockedKeyring, Vec<seal::Share>) {
    let threshold = Threshold::new(2, 3).unwrap();
    UnlockedKeyring::with_shares(ARCHIVE, threshold, &mut Seeded::new(1)).unwrap()
}

#[test]
fn ring_1_a_passphrase_unlocks() {
    let mut randomness = Seeded::new(1);
    let cost = PassphraseCost::LEAST;
    let mut ring =
        UnlockedKeyring::with_passphrase(ARCHIVE, "correct horse", cost, &mut randomness).unwrap();
    let new = epoch(5, EpochUse::Period);
    ring.add_epochs(std::slice::from_ref(&new), &mut randomness)
        .unwrap();
    let bytes = ring.keyring().to_bytes();

    let locked = Keyring::from_bytes(&bytes, None).unwrap();
    assert_eq!(locked.to_bytes(), bytes);
    assert_eq!(locked.holders(), [Holder::Passphrase(cost)]);
    assert!(matches!(
        locked.clone().unlock_with_passphrase("correct house"),
        Err(UnlockError::Wrong)
    ));
    let unlocked = locked.unlock_with_passphrase("correct horse").unwrap();
    let key = unlocked.records(new.published().id).unwrap();
    assert_eq!(key.recipient().key(), &new.published().key);
}

#[test]
fn ring_1_k_shares_unlock() {
    let (ring, shares) = with_shares();
    let bytes = ring.lock().to_bytes();
    let locked = || Keyring::from_bytes(&bytes, None).unwrap();
    assert!(locked().unlock_with_shares(&shares[1..]).is_ok());
    assert!(matches!(
        locked().unlock_with_shares(&shares[..1]),
        Err(UnlockError::Shares(CombineError::TooFew {
            found: 1,
            needed: 2
        }))
    ));
    assert!(matches!(
        locked().unlock_with_passphrase("x"),
        Err(UnlockError::NoHolder)
    ));
    // Shares of another archive's set.
    let threshold = Threshold::new(2, 3).unwrap();
    let (_, others) =
        UnlockedKeyring::with_shares(ARCHIVE, threshold, &mut Seeded::new(2)).unwrap();
    assert!(matches!(
        locked().unlock_with_shares(&others),
        Err(UnlockError::NoHolder)
    ));
    // Through words and back.
    let words: Vec<_> = shares[..2]
        .iter()
        .map(|share| seal::Share::from_words(&share.to_words()).unwrap())
        .collect();
    assert!(locked().unlock_with_shares(&words).is_ok());
}

/// SHARE-1: a wrong value is noticed by the wrap.
#[test]
fn share_1_a_wrong_share_is_noticed() {
    let (ring, shares) = with_shares();
    let mut bytes = *shares[0].to_bytes();
    bytes[30] ^= 1;
    let sum = {
        let mut framed = b"\x0fgreffe/share/v1".to_vec();
        framed.extend_from_slice(&bytes[..55]);
        canonical::sha256(&framed)
    };
    bytes[55..].copy_from_slice(&sum[..4]);
    let forged = seal::Share::from_bytes(&bytes).unwrap();
    assert!(matches!(
        ring.lock().unlock_with_shares(&[forged, shares[1].clone()]),
        Err(UnlockError::Wrong)
    ));
}

#[test]
fn ring_1_a_token_unlocks() {
    let (mut ring, _) = with_shares();
    let name = TokenName::new("Vault HSM", vec![1, 2, 3]).unwrap();
    let key = TokenKey::from_bytes(&[9; 32]);
    ring.add_token(name.clone(), &key, &mut Seeded::new(4))
        .unwrap();
    let locked = Keyring::from_bytes(&ring.lock().to_bytes(), None).unwrap();
    assert_eq!(locked.holders()[1], Holder::Token(name.clone()));
    assert!(locked.clone().unlock_with_token(&name, &key).is_ok());
    let other = TokenKey::from_bytes(&[8; 32]);
    assert!(matches!(
        locked.clone().unlock_with_token(&name, &other),
        Err(UnlockError::Wrong)
    ));
    let unknown = TokenName::new("Vault HSM", vec![1]).unwrap();
    assert!(matches!(
        locked.unlock_with_token(&unknown, &key),
        Err(UnlockError::NoHolder)
    ));
    assert!(TokenName::new("x".repeat(256), vec![]).is_err());
}

#[test]
fn ring_2_keys_of_records_and_of_governance_are_kept_apart() {
    let (mut ring, _) = with_shares();
    let (period, reserve, acts) = (
        epoch(5, EpochUse::Period),
        epoch(6, EpochUse::Reserve),
        epoch(7, EpochUse::Governance),
    );
    let epochs = [period, reserve, acts];
    ring.add_epochs(&epochs, &mut Seeded::new(8)).unwrap();
    let [period, reserve, acts] = epochs.map(|epoch| epoch.published().id);
    assert!(ring.records(period).is_ok() && ring.records(reserve).is_ok());
    assert!(ring.governance(acts).is_ok());
    assert_eq!(
        ring.records(acts).unwrap_err(),
        KeyUnavailable::Use { epoch: acts }
    );
    assert_eq!(
        ring.governance(period).unwrap_err(),
        KeyUnavailable::Use { epoch: period }
    );
    let unknown = epoch(9, EpochUse::Period).published().id;
    assert_eq!(
        ring.records(unknown).unwrap_err(),
        KeyUnavailable::Unknown { epoch: unknown }
    );
    let again = epoch(5, EpochUse::Period);
    assert_eq!(
        ring.add_epochs(&[again], &mut Seeded::new(1)),
        Err(AddEpochError::Twice { epoch: period })
    );
}

#[test]
fn ring_3_an_older_generation_is_refused() {
    let (mut ring, _) = with_shares();
    let old = ring.keyring().to_bytes();
    assert_eq!(ring.keyring().generation(), Generation::new(1));
    ring.add_epochs(&[epoch(5, EpochUse::Period)], &mut Seeded::new(1))
        .unwrap();
    let seen = ring.keyring().generation();
    assert_eq!(seen, Generation::new(2));
    assert!(Keyring::from_bytes(&ring.keyring().to_bytes(), Some(seen)).is_ok());
    assert!(matches!(
        Keyring::from_bytes(&old, Some(seen)),
        Err(KeyringError::Older { .. })
    ));
}

/// RING-4: the key is gone, the generation is higher, the date stands.
#[test]
fn ring_4_a_destroyed_key_is_gone() {
    let (mut ring, shares) = with_shares();
    let new = epoch(5, EpochUse::Period);
    let epoch = new.published().id;
    ring.add_epochs(&[new], &mut Seeded::new(1)).unwrap();
    let at = Milliseconds::new(5_000);
    let before = ring.keyring().generation();
    assert_eq!(
        ring.destroy(epoch, at.plus(-1)),
        Err(DestroyError::TooEarly {
            epoch,
            not_before: at
        })
    );
    assert_eq!(ring.keyring().generation(), before);
    let length = ring.keyring().to_bytes().len();
    ring.destroy(epoch, at).unwrap();
    assert_eq!(
        ring.destroy(epoch, at),
        Err(DestroyError::Already { epoch, at })
    );
    let keyring = ring.lock();
    assert!(keyring.generation() > before);
    assert_eq!(keyring.epochs()[0].destroyed(), Some(at));
    assert_eq!(
        keyring.epochs()[0].destroyed_in(),
        Some(keyring.generation())
    );
    assert!(keyring.to_bytes().len() < length - 40);
    let read = Keyring::from_bytes(&keyring.to_bytes(), None).unwrap();
    let ring = read.unlock_with_shares(&shares).unwrap();
    assert_eq!(
        ring.records(epoch).unwrap_err(),
        KeyUnavailable::Destroyed { epoch }
    );
}

/// RING-6: no byte of the file can be altered, whether it is secret or not: generation, dates,
/// classes, uses, holders, the list of epochs.
#[test]
fn ring_6_any_altered_byte_is_refused() {
    let (mut ring, shares) = with_shares();
    let mut randomness = Seeded::new(1);
    let token = TokenName::new("HSM", vec![1]).unwrap();
    ring.add_token(token, &TokenKey::from_bytes(&[9; 32]), &mut randomness)
        .unwrap();
    let (one, two) = (epoch(5, EpochUse::Period), epoch(6, EpochUse::Governance));
    let gone = one.published().id;
    ring.add_epochs(&[one, two], &mut randomness).unwrap();
    ring.destroy(gone, Milliseconds::new(5_000)).unwrap();
    let bytes = ring.lock().to_bytes();
    let (mut unread, mut altered) = (0, 0);
    for at in 0..bytes.len() {
        for bit in [1, 0x80] {
            let mut bad = bytes.clone();
            bad[at] ^= bit;
            let Ok(keyring) = Keyring::from_bytes(&bad, None) else {
                unread += 1;
                continue;
            };
            match keyring.unlock_with_shares(&shares) {
                Err(UnlockError::Altered) => altered += 1,
                Err(_) => unread += 1,
                Ok(_) => panic!("byte {at} may be altered unnoticed"),
            }
        }
    }
    // Both kinds occur: what has no valid form is refused on reading, the rest on unlocking.
    assert!(unread > 4_000 && altered > 300, "{unread}, {altered}");
}

/// RING-6: whole fields that somebody without the vault key puts together anew.
#[test]
fn ring_6_epochs_and_holders_of_other_generations_are_not_mixed() {
    let (mut ring, shares) = with_shares();
    let mut randomness = Seeded::new(1);
    let new = epoch(5, EpochUse::Period);
    let id = new.published().id;
    ring.add_epochs(&[new], &mut randomness).unwrap();
    let before = ring.keyring().to_bytes();
    ring.destroy(id, Milliseconds::new(5_000)).unwrap();
    let after = ring.keyring().to_bytes();
    // The old body under the new authentication, and the other way round.
    let mac = |bytes: &[u8]| bytes[bytes.len() - 32..].to_vec();
    let body = |bytes: &[u8]| bytes[..bytes.len() - 32].to_vec();
    for (body, mac) in [(body(&before), mac(&after)), (body(&after), mac(&before))] {
        let mixed = Keyring::from_bytes(&[body, mac].concat(), None).unwrap();
        assert!(matches!(
            mixed.unlock_with_shares(&shares),
            Err(UnlockError::Altered)
        ));
    }
    for whole in [before, after] {
        let read = Keyring::from_bytes(&whole, None).unwrap();
        assert!(read.unlock_with_shares(&shares).is_ok());
    }
}

/// RING-7: new holders open everything, former ones nothing, and what was destroyed stays so.
#[test]
fn ring_7_after_a_turnover_former_holders_open_nothing() {
    let (mut ring, former) = with_shares();
    let mut randomness = Seeded::new(70);
    let (one, two) = (epoch(5, EpochUse::Period), epoch(6, EpochUse::Period));
    let (kept, gone) = (one.published().id, two.published().id);
    ring.add_epochs(&[one, two], &mut randomness).unwrap();
    ring.destroy(gone, Milliseconds::new(5_000)).unwrap();
    let seed = ring.records(kept).unwrap().expose_seed();
    let before = ring.keyring().generation();
    let threshold = Threshold::new(2, 4).unwrap();
    let (turned, shares) = ring
        .turn_over_to_shares(threshold, &mut randomness)
        .unwrap();
    let bytes = turned.lock().to_bytes();
    let read = || Keyring::from_bytes(&bytes, Some(before)).unwrap();
    assert!(read().generation() > before);
    assert!(matches!(
        read().unlock_with_shares(&former),
        Err(UnlockError::NoHolder)
    ));
    let turned = read().unlock_with_shares(&shares[2..]).unwrap();
    assert_eq!(turned.records(kept).unwrap().expose_seed(), seed);
    assert_eq!(
        turned.records(gone).unwrap_err(),
        KeyUnavailable::Destroyed { epoch: gone }
    );

    let turned = turned
        .turn_over_to_passphrase("correct horse", PassphraseCost::LEAST, &mut randomness)
        .unwrap();
    let bytes = turned.lock().to_bytes();
    let read = || Keyring::from_bytes(&bytes, None).unwrap();
    assert!(read().unlock_with_shares(&shares).is_err());
    let turned = read().unlock_with_passphrase("correct horse").unwrap();
    assert_eq!(turned.records(kept).unwrap().expose_seed(), seed);
}

#[test]
fn debug_of_keyrings_tells_no_secret() {
    let (ring, _) = with_shares();
    assert_eq!(format!("{ring:?}"), "UnlockedKeyring(secret, generation 1)");
    let text = format!("{:?}", ring.lock());
    assert!(text.contains("wrapped: Wrapped"), "{text}");
    assert_eq!(
        format!("{:?}", TokenKey::from_bytes(&[1; 32])),
        "TokenKey(secret)"
    );
}
