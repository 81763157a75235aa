//! Keyring stores: each write point, in each store, failing or ending the process (RING-8 to RING-10).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use canonical::Milliseconds;
use seal::keyring::{Generation, Keyring, UnlockedKeyring};
use seal::{NewEpoch, Period, Share, Threshold, make_epoch};
use testkit::Seeded;
use vault::stores::{
    Pending, StorePlace, StorePoint, StorePoints, Stores, StoresError, pending_destructions,
};
use wire::{ArchiveId, EpochId, EpochUse, RetentionClass};

const ARCHIVE: ArchiveId = ArchiveId::from_bytes([0xa0; 32]);
const NOW: Milliseconds = Milliseconds::new(9_000);

struct House {
    folder: tempfile::TempDir,
    shares: Vec<Share>,
    epoch: EpochId,
}

impl House {
    /// A keyring with one epoch, in the owner's file and two stores.
    fn new() -> Self {
        let threshold = Threshold::new(2, 2).unwrap();
        let mut randomness = Seeded::new(3);
        let (mut ring, shares) =
            UnlockedKeyring::with_shares(ARCHIVE, threshold, &mut randomness).unwrap();
        let new = epoch(4);
        let epoch = new.published().id;
        ring.add_epochs(&[new], &mut randomness).unwrap();
        let house = Self {
            folder: tempfile::tempdir().unwrap(),
            shares,
            epoch,
        };
        for name in ["own", "a", "b"] {
            std::fs::create_dir(house.path(name)).unwrap();
        }
        let standing = house.stores().write(&ring, NOW).unwrap();
        assert!(standing.iter().all(|store| store.pending.is_none()));
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn own(&self) -> PathBuf {
        self.path("own").join("keyring.cbor")
    }

    fn places(&self) -> Vec<StorePlace> {
        let place = |name| StorePlace::new(name, self.path(name)).unwrap();
        vec![place("a"), place("b")]
    }

    fn stores(&self) -> Stores {
        Stores::new(ARCHIVE, self.own(), self.places())
    }

    fn ring(&self) -> UnlockedKeyring {
        let bytes = std::fs::read(self.own()).unwrap();
        let ring = Keyring::from_bytes(&bytes, None).unwrap();
        ring.unlock_with_shares(&self.shares).unwrap()
    }

    fn destroyed(&self) -> UnlockedKeyring {
        let mut ring = self.ring();
        ring.destroy(self.epoch, Milliseconds::new(5_000)).unwrap();
        ring
    }

    /// Generations of all whole keyrings; drafts left aside.
    fn generations(&self) -> Vec<Generation> {
        let files = [
            self.own(),
            self.places()[0].file(ARCHIVE),
            self.places()[1].file(ARCHIVE),
        ];
        let read = |path: &PathBuf| {
            Keyring::from_bytes(&std::fs::read(path).unwrap(), None)
                .unwrap()
                .generation()
        };
        files.iter().map(read).collect()
    }

    /// Files in which these bytes stand.
    fn holding(&self, needle: &[u8]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for name in ["own", "a", "b"] {
            for entry in std::fs::read_dir(self.path(name)).unwrap() {
                let path = entry.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                if bytes.windows(needle.len()).any(|window| window == needle) {
                    found.push(path);
                }
            }
        }
        found
    }
}

fn epoch(seed: u64) -> NewEpoch {
    make_epoch(
        RetentionClass::new(0),
        EpochUse::Period,
        Period {
            from: Milliseconds::new(1_000),
            until: Milliseconds::new(2_000),
        },
        Milliseconds::new(5_000),
        &mut Seeded::new(seed),
    )
}

/// Fails at the nth write point; if `dead`, at every later one too, as if the process had ended.
struct FailAt {
    at: usize,
    dead: bool,
    count: AtomicUsize,
}

impl StorePoints for FailAt {
    fn reach(&self, _: StorePoint, _: &Path) -> io::Result<()> {
        let count = self.count.fetch_add(1, Ordering::SeqCst);
        if count == self.at || (self.dead && count > self.at) {
            return Err(io::Error::other("the disk failed here"));
        }
        Ok(())
    }
}

/// The wrapped opening key: what must not stay in any file.
fn wrapped_key(house: &House) -> Vec<u8> {
    let (whole, without) = (
        house.ring().keyring().to_bytes(),
        house.destroyed().keyring().to_bytes(),
    );
    // It stands where the two begin to differ behind the epoch's dates: 48 bytes of ciphertext.
    let differ = whole
        .iter()
        .zip(&without)
        .enumerate()
        .skip(200)
        .find(|(_, (one, other))| one != other)
        .unwrap()
        .0;
    whole[differ + 20..differ + 60].to_vec()
}

#[test]
fn ring_8_a_destruction_survives_a_crash_at_every_write_point_of_every_store() {
    let points = 3 * StorePoint::ALL.len();
    let mut told = 0;
    for dead in [false, true] {
        for at in 0..=points {
            let house = House::new();
            let key = wrapped_key(&house);
            assert_eq!(
                house.holding(&key).len(),
                3,
                "the search finds what is there"
            );
            let before = house.ring().keyring().generation();
            let fail = Arc::new(FailAt {
                at,
                dead,
                count: AtomicUsize::new(0),
            });
            let stores = house.stores().with_points(fail.clone());
            let outcome = stores.write(&house.destroyed(), NOW);
            let reached = fail.count.load(Ordering::SeqCst);
            assert!(reached > at || at == points, "point {at} is not reached");

            // RING-9: no store is ahead of the owner, and every file is whole.
            let generations = house.generations();
            let after = Generation::new(before.get() + 1);
            assert!(generations[0] == before || generations[0] == after);
            assert!(
                generations[1..]
                    .iter()
                    .all(|store| *store <= generations[0])
            );
            match &outcome {
                Err(error) => {
                    assert!(matches!(error, StoresError::Write { .. }), "{error}");
                    assert!(generations[1..].iter().all(|store| *store == before));
                }
                Ok(standing) => {
                    let ring = house.ring().lock();
                    let pending = pending_destructions(&ring, standing);
                    told += pending.len();
                    for (store, generation) in standing.iter().zip(&generations[1..]) {
                        let waits = pending.iter().any(|(_, name)| *name == store.name);
                        assert_eq!(store.pending.is_some(), waits);
                        // What is said to be done is done.
                        assert!(waits || *generation == after);
                    }
                    // Afterwards the stores themselves tell, and never of more.
                    let (ring, found) = house.stores().check().unwrap();
                    let still = pending_destructions(&ring, &found);
                    assert!(still.iter().all(|one| pending.contains(one)), "{still:?}");
                }
            }

            // Started again: if the owner's file has the destruction, the next unlock finishes it;
            // else it is done again.
            let ring = if generations[0] == after {
                house.ring()
            } else {
                house.destroyed()
            };
            let standing = house.stores().write(&ring, NOW).unwrap();
            assert!(standing.iter().all(|store| store.pending.is_none()), "{at}");
            assert!(pending_destructions(ring.keyring(), &standing).is_empty());
            assert_eq!(house.generations(), [after; 3]);
            assert_eq!(house.holding(&key), Vec::<PathBuf>::new(), "{at} {dead}");
        }
    }
    assert!(told >= 12, "{told} pending destructions were told");
}

#[test]
fn ring_8_an_unreachable_store_is_pending_by_name_until_it_confirms() {
    let house = House::new();
    std::fs::rename(house.path("b"), house.path("away")).unwrap();
    let standing = house.stores().write(&house.destroyed(), NOW).unwrap();
    assert!(standing[0].pending.is_none());
    assert!(matches!(
        standing[1].pending,
        Some(Pending::Unreachable { .. })
    ));
    let ring = house.ring().lock();
    let expected = vec![(house.epoch, "b".to_owned())];
    assert_eq!(pending_destructions(&ring, &standing), expected);
    // The same without unlocking, also when what was noted is lost.
    let (ring, standing) = house.stores().check().unwrap();
    assert_eq!(pending_destructions(&ring, &standing), expected);
    std::fs::remove_file(house.own().with_extension("confirmed")).unwrap();
    let (ring, standing) = house.stores().check().unwrap();
    assert_eq!(pending_destructions(&ring, &standing), expected);

    // It comes back with the old generation, then with a copy beside it.
    std::fs::rename(house.path("away"), house.path("b")).unwrap();
    let (ring, standing) = house.stores().check().unwrap();
    assert!(matches!(standing[1].pending, Some(Pending::Behind { .. })));
    assert_eq!(pending_destructions(&ring, &standing), expected);
    let copy = house.path("b").join(format!("{ARCHIVE}.keyring.bak"));
    std::fs::copy(house.places()[1].file(ARCHIVE), &copy).unwrap();
    let standing = house.stores().write(&house.ring(), NOW).unwrap();
    assert!(matches!(&standing[1].pending, Some(Pending::Stray { file }) if file.ends_with("bak")));
    std::fs::remove_file(copy).unwrap();
    let standing = house.stores().write(&house.ring(), NOW).unwrap();
    assert_eq!(pending_destructions(&ring, &standing), Vec::new());
    assert!(standing.iter().all(|store| store.pending.is_none()));
}

#[test]
fn ring_9_a_keyring_put_back_from_a_copy_is_written_nowhere() {
    let house = House::new();
    let old = std::fs::read(house.own()).unwrap();
    house.stores().write(&house.destroyed(), NOW).unwrap();
    let generations = house.generations();
    std::fs::write(house.own(), &old).unwrap();
    let refused = house.stores().write(&house.ring(), NOW).unwrap_err();
    assert!(matches!(refused, StoresError::Newer { place, .. } if place == "a"));
    // A change of the old one has the same generation as the newer one: it is refused too.
    let refused = house.stores().write(&house.destroyed(), NOW).unwrap_err();
    assert!(matches!(refused, StoresError::Newer { place, .. } if place == "a"));
    // Nor may somebody who read the keyring before a change write over it after.
    std::fs::write(
        house.own(),
        std::fs::read(house.places()[0].file(ARCHIVE)).unwrap(),
    )
    .unwrap();
    let stale = Keyring::from_bytes(&old, None).unwrap();
    let stale = stale.unlock_with_shares(&house.shares).unwrap();
    assert!(house.stores().write(&stale, NOW).is_err());
    assert_eq!(house.generations(), generations);
}

#[test]
fn ring_10_what_was_altered_in_a_store_is_replaced_and_never_spread() {
    let house = House::new();
    let file = house.places()[0].file(ARCHIVE);
    let sound = std::fs::read(&file).unwrap();
    for at in [10, sound.len() / 2, sound.len() - 1] {
        let mut altered = sound.clone();
        altered[at] ^= 1;
        std::fs::write(&file, &altered).unwrap();
        let (_, standing) = house.stores().check().unwrap();
        assert_eq!(standing[0].pending, Some(Pending::Other), "byte {at}");
        assert_eq!(standing[1].pending, None);
        let standing = house.stores().write(&house.ring(), NOW).unwrap();
        assert_eq!(standing[0].pending, None);
        assert_eq!(std::fs::read(&file).unwrap(), sound);
    }
    // The owner's own file altered: it does not unlock, so there is nothing to write.
    let mut altered = sound;
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let altered = Keyring::from_bytes(&altered, None).unwrap();
    assert!(altered.unlock_with_shares(&house.shares).is_err());
}

#[test]
fn names_of_stores_are_plain() {
    for name in ["", "owner", "A", "a b", "../x", &"a".repeat(65)] {
        assert!(
            StorePlace::new(name, PathBuf::from("/x")).is_err(),
            "{name}"
        );
    }
    assert!(StorePlace::new("bank-safe-2", PathBuf::from("/x")).is_ok());
}
