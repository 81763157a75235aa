//! Following a log, stored state, receipts: what is believed and what is not.
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
use tlog::{ConsistencyProof, Hash, LogIndex, TreeSize};
use wire::authority::{Authority, Outcome};
use wire::verify::{
    AgainError, FollowError, Follower, ReadLeaf, ReceiptError, Settled, verify_receipt,
};
use wire::*;
use world::{AGENT, World, cases::STORIES, key, object};

fn all_kinds() -> World {
    let mut world = World::new();
    (STORIES[0].tell)(&mut world);
    world
}

/// Follows `world` from where the follower stands up to `size`, in chunks of `step` leaves.
fn follow(
    world: &World,
    mut follower: Follower,
    size: usize,
    step: usize,
) -> Result<Vec<Settled>, FollowError> {
    let note = world.checkpoint(size, true).to_string();
    let mut settled = Vec::new();
    loop {
        let from = usize::try_from(follower.settled().size.get()).unwrap();
        let mut prover = prover_at(world, size);
        let latest = follower.latest().size;
        let accepted = follower.accept(note.as_bytes(), &prover.consistency(latest).unwrap())?;
        let mut run = follower.follow(accepted);
        let until = size.min(from + step);
        for leaf in &world.log.leaves[from..until] {
            run = run.leaf(ReadLeaf::parse(leaf).unwrap(), &world.log)?;
        }
        let proof = prover.consistency(TreeSize::new(until as u64)).unwrap();
        let done = run.settle(&proof)?;
        follower = done.follower.clone();
        settled.push(done);
        if until == size {
            return Ok(settled);
        }
    }
}

fn prover_at(world: &World, size: usize) -> tlog::Prover<tlog::TileSet> {
    let mut earlier = world.clone();
    earlier.log.leaves.truncate(size);
    earlier.prover()
}

#[test]
fn a_whole_log_is_followed_in_one_run_and_in_chunks() {
    let world = all_kinds();
    let size = world.log.leaves.len();
    let is_policy = |leaf: &Vec<u8>| match Leaf::parse(leaf).unwrap().entry().body() {
        Body::Control(control) => matches!(control.act, Act::Policy(_)),
        _ => false,
    };
    let policy = world.log.leaves.iter().position(is_policy).unwrap();
    for step in [size, 7, 1] {
        let settled = follow(&world, Follower::new(world.genesis.clone()), size, step).unwrap();
        let entries: Vec<_> = settled
            .iter()
            .flat_map(|settled| &settled.entries)
            .collect();
        assert_eq!(entries.len(), size);
        for (at, entry) in entries.iter().enumerate() {
            assert_eq!(entry.index(), LogIndex::new(at as u64));
            assert_eq!(entry.leaf_bytes(), world.log.leaves[at]);
            assert_eq!(entry.leaf_hash(), Hash::leaf(&world.log.leaves[at]));
            assert_eq!(entry.key().signer_id(), entry.entry().signer());
            // The story ends with a policy that knows no witness; it rules the runs behind it.
            assert_eq!(
                entry.witnessed(),
                at - at % step <= policy,
                "{at} of {step}"
            );
        }
        let flagged: Vec<_> = settled
            .iter()
            .flat_map(|settled| &settled.flagged)
            .collect();
        assert_eq!(
            flagged,
            [&(key(world::AUDITOR).id(), SequenceNumber::new(0))]
        );
        let last = &settled.last().unwrap().follower;
        assert_eq!(last.settled(), world.log.seen());
        assert_eq!(last.authority().head(), world.authority.head());
    }
}

/// A later run of the program believes an entry by its place in the settled tree, and says of it what
/// the run that judged it said.
#[test]
fn entries_that_were_settled_before_are_taken_again_by_their_place() {
    let world = all_kinds();
    let size = world.log.leaves.len();
    let settled = follow(&world, Follower::new(world.genesis.clone()), size, size).unwrap();
    let (follower, entries) = (&settled[0].follower, &settled[0].entries);
    let note = world.checkpoint(size, true).to_string();
    let accepted = follower
        .accept(note.as_bytes(), &ConsistencyProof::default())
        .unwrap();
    let mut prover = prover_at(&world, size);
    for entry in entries {
        let index = entry.index();
        let proof = prover.inclusion(index).unwrap();
        let again = follower
            .again(&accepted, index, &entry.leaf_bytes(), &proof)
            .unwrap();
        assert_eq!(
            (
                again.entry(),
                again.key(),
                again.role(),
                again.compromised()
            ),
            (
                entry.entry(),
                entry.key(),
                entry.role(),
                entry.compromised()
            ),
            "{index}"
        );
        let mut altered = entry.leaf_bytes();
        altered[9] ^= 1;
        assert!(matches!(
            follower.again(&accepted, index, &altered, &proof),
            Err(AgainError::Other { .. })
        ));
    }
    // Under a checkpoint that is not that of the settled leaves nothing is said.
    let fewer = follow(&world, Follower::new(world.genesis.clone()), size - 1, size).unwrap();
    let proof = prover.inclusion(LogIndex::new(0)).unwrap();
    assert!(matches!(
        fewer[0]
            .follower
            .again(&accepted, LogIndex::new(0), &world.log.leaves[0], &proof),
        Err(AgainError::Unsettled)
    ));
}

#[test]
fn a_mark_covers_every_row_and_is_its_keys() {
    let world = all_kinds();
    let size = world.log.leaves.len();
    let at = |size| {
        let mut settled = follow(&world, Follower::new(world.genesis.clone()), size, size).unwrap();
        settled.remove(0).follower
    };
    let (own, other) = (key(world::AGENT), key(world::AUDITOR));
    let (follower, earlier) = (at(size), at(size - 1));
    let mark = follower.mark(&own);
    assert!(follower.is_marked(&own.public(), &mark));
    assert!(!follower.is_marked(&other.public(), &mark));
    assert!(!earlier.is_marked(&own.public(), &mark));
}

/// A key that is known early makes no signer known early.
#[test]
fn a_signature_verified_early_is_still_judged_at_its_index() {
    let world = all_kinds();
    let size = world.log.leaves.len();
    let note = world.checkpoint(size, true).to_string();
    let follower = Follower::new(world.genesis.clone());
    let accepted = follower
        .accept(note.as_bytes(), &ConsistencyProof::default())
        .unwrap();
    let agent = key(AGENT);
    let is_agents = |leaf: &&Vec<u8>| Leaf::parse(leaf).unwrap().entry().signer() == agent.id();
    let leaf = world.log.leaves.iter().find(is_agents).unwrap();
    let early = ReadLeaf::parse(leaf)
        .unwrap()
        .verify_early(|_| Some(agent.public()));
    let run = follower.follow(accepted);
    let run = run
        .leaf(ReadLeaf::parse(&world.log.leaves[0]).unwrap(), &world.log)
        .unwrap();
    let refused = run.leaf(early, &world.log);
    assert!(matches!(
        refused,
        Err(FollowError::Refused { refusal, .. }) if refusal.code() == RefusalCode::UnknownSigner
    ));
}

/// What is stored after each chunk is enough to go on: rows of changed signers, standing, cursor.
#[test]
fn stored_rows_take_up_where_they_stopped() {
    let world = all_kinds();
    let size = world.log.leaves.len();
    let mut rows = std::collections::BTreeMap::new();
    let mut standing = Vec::new();
    let mut follower = Follower::new(world.genesis.clone());
    for cut in 1..=size {
        let mut settled = follow(&world, follower, cut, size).unwrap();
        let done = settled.pop().unwrap();
        let authority = done.follower.authority();
        for signer in &done.signers {
            rows.insert(*signer, authority.signer_row(signer).unwrap());
        }
        if done.standing || cut == 1 {
            standing = authority.standing_row();
        }
        let signers: Vec<&[u8]> = rows.values().map(Vec::as_slice).collect();
        let restored = Authority::restore(
            world.genesis.clone(),
            &authority.cursor_row(),
            &standing,
            signers.clone(),
        )
        .unwrap();
        assert_eq!(restored.standing_row(), authority.standing_row());
        assert_eq!(restored.size(), authority.size());
        assert_eq!(restored.signers().count(), authority.signers().count());
        follower = Follower::restore(restored, &done.follower.row()).unwrap();
        assert_eq!(follower.settled(), done.follower.settled());

        let without_root = signers
            .iter()
            .filter(|row| **row != rows[&key(world::ROOT).id()])
            .copied();
        let cursor = authority.cursor_row();
        assert!(
            Authority::restore(world.genesis.clone(), &cursor, &standing, without_root).is_err()
        );
    }
    assert_eq!(follower.authority().head(), world.authority.head());
}

#[test]
fn any_altered_dropped_or_moved_leaf_is_found() {
    let mut world = World::furnished();
    for number in 1..=3 {
        world.admit(&world.batch(&[number]));
    }
    let size = world.log.leaves.len();
    let note = world.checkpoint(size, false).to_string();
    let try_leaves = |leaves: &[Vec<u8>]| -> Result<Settled, FollowError> {
        let follower = Follower::new(world.genesis.clone());
        let accepted = follower.accept(note.as_bytes(), &ConsistencyProof::default())?;
        assert!(!accepted.verdict().is_witnessed());
        let mut run = follower.follow(accepted);
        for leaf in leaves {
            let index = run.next();
            let read =
                ReadLeaf::parse(leaf).map_err(|source| FollowError::Leaf { index, source })?;
            run = run.leaf(read, &world.log)?;
        }
        run.settle(&ConsistencyProof::default())
    };
    assert!(try_leaves(&world.log.leaves).is_ok());
    for at in 0..size {
        for byte in (0..world.log.leaves[at].len()).step_by(11) {
            let mut leaves = world.log.leaves.clone();
            leaves[at][byte] ^= 1;
            assert!(try_leaves(&leaves).is_err(), "byte {byte} of leaf {at}");
        }
        let mut dropped = world.log.leaves.clone();
        dropped.remove(at);
        assert!(try_leaves(&dropped).is_err(), "leaf {at} dropped");
        let mut doubled = world.log.leaves.clone();
        doubled.insert(at, doubled[at].clone());
        assert!(try_leaves(&doubled).is_err(), "leaf {at} doubled");
        if at + 1 < size {
            let mut moved = world.log.leaves.clone();
            moved.swap(at, at + 1);
            assert!(try_leaves(&moved).is_err(), "leaf {at} moved");
        }
    }
    // A later time alone leaves every check but the tree intact.
    let mut later = world.log.leaves.clone();
    later[size - 1][7] ^= 0x0f;
    later[size - 1][6] |= 0x80;
    let result = try_leaves(&later);
    assert!(
        matches!(
            result,
            Err(FollowError::OtherTree { .. } | FollowError::Refused { .. })
        ),
        "{result:?}"
    );
    let mut beyond = world.log.leaves.clone();
    beyond.push(beyond[0].clone());
    assert!(matches!(
        try_leaves(&beyond),
        Err(FollowError::Beyond { .. })
    ));
}

/// The relay and the agent together can not slip an entry past the authority.
#[test]
fn control_4_a_signed_log_with_an_entry_that_was_not_allowed_is_refused() {
    let mut world = World::furnished();
    let stray = world.entry(world::VAULT, world::batch(1), vec![object(1)]);
    slipped_in(&mut world, stray);
}

/// CONTROL-7: nor can relay and delegate send mail to a mailbox that is nobody's.
#[test]
fn control_7_a_signed_log_with_mail_to_nobodys_mailbox_is_refused() {
    let mut world = World::furnished();
    world.act(world::delegate(wire::Purpose::Plan, &[world::ANNA], 1));
    let body = wire::Body::Mail(wire::Mail {
        addressee: world::key(world::AGENT).id(),
        mailbox: world::x_wing(world::STRANGER).mailbox_hash(),
    });
    let stray = world.entry(world::ANNA, body, vec![object(1)]);
    slipped_in(&mut world, stray);
}

/// The log as a relay would sign it that admits anything: whoever follows it stops at the entry.
fn slipped_in(world: &mut World, stray: wire::Entry) {
    let at = AdmittedAt::new(Milliseconds::new(world.now)).unwrap();
    let place = world.log.leaves.len() as u64;
    let leaf = Leaf::new(at, stray).to_bytes();
    let mut frontier = tlog::Frontier::empty();
    world.log.leaves.push(leaf);
    for leaf in &world.log.leaves {
        frontier.append(Hash::leaf(leaf));
    }
    world.log.roots.push(frontier.root());
    let size = world.log.leaves.len();
    let result = follow(world, Follower::new(world.genesis.clone()), size, size);
    let Err(FollowError::Refused { index, refusal }) = result else {
        panic!("followed")
    };
    assert_eq!(
        (index.get(), refusal.code()),
        (place, RefusalCode::NotAllowed)
    );
}

#[test]
fn forks_and_foreign_checkpoints_are_refused() {
    let world = all_kinds();
    let size = world.log.leaves.len();
    let settled = follow(&world, Follower::new(world.genesis.clone()), size, size)
        .unwrap()
        .pop()
        .unwrap();
    let follower = settled.follower;

    // Another history of the same archive, longer and shorter.
    let mut other = World::furnished();
    for number in 0..40 {
        other.now += 1;
        other.admit(&other.batch(&[100 + number]));
    }
    let other_size = other.log.leaves.len();
    assert!(other_size > size);
    for (cut, from) in [(other_size, size), (size, size)] {
        let note = other.checkpoint(cut, true).to_string();
        let proof = prover_at(&other, cut)
            .consistency(TreeSize::new(from as u64))
            .unwrap();
        let result = follower.accept(note.as_bytes(), &proof);
        assert!(matches!(result, Err(FollowError::Fork { .. })), "{cut}");
    }
    let shorter = world.checkpoint(size - 1, true).to_string();
    let result = follower.accept(shorter.as_bytes(), &ConsistencyProof::default());
    assert!(matches!(result, Err(FollowError::Fork { .. })));

    let mut flipped = world.checkpoint(size, false).to_string().into_bytes();
    let at = flipped.len() - 10;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    let result = follower.accept(&flipped, &ConsistencyProof::default());
    assert!(matches!(result, Err(FollowError::Checkpoint(_))));
}

/// LEAF-2: `seen` of an entry in the same run is compared with the tree of that moment.
#[test]
fn leaf_2_seen_within_a_run_is_compared() {
    let mut world = World::furnished();
    let seen = world.log.seen();
    let beat = Body::Heartbeat(world::heartbeat());
    let good = world::sign(
        world.draft(AGENT, beat.clone()).with_seen(Some(seen)),
        Vec::new(),
        &[AGENT],
    );
    let wrong = Seen {
        root: Hash::leaf(b"another tree"),
        ..seen
    };
    let bad = world::sign(
        world.draft(AGENT, beat).with_seen(Some(wrong)),
        Vec::new(),
        &[AGENT],
    );
    world.admit(&good);
    let size = world.log.leaves.len();
    assert!(follow(&world, Follower::new(world.genesis.clone()), size, size).is_ok());

    let at = AdmittedAt::new(Milliseconds::new(world.now)).unwrap();
    world.log.leaves[size - 1] = Leaf::new(at, bad).to_bytes();
    let mut frontier = tlog::Frontier::empty();
    world.log.roots = world
        .log
        .leaves
        .iter()
        .map(|leaf| {
            frontier.append(Hash::leaf(leaf));
            frontier.root()
        })
        .collect();
    let result = follow(&world, Follower::new(world.genesis.clone()), size, size);
    let Err(FollowError::Refused { refusal, .. }) = result else {
        panic!("followed")
    };
    assert_eq!(refusal.code(), RefusalCode::Fork);
}

#[test]
fn early_verification_changes_no_verdict() {
    let world = World::furnished();
    let leaf = world.log.leaves[1].clone();
    let mut forged = leaf.clone();
    *forged.last_mut().unwrap() ^= 1;
    for (bytes, sound) in [(leaf, true), (forged, false)] {
        let note = world.checkpoint(world.log.leaves.len(), false).to_string();
        let follower = Follower::new(world.genesis.clone());
        let accepted = follower
            .accept(note.as_bytes(), &ConsistencyProof::default())
            .unwrap();
        let key_of = |id: &SignerId| world.authority.key(id);
        let run = follower.follow(accepted);
        let run = run
            .leaf(
                ReadLeaf::parse(&world.log.leaves[0])
                    .unwrap()
                    .verify_early(key_of),
                &world.log,
            )
            .unwrap();
        let result = run.leaf(
            ReadLeaf::parse(&bytes).unwrap().verify_early(key_of),
            &world.log,
        );
        assert_eq!(result.is_ok(), sound);
    }
}

/// RECEIPT-1.
#[test]
fn receipt_1_proves_its_entry_and_no_other() {
    let mut world = World::furnished();
    let entry = world.batch(&[1]);
    let index = world.admit(&entry);
    let policy = world.genesis.log_policy(world.genesis.witnesses()).unwrap();
    let text = world.receipt(index.get(), true);
    let receipt = verify_receipt(&entry, text.as_bytes(), &policy, None).unwrap();
    assert_eq!((receipt.index(), receipt.seen()), (index, world.log.seen()));
    assert_eq!(receipt.admitted_at().time().get(), world.now);

    let other = world.batch(&[2]);
    assert!(matches!(
        verify_receipt(&other, text.as_bytes(), &policy, None),
        Err(ReceiptError::Proof(_))
    ));
    assert!(matches!(
        verify_receipt(&entry, b"receipt", &policy, None),
        Err(ReceiptError::Read(_))
    ));
    let untimed: String = text
        .lines()
        .filter(|line| !line.starts_with("extra "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(matches!(
        verify_receipt(&entry, untimed.as_bytes(), &policy, None),
        Err(ReceiptError::AdmittedAt)
    ));

    let fork = Seen {
        root: Hash::leaf(b"x"),
        ..world.log.seen()
    };
    assert!(matches!(
        verify_receipt(&entry, text.as_bytes(), &policy, Some(&fork)),
        Err(ReceiptError::Fork(_))
    ));

    let earlier = Seen {
        size: TreeSize::new(2),
        root: world.log.roots[1],
    };
    let proof = world.prover().consistency(earlier.size).unwrap();
    assert_eq!(
        receipt.continues(&earlier, &proof).unwrap(),
        world.log.seen()
    );
    let forked = Seen {
        root: Hash::leaf(b"x"),
        ..earlier
    };
    assert!(matches!(
        receipt.continues(&forked, &proof),
        Err(ReceiptError::Inconsistent { .. })
    ));
}

/// What was checked against a state applies to that state only.
#[test]
fn a_stale_check_does_not_apply() {
    let mut world = World::furnished();
    let entry = world.batch(&[1]);
    let at = AdmittedAt::new(Milliseconds::new(world.now)).unwrap();
    let signed = entry
        .verify_signatures(|id| world.authority.key(id))
        .unwrap();
    let Ok(Outcome::Admissible(admissible)) = world.authority.check(&signed, at, &world.log) else {
        panic!("refused")
    };
    let again = admissible.clone();
    world.authority.apply(admissible).unwrap();
    let before = world.authority.cursor_row();
    assert!(world.authority.apply(again).is_err());
    assert_eq!(world.authority.cursor_row(), before);
}

/// CONTROL-1: an agent that reads acts alone ends where the log does, and takes none out of order.
#[test]
fn control_1_the_chain_is_read_alone() {
    let world = all_kinds();
    let mut reader = verify::ControlReader::new(world.genesis.clone()).unwrap();
    let acts: Vec<u64> = (0..world.log.leaves.len() as u64)
        .filter(|at| {
            let leaf = Leaf::parse(&world.log.leaves[*at as usize]).unwrap();
            leaf.entry().kind() == Kind::Control
        })
        .collect();
    for (at, index) in acts.iter().enumerate() {
        let proof = world.receipt(*index, true);
        let leaf = &world.log.leaves[*index as usize];
        let standing = reader.stands(leaf, proof.as_bytes()).unwrap();
        if let Some(next) = acts.get(at + 1) {
            let later = reader
                .stands(
                    &world.log.leaves[*next as usize],
                    world.receipt(*next, true).as_bytes(),
                )
                .unwrap();
            assert!(reader.clone().take(&later).is_err(), "act {at} skipped");
        }
        reader.take(&standing).unwrap();
        assert!(reader.clone().take(&standing).is_err(), "act {at} again");
        assert!(
            reader
                .stands(&world.log.leaves[0], proof.as_bytes())
                .is_err()
        );
    }
    assert_eq!(reader.authority().head(), world.authority.head());
    assert_eq!(reader.authority().policy(), world.authority.policy());
}
