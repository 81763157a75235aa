//! Properties: numbers are never reused, flipped bytes never pass, foreign bytes never panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[allow(dead_code, reason = "the example and other tests use more of it")]
mod world;

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use wire::api::{ControlPage, LoggedLeaf, PostAnswer, Route, SignerAnswer, read_bundle};
use wire::proof_file::ProofFile;
use wire::request::SignedHeader;
use wire::*;
use world::{
    AGENT, ANNA, Answer, DAY, VAULT, World, cases::STORIES, delegate, governance, key, ms, object,
    sign,
};

/// What somebody tries.
#[derive(Debug, Clone)]
enum Attempt {
    /// The next entry, as it should be.
    Next { signer: bool, object: u8 },
    /// An entry with that number, behind the nth entry that was ever made.
    At {
        signer: bool,
        number: u64,
        behind: usize,
        object: u8,
    },
    /// An entry that was made before, once more.
    Again { which: usize },
    /// The number of a refused entry is withdrawn.
    Withdraw { signer: bool, which: usize },
    /// The agent is revoked from a number on.
    Revoke { number: u64 },
}

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    let attempt = prop_oneof![
        4 => (any::<bool>(), 0..30_u8).prop_map(|(signer, object)| Attempt::Next { signer, object }),
        3 => (any::<bool>(), 0..12_u64, 0..40_usize, 0..30_u8)
            .prop_map(|(signer, number, behind, object)| Attempt::At { signer, number, behind, object }),
        2 => (0..40_usize).prop_map(|which| Attempt::Again { which }),
        2 => (any::<bool>(), 0..40_usize).prop_map(|(signer, which)| Attempt::Withdraw { signer, which }),
        1 => (3..20_u64).prop_map(|number| Attempt::Revoke { number }),
    ];
    prop::collection::vec(attempt, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// CHAIN-1, CHAIN-3, CHAIN-4: whatever is tried, admitted numbers have no gap and no twin, each
    /// entry names the one before (or the refused one that it stands for), no object has two owners, and
    /// nothing comes behind a revocation.
    #[test]
    fn chain_1_never_admits_a_number_twice(attempts in attempts()) {
        let mut world = World::furnished();
        let mut made: Vec<Entry> = Vec::new();
        let mut revoked_from = None::<u64>;
        for attempt in attempts {
            let seed = |agent: bool| if agent { AGENT } else { VAULT };
            let body = |agent: bool| if agent { world::batch(1) } else { Body::Audit(AuditHead {
                epoch: world::epoch_id(3), count: RecordCount::new(1), root: world::root_of(1),
            }) };
            let entry = match attempt {
                Attempt::Next { signer, object: tag } => world.entry(seed(signer), body(signer), vec![object(tag)]),
                Attempt::At { signer, number, behind, object: tag } => {
                    let previous = match made.get(behind) {
                        Some(entry) if number > 0 => entry.id(),
                        _ if number > 0 => EntryId::from_bytes([1; 32]),
                        _ => ChainPosition::FIRST.previous,
                    };
                    let at = ChainPosition { number: SequenceNumber::new(number), previous };
                    let archive = world.genesis.archive_id();
                    let draft = EntryDraft::new(archive, key(seed(signer)).id(), at, body(signer), ms(world.now));
                    sign(draft, vec![object(tag)], &[seed(signer)])
                }
                Attempt::Again { which } => match made.get(which) {
                    Some(entry) => entry.clone(),
                    None => continue,
                },
                Attempt::Withdraw { signer, which } => match made.get(which) {
                    Some(refused) => {
                        let code = RefusalCode::Clone;
                        let body = Body::Withdrawn(Withdrawn { refused: refused.id(), code });
                        world.entry(seed(signer), body, Vec::new())
                    }
                    None => continue,
                },
                Attempt::Revoke { number } => {
                    let how = Revocation::Compromised(SequenceNumber::new(number));
                    world.act(Act::Revoke(Revoke { signer: key(AGENT).id(), how }));
                    revoked_from = Some(revoked_from.map_or(number, |from| from.min(number)));
                    continue;
                }
            };
            let answer = world.submit(&entry);
            if matches!(answer, Answer::Admitted(_)) && entry.signer() == key(AGENT).id() {
                prop_assert!(revoked_from.is_none_or(|from| entry.number().get() < from));
            }
            made.push(entry);
        }
        let mut chains: HashMap<SignerId, Vec<Entry>> = HashMap::new();
        let mut objects = HashSet::new();
        for leaf in &world.log.leaves {
            let entry = Leaf::parse(leaf).unwrap().into_entry();
            for object in entry.objects() {
                prop_assert!(objects.insert(object.hash));
            }
            chains.entry(entry.signer()).or_default().push(entry);
        }
        for chain in chains.values() {
            for (at, entry) in chain.iter().enumerate() {
                prop_assert_eq!(entry.number().get(), at as u64);
                if let Some(before) = at.checked_sub(1).and_then(|at| chain.get(at)) {
                    let stands_for = match before.body() {
                        Body::Withdrawn(withdrawn) => withdrawn.refused == entry.previous(),
                        _ => false,
                    };
                    prop_assert!(entry.previous() == before.id() || stands_for);
                }
            }
        }
    }

    /// CONTROL-2, CONTROL-4: an entry passes exactly when enough distinct keys of the delegation signed
    /// it in good time, and nobody else did.
    #[test]
    fn control_2_thresholds_hold(
        people in 1..6_u8, threshold in 1..6_u8, signers in prop::collection::btree_set(0..7_u8, 1..7),
        carried in any::<bool>(), late in any::<bool>(),
    ) {
        prop_assume!(threshold <= people);
        let mut world = World::furnished();
        let delegates: Vec<u8> = (0..people).map(|person| ANNA + person).collect();
        world.act(delegate(Purpose::Hold, &delegates, threshold));
        // Persons beyond the delegation are enrolled, so that their signatures verify.
        for person in people..7 {
            world.act(Act::Enrol(world::enrol(ANNA + person, Role::Person)));
        }
        let keeper = world::epoch(31, EpochUse::Governance);
        let keeper = PublishedEpoch { until: ms(world.now + 1_000 * DAY), ..keeper };
        world.act(Act::Recipients(Recipients { epochs: vec![keeper] }));
        if late { world.now += 365 * DAY; }
        let body = Body::Governance(GovernanceHead {
            epoch: world::epoch_id(31), count: RecordCount::new(1), root: world::root_of(2), purpose: Purpose::Hold,
        });
        prop_assert_eq!(body.kind(), governance(Purpose::Hold).kind());
        let signing: Vec<u8> = signers.iter().map(|person| ANNA + person).collect();
        let mut all = signing.clone();
        let own = if carried { all.push(VAULT); VAULT } else { signing[0] };
        let entry = sign(world.draft(own, body), vec![object(1)], &all);
        let strangers = signers.iter().any(|person| *person >= people);
        let enough = signers.len() >= usize::from(threshold);
        let admitted = matches!(world.submit(&entry), Answer::Admitted(_));
        prop_assert_eq!(admitted, enough && !strangers && !late);
    }

    /// ENTRY-1, ENTRY-6: no byte of an entry can be changed, cut or added unseen.
    #[test]
    fn entry_1_any_flipped_byte_is_refused(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut world = World::new();
        (STORIES[0].tell)(&mut world);
        let leaf = which.get(&world.log.leaves);
        let good = &leaf[8..];
        let mut bytes = good.to_vec();
        bytes[at.index(good.len())] ^= 1 << bit;
        let refused = match Entry::parse(&bytes) {
            Err(_) => true,
            Ok(entry) => entry.verify_signatures(|id| world.authority.key(id)).is_err(),
        };
        prop_assert!(refused);
        prop_assert!(Entry::parse(&good[..at.index(good.len())]).is_err());
    }

    /// PROOF-1: no byte of a proof file can be changed unseen, but for attachments, which shown parts
    /// name by hash, and signatures that are not needed.
    #[test]
    fn proof_1_any_flipped_byte_is_found(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut pieces = world::files::ProofPieces::new(false, false);
        pieces.attachments.clear();
        let good = pieces.file().to_bytes();
        let mut bytes = good.clone();
        bytes[at.index(good.len())] ^= 1 << bit;
        let archive = pieces.world.genesis.archive_id();
        if let Ok(file) = ProofFile::parse(&bytes) {
            prop_assert!(file.verify(Some(archive)).is_err());
        }
    }

    /// Every parser takes any bytes without panic, and what it accepts it writes again.
    #[test]
    fn parsers_take_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>()) {
        let _ = (Genesis::parse(&bytes), Leaf::parse(&bytes), UnsignedEntry::parse(&bytes));
        let _ = (PostAnswer::parse(&bytes), ControlPage::parse(&bytes), LoggedLeaf::parse(&bytes));
        let _ = (SignerAnswer::parse(&bytes), Problem::parse(&bytes), read_bundle(&bytes), ProofFile::parse(&bytes));
        let text = String::from_utf8_lossy(&bytes);
        let _ = (Route::parse(&text), SignedHeader::parse(&text));
        let world = World::furnished();
        let mut entry = world.batch(&[1]).to_bytes();
        let from = at.index(entry.len());
        let until = entry.len().min(from + bytes.len());
        entry.splice(from..until, bytes);
        if let Ok(read) = Entry::parse(&entry) {
            prop_assert_eq!(read.to_bytes(), entry);
        }
    }
}
