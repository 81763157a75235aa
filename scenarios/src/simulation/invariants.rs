//! What must hold after every step, by name, and what must hold at the end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use capture::Halt;
use tlog::TreeSize;
use vault::watch::{Gap, GapWhy};
use wire::{Act, Body, Kind, Revocation, Role, SignerId};

use super::parties::{AgentHost, parts, record, record_id};
use super::world::{Violation, World};

/// How long silence may last: twice the heartbeat, which is an hour by default.
const PATIENCE: i64 = 2 * 3_600_000;

/// An invariant: what is wrong, if it does not hold.
pub type Invariant = fn(&mut World) -> Result<(), String>;

/// All of them, by the promise that they keep.
pub const ALL: &[(&str, Invariant)] = &[
    ("NOTHING-LOST", nothing_lost),
    ("STORED-IS-HELD", stored_is_held),
    ("RECEIPTS-STAND", receipts_stand),
    ("NOTHING-ALTERED", nothing_altered),
    ("GAPS-SHOW", gaps_show),
    ("QUIET", quiet),
];

/// What an agent has told to be durable is in its spool, or the vault holds it. A number that was
/// given out is never given out again.
fn nothing_lost(world: &mut World) -> Result<(), String> {
    for at in world.touched.clone() {
        let Some(agent) = world.agents[at].agent().cloned() else {
            continue;
        };
        let (next, kept) = {
            let spool = agent.spool();
            let tip = spool.tip().map_err(|error| error.to_string())?;
            let counts = spool.counts().map_err(|error| error.to_string())?;
            (tip.next.number.get(), counts.waiting + counts.receipted)
        };
        let told = &world.agents[at].told;
        let promised = told.entries.values().map(|entries| entries.end).max();
        if promised.is_some_and(|promised| promised > next) || next < told.next {
            return Err(format!("agent {at} has forgotten entries: {next} is next"));
        }
        let signer = world.agents[at].signer();
        let let_go = next.checked_sub(kept).ok_or("more entries than numbers")?;
        for number in world.agents[at].let_go..let_go {
            let Some(place) = world.log.place(&signer, number) else {
                return Err(format!(
                    "agent {at} let go of {number}, which is not logged"
                ));
            };
            if place as u64 >= world.log.stored() {
                return Err(format!(
                    "agent {at} let go of {number} at {place}, where the vault has said {}",
                    world.log.stored()
                ));
            }
            held(world, place).map_err(|why| format!("agent {at} let go of {number}: {why}"))?;
        }
        world.agents[at].let_go = let_go;
        world.agents[at].told.next = next;
    }
    Ok(())
}

/// What the vault has said to hold, it holds.
fn stored_is_held(world: &mut World) -> Result<(), String> {
    let through = usize::try_from(world.log.stored()).unwrap_or(usize::MAX);
    if through > world.log.size() {
        return Err(format!("the vault says {through} of {}", world.log.size()));
    }
    for index in world.held..through {
        held(world, index)?;
    }
    world.held = world.held.max(through);
    Ok(())
}

/// Every object of the entry at an index is in the vault's mirror, whole.
fn held(world: &World, index: usize) -> Result<(), String> {
    let mirror = world.vault.folder().mirror();
    let Some(leaf) = world.log.leaf(index) else {
        return Err(format!("there is no leaf {index}"));
    };
    for object in leaf.entry().objects() {
        let path = mirror.object_path(object.hash);
        let bytes = std::fs::read(path)
            .map_err(|error| format!("object {} of leaf {index}: {error}", object.hash))?;
        if canonical::sha256(&bytes) != *object.hash.as_bytes() {
            return Err(format!("object {} of leaf {index} is another", object.hash));
        }
    }
    Ok(())
}

/// What an agent has a receipt for stands in the log, under its number.
fn receipts_stand(world: &mut World) -> Result<(), String> {
    for at in world.touched.clone() {
        let Some(agent) = world.agents[at].agent() else {
            continue;
        };
        let tip = agent.spool().tip().map_err(|error| error.to_string())?;
        let Some(last) = tip.admitted.number.get().checked_sub(1) else {
            continue;
        };
        let place = world.log.place(&world.agents[at].signer(), last);
        let id = place
            .and_then(|place| world.log.leaf(place))
            .map(|leaf| leaf.entry().id());
        if id != Some(tip.admitted.previous) {
            return Err(format!(
                "agent {at} has a receipt for {last}, which is not logged"
            ));
        }
    }
    Ok(())
}

/// Everybody has seen the same log.
fn nothing_altered(world: &mut World) -> Result<(), String> {
    let same = |who: &str, size: TreeSize, root: tlog::Hash| match world.log.root_at(size) {
        Some(known) if known == root => Ok(()),
        Some(_) => Err(format!("{who} has seen another log of {size}")),
        None => Err(format!(
            "{who} has seen a log of {size}, which was not published"
        )),
    };
    for at in &world.touched {
        let Some(agent) = world.agents[*at].agent() else {
            continue;
        };
        let seen = agent.spool().seen().map_err(|error| error.to_string())?;
        if let Some(seen) = seen {
            same(&format!("agent {at}"), seen.size, seen.root)?;
        }
    }
    if let Some(locked) = world.vault.locked() {
        let head = locked.state().head().map_err(|error| error.to_string())?;
        if let Some(head) = head {
            same("the vault", head.seen.size, head.seen.root)?;
        }
    }
    Ok(())
}

/// The vault shows exactly the silences that the log has, and every object that it lacks.
fn gaps_show(world: &mut World) -> Result<(), String> {
    let Some(locked) = world.vault.locked() else {
        return Ok(());
    };
    let state = locked.state();
    let now = world.vault.time.now();
    let size = match state.head().map_err(|error| error.to_string())? {
        Some(head) => usize::try_from(head.seen.size.get()).unwrap_or(usize::MAX),
        None => return Ok(()),
    };
    let gaps = vault::watch::gaps(state, now).map_err(|error| error.to_string())?;
    let shown: BTreeSet<_> = gaps
        .iter()
        .filter(|gap| gap.why == GapWhy::Silent)
        .map(|gap| (gap.signer.clone().unwrap_or_default(), gap.from, gap.to))
        .collect();
    let silences = silences(world, size, now.get());
    if shown != silences {
        let missing: Vec<_> = silences.difference(&shown).collect();
        let invented: Vec<_> = shown.difference(&silences).collect();
        return Err(format!(
            "silences not shown: {missing:?}; invented: {invented:?}"
        ));
    }
    let stored = state.stored_through().map_err(|error| error.to_string())?;
    let lacks = |gap: &Gap| {
        let object = matches!(
            gap.why,
            GapWhy::ObjectMissing | GapWhy::ObjectDamaged | GapWhy::ObjectAwaited
        );
        object && gap.index == Some(stored.get())
    };
    if (stored.get() as usize) < size && !gaps.iter().any(lacks) {
        return Err(format!(
            "the object that holds `stored` back at {stored} is not shown"
        ));
    }
    Ok(())
}

/// The silences of the log's first `size` leaves at a time, as the rules say.
fn silences(world: &World, size: usize, now: i64) -> BTreeSet<(String, i64, Option<i64>)> {
    let mut last: BTreeMap<SignerId, i64> = BTreeMap::new();
    let mut ended: HashMap<SignerId, i64> = HashMap::new();
    let mut all = BTreeSet::new();
    let name = |signer: &SignerId| canonical::hex(signer.as_bytes());
    for leaf in world.log.leaves().iter().take(size) {
        let at = leaf.admitted_at().time().get();
        if let Some(before) = last.get_mut(&leaf.entry().signer()) {
            if at - *before > PATIENCE {
                all.insert((name(&leaf.entry().signer()), *before, Some(at)));
            }
            *before = at;
        }
        if let Body::Control(control) = leaf.entry().body() {
            match &control.act {
                Act::Enrol(enrol) if enrol.role == Role::Agent => {
                    last.entry(enrol.key.signer_id()).or_insert(at);
                }
                Act::Revoke(revoke) => {
                    let end = match revoke.how {
                        Revocation::Retired(until) => until.get().max(at),
                        Revocation::Compromised(_) => at,
                    };
                    ended.insert(revoke.signer, end);
                }
                _ => {}
            }
        }
    }
    for (signer, at) in &last {
        let over = ended.get(signer).is_some_and(|end| *end <= now);
        if !over && now - at > PATIENCE {
            all.insert((name(signer), *at, None));
        }
    }
    all
}

/// Nobody raises an alarm about a relay that is honest; an agent stops only when it is not enrolled,
/// is revoked, or was copied.
fn quiet(world: &mut World) -> Result<(), String> {
    for at in &world.touched {
        let host = &world.agents[*at];
        let halt = host.courier().and_then(|courier| courier.halt());
        let expected = match halt {
            None | Some(Halt::NotEnrolled) => true,
            Some(Halt::Clone) => host.copied,
            // The chain may not have reached it yet, or its clock be behind the relay's.
            Some(Halt::Revoked | Halt::Denied) => world.log.revoked(&host.signer()).is_some(),
            Some(_) => false,
        };
        if !expected {
            return Err(format!("agent {at} stops: {halt:?}"));
        }
    }
    let Some(locked) = world.vault.locked() else {
        return Ok(());
    };
    let alarms = locked.state().alarms().map_err(|error| error.to_string())?;
    match alarms.first() {
        // The agents' entries that the relay refuses are theirs to withdraw; the vault's never are.
        Some((_, what)) => Err(format!("the vault alarms: {what}")),
        None => Ok(()),
    }
}

/// Whether everything that can be delivered is.
pub(super) fn is_settled(world: &World) -> bool {
    let agents = world.agents.iter().all(|host| {
        let Some(agent) = host.agent() else {
            return false;
        };
        let spool = agent.spool();
        let halted = is_stopped(world, host);
        let empty = spool
            .counts()
            .is_ok_and(|counts| counts.waiting + counts.receipted == 0);
        let captured = host.told.happened <= host.told.durable;
        halted || (empty && captured)
    });
    agents && world.owner.waiting().is_empty()
}

/// Whether an agent may not deliver any more, and knows it.
fn is_stopped(world: &World, host: &AgentHost) -> bool {
    let halted = host
        .courier()
        .is_some_and(|courier| courier.halt().is_some());
    halted || world.log.revoked(&host.signer()).is_some()
}

/// What is not delivered.
pub(super) fn unsettled(world: &World) -> String {
    let mut text = format!("{} acts wait", world.owner.waiting().len());
    for (at, host) in world.agents.iter().enumerate() {
        let Some(agent) = host.agent() else {
            text += &format!("; agent {at} is down");
            continue;
        };
        let halt = host.courier().and_then(|courier| courier.halt().cloned());
        if let Ok(counts) = agent.spool().counts() {
            text += &format!("; agent {at}: {counts:?}, {halt:?}");
        }
    }
    if let Some(locked) = world.vault.locked()
        && let Ok(stored) = locked.state().stored_through()
    {
        text += &format!("; the vault holds {stored} of {}", world.log.size());
    }
    text
}

/// Everything sent against everything archived, opened by the owner.
pub(super) fn at_the_end(world: &mut World) -> Result<(), Violation> {
    let violated = |invariant: &str, detail: String| Violation {
        invariant: invariant.to_owned(),
        detail,
    };
    whole(world).map_err(|detail| violated("WHOLE", detail))?;
    let sound = vault::verify::verify_archive(
        &world.vault.folder().mirror(),
        Some(world.owner.genesis().archive_id()),
        &mut |_, _| {},
    );
    match sound {
        Ok(report) if report.is_sound() => {}
        other => return Err(violated("NOTHING-ALTERED", format!("verify: {other:?}"))),
    }
    only_owner(world).map_err(|detail| violated("ONLY-OWNER", detail))
}

/// Each record of each event that was told durable was archived as it was, once, or stands in its
/// agent's spool because the agent may not deliver any more.
fn whole(world: &World) -> Result<(), String> {
    let mirror = world.vault.folder().mirror();
    let entries = vault::verify::verified_entries(&mirror).map_err(|error| error.to_string())?;
    let mut archived: HashMap<String, Vec<(SignerId, u64)>> = HashMap::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.entry().kind() == Kind::Batch)
    {
        let Body::Batch(head) = entry.entry().body() else {
            continue;
        };
        let key = world
            .owner
            .opening(&head.epoch)
            .ok_or_else(|| format!("leaf {} is sealed to a foreign epoch", entry.index()))?;
        let object = mirror.object_path(entry.entry().objects()[0].hash);
        let bytes = std::fs::read(object).map_err(|error| error.to_string())?;
        let batch = seal::open_batch(key, entry, &bytes).map_err(|error| error.to_string())?;
        for opened in batch.records() {
            let opened = opened.map_err(|error| error.to_string())?;
            let envelope = opened.record().envelope();
            let id = envelope.source_id().as_str().to_owned();
            let place = (entry.entry().signer(), entry.entry().number().get());
            if let Some((name, event, part)) = parse(&id) {
                let sent = record(name, event, part, canonical::Milliseconds::new(0));
                if sent.body() != opened.record().body() {
                    return Err(format!("{id} was altered"));
                }
            }
            archived.entry(id).or_default().push(place);
        }
    }
    for (at, host) in world.agents.iter().enumerate() {
        let signer = host.signer();
        let halted = is_stopped(world, host);
        for (event, numbers) in &host.told.entries {
            let refused = numbers
                .clone()
                .any(|number| is_withdrawn(world, &signer, number));
            for part in 0..parts(*event) {
                let id = record_id(&host.name, *event, part);
                let places = archived.get(&id).map_or(&[][..], Vec::as_slice);
                let own = places.iter().filter(|place| place.0 == signer).count();
                if own > 1 && !host.copied {
                    return Err(format!("{id} was archived {own} times"));
                }
                if own == 0 && !halted && !refused {
                    return Err(format!(
                        "{id} of agent {at}, entries {numbers:?}, is not archived"
                    ));
                }
            }
        }
    }
    Ok(())
}

fn is_withdrawn(world: &World, signer: &SignerId, number: u64) -> bool {
    world
        .log
        .place(signer, number)
        .and_then(|place| world.log.leaf(place))
        .is_some_and(|leaf| leaf.entry().kind() == Kind::Withdrawn)
}

fn parse(id: &str) -> Option<(&str, u64, u64)> {
    let mut fields = id.split('/');
    let (name, event, part) = (fields.next()?, fields.next()?, fields.next()?);
    Some((name, event.parse().ok()?, part.parse().ok()?))
}

/// Nothing of what was written stands in any file of relay, agents or the locked vault.
fn only_owner(world: &World) -> Result<(), String> {
    let finder = memchr::memmem::Finder::new(b"what a");
    let second = memchr::memmem::Finder::new(b"original of");
    let third = memchr::memmem::Finder::new(b"attachment of");
    let mut folders = vec![world.folder.clone()];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(&folder).map_err(|error| error.to_string())? {
            let path = file.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
            if [&finder, &second, &third]
                .iter()
                .any(|finder| finder.find(&bytes).is_some())
            {
                return Err(format!("{} tells what was written", path.display()));
            }
        }
    }
    Ok(())
}
