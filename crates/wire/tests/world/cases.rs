//! Sequences of entries with their outcomes: one story a vector file under `vectors/authority/`.

use super::*;

/// A story: its name, what it shows, and what happens.
pub struct Story {
    pub name: &'static str,
    pub about: &'static str,
    pub tell: fn(&mut World),
}

/// Every story. Each begins with nothing but the genesis's configuration.
pub const STORIES: &[Story] = &[
    Story {
        name: "all_kinds",
        about: "every kind of entry and every act, admitted",
        tell: all_kinds,
    },
    Story {
        name: "genesis",
        about: "GENESIS-2: only the archive's own genesis, once, at index 0",
        tell: beginnings,
    },
    Story {
        name: "malformed",
        about: "no canonical entry, or over a limit",
        tell: malformed,
    },
    Story {
        name: "foreign_archive",
        about: "another archive's id",
        tell: foreign_archive,
    },
    Story {
        name: "unknown_signer",
        about: "not enrolled, no delegation",
        tell: unknown_signer,
    },
    Story {
        name: "bad_signature",
        about: "ENTRY-4: false, missing or too many signatures",
        tell: bad_signature,
    },
    Story {
        name: "retired",
        about: "CHAIN-4: accepted before the date, refused from it on",
        tell: retired,
    },
    Story {
        name: "compromised",
        about: "CHAIN-4: refused from the number on",
        tell: compromised,
    },
    Story {
        name: "not_allowed",
        about: "CONTROL-4: roles and delegations that do not cover",
        tell: not_allowed,
    },
    Story {
        name: "out_of_sequence",
        about: "CHAIN-1: a number ahead",
        tell: out_of_sequence,
    },
    Story {
        name: "clone",
        about: "CHAIN-3: the same entry again, and another under its number",
        tell: cloned,
    },
    Story {
        name: "withdrawn",
        about: "CHAIN-2: a refused number is used again",
        tell: withdrawn,
    },
    Story {
        name: "continuation",
        about: "ENTRY-5: further objects directly behind a batch",
        tell: continuation,
    },
    Story {
        name: "unknown_epoch",
        about: "CONTROL-6: unpublished, other use, not begun",
        tell: unknown_epoch,
    },
    Story {
        name: "objects",
        about: "ENTRY-5: an object is missing, or belongs to another entry",
        tell: objects,
    },
    Story {
        name: "fork",
        about: "LEAF-2: the signer has seen another log",
        tell: fork,
    },
    Story {
        name: "control_chain",
        about: "CONTROL-1, CONTROL-5: links and what acts may name",
        tell: control_chain,
    },
    Story {
        name: "mailboxes",
        about: "CONTROL-5, CONTROL-7: mail goes to the mailbox of an enrolled signer, which may be given later",
        tell: mailboxes,
    },
    Story {
        name: "thresholds",
        about: "CONTROL-2, CONTROL-4: k of n for acts and governance",
        tell: thresholds,
    },
    Story {
        name: "delegations_end",
        about: "CONTROL-3: end, undelegation, lost standing",
        tell: delegations_end,
    },
];

fn all_kinds(world: &mut World) {
    *world = World::furnished();
    world.act(delegate(Purpose::Enrol, &[ANNA, BEA], 2));
    world.act(delegate(Purpose::Recipients, &[ANNA], 1));
    world.act(delegate(Purpose::Policy, &[ANNA], 1));
    world.act(delegate(Purpose::Head, &[ANNA], 1));
    world.act(delegate(Purpose::Hold, &[ANNA, BEA, CARL], 2));
    world.act(delegate(Purpose::Plan, &[BEA], 1));
    world.now += 1_000;

    world.admit(&world.batch(&[1, 2]));
    let continued = Body::Continuation(Continuation {
        batch: SequenceNumber::new(0),
        earlier: 2,
    });
    world.admit(&world.entry(AGENT, continued, vec![object(3)]));
    let import = Body::Batch(BatchHead {
        epoch: epoch_id(2),
        count: RecordCount::new(1_024),
        root: root_of(9),
        import: true,
    });
    world.admit(&world.entry(AGENT, import, vec![object(4)]));
    let seen = world.log.seen();
    let beat = Heartbeat {
        details: Some(epoch_id(3)),
        ..heartbeat()
    };
    let draft = world
        .draft(AGENT, Body::Heartbeat(beat))
        .with_seen(Some(seen));
    world.admit(&sign(draft, vec![object(5)], &[AGENT]));
    let refused = EntryId::from_bytes([0xee; 32]);
    let body = Body::Withdrawn(Withdrawn {
        refused,
        code: RefusalCode::ObjectTaken,
    });
    world.admit(&world.entry(AGENT, body, Vec::new()));

    let seen = world.log.seen();
    let stored = Body::Stored(Stored { through: seen.size });
    world.admit(&sign(
        world.draft(VAULT, stored).with_seen(Some(seen)),
        Vec::new(),
        &[VAULT],
    ));
    let audit = Body::Audit(AuditHead {
        epoch: epoch_id(3),
        count: RecordCount::new(7),
        root: root_of(1),
    });
    world.admit(&world.entry(VAULT, audit, vec![object(6)]));
    let carry = Body::Carry(Carry {
        original: LogIndex::new(11),
        epoch: epoch_id(1),
        positions: vec![RecordPosition::new(0), RecordPosition::new(2)],
        disposition: Some(EntryId::from_bytes([0xdd; 32])),
    });
    world.admit(&world.entry(VAULT, carry, vec![object(7)]));
    world.admit(&world.entry_signed(
        VAULT,
        governance(Purpose::Hold),
        vec![object(8)],
        &[VAULT, ANNA, CARL],
    ));
    world.admit(&world.entry_signed(
        BEA,
        governance(Purpose::Hold),
        vec![object(9)],
        &[BEA, ANNA],
    ));
    let mail = Body::Mail(Mail {
        addressee: key(AGENT).id(),
        mailbox: x_wing(AGENT).mailbox_hash(),
    });
    world.admit(&world.entry(BEA, mail, vec![object(10)]));
    world.admit(&world.entry(ANNA, Body::Head(world.authority.head()), Vec::new()));
    world.admit(&world.entry(ROOT, Body::Head(world.authority.head()), Vec::new()));

    let person = world.control(Act::Enrol(Enrol {
        follows: Some(key(AGENT).id()),
        follows_until: Some(SequenceNumber::new(3)),
        tls: Some(TlsIdentity::from_bytes([8; 32])),
        ..enrol(AGENT + 100, Role::Agent)
    }));
    world.admit(&world.entry_signed(ANNA, person, Vec::new(), &[ANNA, BEA]));
    let more = world.control(Act::Recipients(Recipients {
        epochs: vec![epoch(4, EpochUse::Period)],
    }));
    world.admit(&world.entry(ANNA, more, Vec::new()));
    let policy = world.control(Act::Policy(Policy {
        witnesses: Some(WitnessPolicy::default()),
        heartbeat: Some(Seconds::new(600)),
        head_stale: None,
        audit_offline: Some(Seconds::new(60)),
    }));
    world.admit(&world.entry(ANNA, policy, Vec::new()));
    let number = world.authority.delegations()[0].number();
    world.act(Act::Undelegate(Undelegate {
        purpose: Purpose::Enrol,
        delegation: number,
    }));
    world.act(Act::Revoke(Revoke {
        signer: key(AGENT).id(),
        how: Revocation::Retired(ms(world.now + DAY)),
    }));
    world.act(Act::Revoke(Revoke {
        signer: key(AUDITOR).id(),
        how: Revocation::Compromised(SequenceNumber::new(0)),
    }));
}

fn beginnings(world: &mut World) {
    let strange = Genesis::new(
        key(ROOT).public(),
        vec![key(LOG).public()],
        WitnessPolicy::default(),
        ms(BEGIN),
        GenesisNonce::from_bytes([8; 16]),
    );
    expect(
        world,
        &world.entry(ROOT, Body::Genesis(strange.unwrap()), Vec::new()),
        RefusalCode::NotAllowed,
    );
    let head = Body::Head(world.authority.head());
    expect(
        world,
        &world.entry(ROOT, head, Vec::new()),
        RefusalCode::NotAllowed,
    );
    let first = world.entry(ROOT, Body::Genesis(world.genesis.clone()), Vec::new());
    world.admit(&first);
    assert_eq!(world.submit(&first), Answer::Same(LogIndex::new(0)));
    let again = world.entry(ROOT, Body::Genesis(world.genesis.clone()), Vec::new());
    expect(world, &again, RefusalCode::NotAllowed);
}

fn malformed(world: &mut World) {
    *world = World::furnished();
    let good = world.batch(&[1]).to_bytes();
    for bad in [
        Vec::new(),
        b"\xa0".to_vec(),
        good[..good.len() - 1].to_vec(),
        [&good[..], &[0]].concat(),
    ] {
        assert_eq!(
            world.submit_bytes(&bad).code(),
            Some(RefusalCode::Malformed)
        );
    }
    let mut version = good.clone();
    version[2] = 2;
    assert_eq!(
        world.submit_bytes(&version).code(),
        Some(RefusalCode::Malformed)
    );
    let huge = vec![0xa0; limit::ENTRY_BYTES + 1];
    assert_eq!(
        world.submit_bytes(&huge).code(),
        Some(RefusalCode::Malformed)
    );
    world.admit(&Entry::parse(&good).unwrap());
}

fn foreign_archive(world: &mut World) {
    *world = World::furnished();
    let draft = EntryDraft::new(
        ArchiveId::from_bytes([0x55; 32]),
        key(AGENT).id(),
        ChainPosition::FIRST,
        Body::Heartbeat(heartbeat()),
        ms(BEGIN),
    );
    expect(
        world,
        &sign(draft, Vec::new(), &[AGENT]),
        RefusalCode::ForeignArchive,
    );
}

fn unknown_signer(world: &mut World) {
    *world = World::furnished();
    expect(
        world,
        &world.entry(STRANGER, Body::Heartbeat(heartbeat()), Vec::new()),
        RefusalCode::UnknownSigner,
    );
    expect(
        world,
        &world.entry(ANNA, Body::Head(world.authority.head()), Vec::new()),
        RefusalCode::UnknownSigner,
    );
}

fn bad_signature(world: &mut World) {
    *world = World::furnished();
    let good = world.batch(&[1]);
    let mut flipped = good.to_bytes();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(
        world.submit_bytes(&flipped).code(),
        Some(RefusalCode::BadSignature)
    );
    // A known second signer where one is wanted, and one that nobody knows.
    for other in [VAULT, STRANGER] {
        let entry = world.entry_signed(AGENT, batch(1), vec![object(1)], &[AGENT, other]);
        expect(world, &entry, RefusalCode::BadSignature);
    }
    let two = world.control(Act::Enrol(enrol(CARL, Role::Person)));
    expect(
        world,
        &world.entry_signed(ROOT, two, Vec::new(), &[ROOT, VAULT]),
        RefusalCode::BadSignature,
    );
    world.admit(&good);
}

fn retired(world: &mut World) {
    *world = World::furnished();
    let date = world.now + DAY;
    world.act(Act::Revoke(Revoke {
        signer: key(AGENT).id(),
        how: Revocation::Retired(ms(date)),
    }));
    world.now = date - 1;
    world.admit(&world.batch(&[1]));
    world.now = date;
    expect(world, &world.batch(&[2]), RefusalCode::Revoked);
}

fn compromised(world: &mut World) {
    *world = World::furnished();
    for number in 1..=4 {
        world.admit(&world.batch(&[number]));
    }
    let first = world.log.leaves[5].clone();
    world.act(Act::Revoke(Revoke {
        signer: key(AGENT).id(),
        how: Revocation::Compromised(SequenceNumber::new(2)),
    }));
    expect(world, &world.batch(&[9]), RefusalCode::Revoked);
    // What stands in the log still gets its old receipt.
    let first = Leaf::parse(&first).unwrap().into_entry();
    assert_eq!(world.submit(&first), Answer::Same(LogIndex::new(5)));
    world.act(Act::Revoke(Revoke {
        signer: key(VAULT).id(),
        how: Revocation::Compromised(SequenceNumber::new(1)),
    }));
    let audit = Body::Audit(AuditHead {
        epoch: epoch_id(3),
        count: RecordCount::new(1),
        root: root_of(1),
    });
    world.admit(&world.entry(VAULT, audit.clone(), vec![object(20)]));
    expect(
        world,
        &world.entry(VAULT, audit, vec![object(21)]),
        RefusalCode::Revoked,
    );
}

fn not_allowed(world: &mut World) {
    *world = World::furnished();
    world.act(delegate(Purpose::Head, &[ANNA], 1));
    world.act(Act::Enrol(enrol(CARL, Role::Person)));
    let seen = world.log.seen();
    let audit = Body::Audit(AuditHead {
        epoch: epoch_id(3),
        count: RecordCount::new(1),
        root: root_of(1),
    });
    let carry = Body::Carry(Carry {
        original: LogIndex::new(3),
        epoch: epoch_id(1),
        positions: vec![RecordPosition::new(0)],
        disposition: None,
    });
    let mail = Body::Mail(Mail {
        addressee: key(AGENT).id(),
        mailbox: x_wing(AGENT).mailbox_hash(),
    });
    let enrolment = world.control(Act::Enrol(enrol(BEA, Role::Person)));
    let delegation = world.control(delegate(Purpose::Head, &[BEA], 1));
    let cases = [
        (VAULT, batch(1), 1),
        (AUDITOR, batch(1), 1),
        (ROOT, batch(1), 1),
        (ANNA, batch(1), 1),
        (VAULT, Body::Heartbeat(heartbeat()), 0),
        (
            VAULT,
            Body::Continuation(Continuation {
                batch: SequenceNumber::new(0),
                earlier: 1,
            }),
            1,
        ),
        (AGENT, audit.clone(), 1),
        (ROOT, audit, 1),
        (AGENT, carry, 1),
        (AGENT, Body::Head(world.authority.head()), 0),
        (CARL, Body::Head(world.authority.head()), 0),
        (ROOT, governance(Purpose::Hold), 1),
        (VAULT, governance(Purpose::Hold), 1),
        (ROOT, mail.clone(), 1),
        (VAULT, mail, 1),
        (AGENT, enrolment.clone(), 0),
        (ANNA, enrolment, 0),
        (VAULT, delegation.clone(), 0),
        (ANNA, delegation, 0),
    ];
    for (signer, body, count) in cases {
        let objects = (0..count).map(|_| object(1)).collect();
        let entry = world.entry(signer, body, objects);
        expect(world, &entry, RefusalCode::NotAllowed);
    }
    let stored = world
        .draft(AGENT, Body::Stored(Stored { through: seen.size }))
        .with_seen(Some(seen));
    expect(
        world,
        &sign(stored, Vec::new(), &[AGENT]),
        RefusalCode::NotAllowed,
    );
}

fn out_of_sequence(world: &mut World) {
    *world = World::furnished();
    world.admit(&world.batch(&[1]));
    let after = world.position(AGENT);
    let skipped = ChainPosition {
        number: after.number.next(),
        previous: after.previous,
    };
    let draft = EntryDraft::new(
        world.genesis.archive_id(),
        key(AGENT).id(),
        skipped,
        batch(1),
        ms(BEGIN),
    );
    let answer = world.submit(&sign(draft, vec![object(2)], &[AGENT]));
    let Answer::Refused(refusal) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (refusal.code(), refusal.next()),
        (RefusalCode::OutOfSequence, Some(SequenceNumber::new(1)))
    );
    world.admit(&world.batch(&[2]));
}

fn cloned(world: &mut World) {
    *world = World::furnished();
    let first = world.batch(&[1]);
    let restored = world.batch(&[2]);
    let index = world.admit(&first);
    let second = world.batch(&[3]);
    world.admit(&second);
    assert_eq!(world.submit(&first), Answer::Same(index));
    expect(world, &restored, RefusalCode::Clone);
    // Another `previous` at the next number.
    let at = ChainPosition {
        number: SequenceNumber::new(2),
        previous: first.id(),
    };
    let draft = EntryDraft::new(
        world.genesis.archive_id(),
        key(AGENT).id(),
        at,
        batch(1),
        ms(BEGIN),
    );
    expect(
        world,
        &sign(draft, vec![object(4)], &[AGENT]),
        RefusalCode::Clone,
    );
}

fn withdrawn(world: &mut World) {
    *world = World::furnished();
    world.admit(&world.batch(&[1]));
    // 1 is refused; 2 and 3 were sealed behind it.
    let refused = world.batch(&[1]);
    expect(world, &refused, RefusalCode::ObjectTaken);
    let chained = |previous: &Entry, number: u64, tag: u8| {
        let at = ChainPosition {
            number: SequenceNumber::new(number),
            previous: previous.id(),
        };
        let draft = EntryDraft::new(previous.archive(), key(AGENT).id(), at, batch(1), ms(BEGIN));
        sign(draft, vec![object(tag)], &[AGENT])
    };
    let second = chained(&refused, 2, 2);
    let third = chained(&second, 3, 3);
    let body = |refused: &Entry| {
        Body::Withdrawn(Withdrawn {
            refused: refused.id(),
            code: RefusalCode::ObjectTaken,
        })
    };
    expect(world, &second, RefusalCode::OutOfSequence);
    world.admit(&world.entry(AGENT, body(&refused), Vec::new()));
    world.admit(&second);
    world.admit(&third);
    // A `withdrawn` itself names the newest admitted entry, not the refused one.
    let fourth = world.batch(&[1]);
    let fifth = chained(&fourth, 5, 1);
    world.admit(&world.entry(AGENT, body(&fourth), Vec::new()));
    let at = ChainPosition {
        number: SequenceNumber::new(5),
        previous: fourth.id(),
    };
    let wrong = EntryDraft::new(
        fourth.archive(),
        key(AGENT).id(),
        at,
        body(&fifth),
        ms(BEGIN),
    );
    expect(
        world,
        &sign(wrong, Vec::new(), &[AGENT]),
        RefusalCode::Clone,
    );
    world.admit(&world.entry(AGENT, body(&fifth), Vec::new()));
    // The next may name the `withdrawn` as well; the older refused one counts no more.
    let older = ChainPosition {
        number: SequenceNumber::new(6),
        previous: fourth.id(),
    };
    let stale = EntryDraft::new(
        fourth.archive(),
        key(AGENT).id(),
        older,
        batch(1),
        ms(BEGIN),
    );
    expect(
        world,
        &sign(stale, vec![object(6)], &[AGENT]),
        RefusalCode::Clone,
    );
    world.admit(&world.batch(&[6]));
}

fn continuation(world: &mut World) {
    *world = World::furnished();
    let further = |batch, earlier| {
        Body::Continuation(Continuation {
            batch: SequenceNumber::new(batch),
            earlier,
        })
    };
    expect(
        world,
        &world.entry(AGENT, further(0, 0), vec![object(9)]),
        RefusalCode::Malformed,
    );
    world.admit(&world.batch(&[1, 2]));
    for wrong in [further(0, 1), further(1, 2)] {
        expect(
            world,
            &world.entry(AGENT, wrong, vec![object(9)]),
            RefusalCode::Malformed,
        );
    }
    world.admit(&world.entry(AGENT, further(0, 2), vec![object(3), object(4)]));
    world.admit(&world.entry(AGENT, further(0, 4), vec![object(5)]));
    // One was refused and withdrawn: its objects count as earlier ones.
    let refused = EntryId::from_bytes([0xee; 32]);
    let body = Body::Withdrawn(Withdrawn {
        refused,
        code: RefusalCode::ObjectMissing,
    });
    world.admit(&world.entry(AGENT, body, Vec::new()));
    world.admit(&world.entry(AGENT, further(0, 8), vec![object(6)]));
    // Anything else ends the batch.
    world.admit(&world.entry(AGENT, Body::Heartbeat(heartbeat()), Vec::new()));
    expect(
        world,
        &world.entry(AGENT, further(0, 9), vec![object(7)]),
        RefusalCode::Malformed,
    );
}

fn unknown_epoch(world: &mut World) {
    *world = World::furnished();
    let audit = |epoch: u8| {
        Body::Audit(AuditHead {
            epoch: epoch_id(epoch),
            count: RecordCount::new(1),
            root: root_of(1),
        })
    };
    for epoch in [3, 77] {
        expect(
            world,
            &world.entry(AGENT, batch(epoch), vec![object(1)]),
            RefusalCode::UnknownEpoch,
        );
    }
    for epoch in [1, 2, 77] {
        expect(
            world,
            &world.entry(VAULT, audit(epoch), vec![object(1)]),
            RefusalCode::UnknownEpoch,
        );
    }
    let beat = Body::Heartbeat(Heartbeat {
        details: Some(epoch_id(1)),
        ..heartbeat()
    });
    expect(
        world,
        &world.entry(AGENT, beat, vec![object(1)]),
        RefusalCode::UnknownEpoch,
    );
    // An epoch that ended long ago takes what was sealed to it; none is named before its time.
    world.now = BEGIN + 400 * DAY;
    world.admit(&world.entry(AGENT, batch(1), vec![object(1)]));
    world.admit(&world.entry(AGENT, batch(2), vec![object(2)]));
    let early = PublishedEpoch {
        from: ms(world.now + 31 * DAY + 1),
        until: ms(world.now + 90 * DAY),
        ..epoch(5, EpochUse::Period)
    };
    let near = PublishedEpoch {
        from: ms(world.now + 31 * DAY),
        until: ms(world.now + 90 * DAY),
        ..epoch(6, EpochUse::Period)
    };
    world.act(Act::Recipients(Recipients {
        epochs: vec![early, near],
    }));
    expect(
        world,
        &world.entry(AGENT, batch(5), vec![object(3)]),
        RefusalCode::UnknownEpoch,
    );
    world.admit(&world.entry(AGENT, batch(6), vec![object(3)]));
}

fn objects(world: &mut World) {
    *world = World::furnished();
    world.missing = vec![object(2).hash];
    expect(world, &world.batch(&[1, 2]), RefusalCode::ObjectMissing);
    world.missing.clear();
    world.admit(&world.batch(&[1, 2]));
    expect(world, &world.batch(&[3, 2]), RefusalCode::ObjectTaken);
    world.admit(&world.batch(&[3]));
}

fn fork(world: &mut World) {
    *world = World::furnished();
    let seen = world.log.seen();
    let beat = |world: &World, seen| {
        sign(
            world
                .draft(AGENT, Body::Heartbeat(heartbeat()))
                .with_seen(Some(seen)),
            Vec::new(),
            &[AGENT],
        )
    };
    let newer = Seen {
        size: TreeSize::new(seen.size.get() + 1),
        ..seen
    };
    let contradicts = Seen {
        root: Hash::leaf(b"another tree"),
        ..seen
    };
    let empty = Seen {
        size: TreeSize::ZERO,
        ..seen
    };
    for wrong in [newer, contradicts, empty] {
        expect(world, &beat(world, wrong), RefusalCode::Fork);
    }
    world.admit(&beat(world, seen));
    world.admit(&beat(
        world,
        Seen {
            size: TreeSize::ZERO,
            root: Hash::empty_root(),
        },
    ));
    world.admit(&beat(
        world,
        Seen {
            size: TreeSize::new(2),
            root: world.log.roots[1],
        },
    ));
    // LEAF-1: time of admission never goes back.
    world.now -= 1;
    expect(world, &world.batch(&[1]), RefusalCode::Fork);
}

fn control_chain(world: &mut World) {
    *world = World::furnished();
    let head = world.authority.head();
    let act = || Act::Enrol(enrol(CARL, Role::Person));
    let ahead = Control {
        number: head.number.next().next(),
        previous: head.id,
        act: act(),
    };
    let behind = Control {
        number: head.number,
        previous: head.id,
        act: act(),
    };
    let other = Control {
        number: head.number.next(),
        previous: ControlId::from_bytes([1; 32]),
        act: act(),
    };
    for control in [ahead, behind, other] {
        expect(
            world,
            &world.entry(ROOT, Body::Control(control), Vec::new()),
            RefusalCode::ControlChain,
        );
    }
    let twin = PublishedEpoch {
        id: epoch_id(8),
        ..epoch(9, EpochUse::Period)
    };
    let impossible = [
        Act::Enrol(enrol(AGENT, Role::Vault)),
        Act::Enrol(enrol(ROOT, Role::Person)),
        Act::Enrol(Enrol {
            follows: Some(key(STRANGER).id()),
            follows_until: Some(SequenceNumber::new(1)),
            ..enrol(CARL, Role::Agent)
        }),
        Act::Revoke(Revoke {
            signer: key(STRANGER).id(),
            how: Revocation::Retired(ms(0)),
        }),
        Act::Revoke(Revoke {
            signer: key(ROOT).id(),
            how: Revocation::Retired(ms(0)),
        }),
        Act::Undelegate(Undelegate {
            purpose: Purpose::Head,
            delegation: ControlNumber::new(1),
        }),
        Act::Recipients(Recipients {
            epochs: vec![epoch(1, EpochUse::Period)],
        }),
        Act::Recipients(Recipients {
            epochs: vec![epoch(8, EpochUse::Period), epoch(8, EpochUse::Reserve)],
        }),
        Act::Recipients(Recipients { epochs: vec![twin] }),
    ];
    for act in impossible {
        expect(
            world,
            &world.entry(ROOT, world.control(act), Vec::new()),
            RefusalCode::ControlChain,
        );
    }
    let stale = ControlHead {
        number: ControlNumber::new(1),
        id: head.id,
    };
    expect(
        world,
        &world.entry(ROOT, Body::Head(stale), Vec::new()),
        RefusalCode::ControlChain,
    );
    world.act(act());
}

fn mailboxes(world: &mut World) {
    *world = World::furnished();
    world.act(delegate(Purpose::Plan, &[ANNA], 1));
    let mail = |world: &World, to: u8, mailbox: u8, tag: u8| {
        let body = Body::Mail(Mail {
            addressee: key(to).id(),
            mailbox: x_wing(mailbox).mailbox_hash(),
        });
        world.entry(ANNA, body, vec![object(tag)])
    };
    world.admit(&mail(world, AGENT, AGENT, 40));
    // Another key than the agent's, a stranger, the delegate, the root, and a vault without a mailbox.
    for (to, mailbox) in [
        (AGENT, AGENT + 1),
        (STRANGER, STRANGER),
        (ANNA, ANNA),
        (ROOT, ROOT),
        (VAULT, VAULT),
    ] {
        expect(
            world,
            &mail(world, to, mailbox, 41),
            RefusalCode::NotAllowed,
        );
    }
    // The vault is given one: with its own role, nothing else, once.
    let given = |role| Enrol {
        mailbox: Some(x_wing(VAULT)),
        ..enrol(VAULT, role)
    };
    let wrong = [
        given(Role::Person),
        Enrol {
            mailbox: None,
            ..given(Role::Vault)
        },
        Enrol {
            tls: Some(TlsIdentity::from_bytes([8; 32])),
            ..given(Role::Vault)
        },
        Enrol {
            follows: Some(key(AGENT).id()),
            follows_until: Some(SequenceNumber::new(1)),
            ..given(Role::Vault)
        },
    ];
    for act in wrong {
        let act = world.control(Act::Enrol(act));
        expect(
            world,
            &world.entry(ROOT, act, Vec::new()),
            RefusalCode::ControlChain,
        );
    }
    world.act(Act::Enrol(given(Role::Vault)));
    let again = world.control(Act::Enrol(given(Role::Vault)));
    expect(
        world,
        &world.entry(ROOT, again, Vec::new()),
        RefusalCode::ControlChain,
    );
    world.admit(&mail(world, VAULT, VAULT, 42));
    // It is the vault that it was.
    let seen = world.log.seen();
    let stored = Body::Stored(Stored { through: seen.size });
    world.admit(&sign(
        world.draft(VAULT, stored).with_seen(Some(seen)),
        Vec::new(),
        &[VAULT],
    ));
}

fn thresholds(world: &mut World) {
    *world = World::furnished();
    world.act(delegate(Purpose::Dispose, &[ANNA, BEA, CARL], 2));
    world.act(delegate(Purpose::Enrol, &[ANNA, BEA], 2));
    let dispose = |world: &World, carrier: u8, signers: &[u8]| {
        world.entry_signed(
            carrier,
            governance(Purpose::Dispose),
            vec![object(1)],
            signers,
        )
    };
    // One of two, a stranger to the delegation in place of one, and one too many.
    for signers in [&[ANNA][..], &[ANNA, VAULT], &[ANNA, BEA, AUDITOR]] {
        expect(
            world,
            &dispose(world, ANNA, signers),
            RefusalCode::BadSignature,
        );
    }
    for signers in [&[VAULT][..], &[VAULT, ANNA], &[VAULT, ANNA, AUDITOR]] {
        expect(
            world,
            &dispose(world, VAULT, signers),
            RefusalCode::BadSignature,
        );
    }
    expect(
        world,
        &dispose(world, AGENT, &[AGENT, ANNA, BEA]),
        RefusalCode::NotAllowed,
    );
    world.admit(&dispose(world, VAULT, &[VAULT, ANNA, BEA]));
    let all = world.entry_signed(
        CARL,
        governance(Purpose::Dispose),
        vec![object(2)],
        &[ANNA, BEA, CARL],
    );
    world.admit(&all);

    let act = world.control(Act::Enrol(enrol(CARL, Role::Person)));
    expect(
        world,
        &world.entry(ANNA, act.clone(), Vec::new()),
        RefusalCode::BadSignature,
    );
    expect(
        world,
        &world.entry_signed(ANNA, act.clone(), Vec::new(), &[ANNA, CARL]),
        RefusalCode::BadSignature,
    );
    expect(
        world,
        &world.entry_signed(VAULT, act.clone(), Vec::new(), &[VAULT, ANNA, BEA]),
        RefusalCode::NotAllowed,
    );
    world.admit(&world.entry_signed(BEA, act, Vec::new(), &[ANNA, BEA]));
}

fn delegations_end(world: &mut World) {
    *world = World::furnished();
    world.act(delegate(Purpose::Head, &[ANNA, BEA], 1));
    world.act(delegate(Purpose::Produce, &[ANNA, BEA, CARL], 2));
    let number = world.authority.delegations()[0].number();
    let head =
        |world: &World, seed| world.entry(seed, Body::Head(world.authority.head()), Vec::new());
    world.admit(&head(world, ANNA));
    world.act(Act::Undelegate(Undelegate {
        purpose: Purpose::Head,
        delegation: number,
    }));
    expect(world, &head(world, ANNA), RefusalCode::NotAllowed);
    expect(world, &head(world, BEA), RefusalCode::NotAllowed);

    // A compromised delegate counts no more, not even beside others.
    world.act(Act::Revoke(Revoke {
        signer: key(CARL).id(),
        how: Revocation::Compromised(SequenceNumber::new(0)),
    }));
    let produce = |world: &World, object_number, signers: &[u8]| {
        world.entry_signed(
            ANNA,
            governance(Purpose::Produce),
            vec![object(object_number)],
            signers,
        )
    };
    expect(
        world,
        &produce(world, 1, &[ANNA, CARL]),
        RefusalCode::BadSignature,
    );
    world.admit(&produce(world, 1, &[ANNA, BEA]));

    let audit_epoch = PublishedEpoch {
        until: ms(BEGIN + 400 * DAY),
        ..epoch(30, EpochUse::Governance)
    };
    world.act(Act::Recipients(Recipients {
        epochs: vec![audit_epoch],
    }));
    let late = |world: &World, tag| {
        let body = Body::Governance(GovernanceHead {
            epoch: epoch_id(30),
            count: RecordCount::new(1),
            root: root_of(6),
            purpose: Purpose::Produce,
        });
        world.entry_signed(ANNA, body, vec![object(tag)], &[ANNA, BEA])
    };
    world.now = BEGIN + 365 * DAY - 1;
    world.admit(&late(world, 2));
    world.now += 1;
    expect(world, &late(world, 3), RefusalCode::NotAllowed);
}

fn expect(world: &mut World, entry: &Entry, code: RefusalCode) {
    let size = world.log.leaves.len();
    let answer = world.submit(entry);
    assert_eq!(
        answer.code(),
        Some(code),
        "{:?} by {:?}: {answer:?}",
        entry.kind(),
        entry.signer()
    );
    assert_eq!(world.log.leaves.len(), size);
}
