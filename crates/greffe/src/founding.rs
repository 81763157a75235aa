//! Founding an archive: keys, genesis, and the first acts of its control chain.
//!
//! The owner keeps these entries, so that a new relay can begin the same log after the old one
//! was lost. The root's key is wrapped under the vault key; it signs here and when keys are made
//! ahead, and lies idle otherwise.

use canonical::Milliseconds;
use seal::keyring::{Keyring, PassphraseCost, UnlockedKeyring, WrappedSigningKey};
use seal::{NewEpoch, Period, Randomness, Share, Threshold, make_epoch};
use wire::{
    Act, ArchiveId, Body, ChainPosition, Control, ControlHead, ControlNumber, Enrol, Entry,
    EntryDraft, EpochUse, Genesis, GenesisNonce, PublicKey, Recipients, RetentionClass, Role,
    SignerKey, WitnessPolicy, XWingKey,
};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Recipients published in one entry: each takes some 1.3 kB of the 16 KiB.
const EPOCHS_IN_ENTRY: usize = 10;
/// Governance epochs and reserves are sealed to for so long: ten years of 365 days, in milliseconds.
const STANDING: i64 = 10 * 365 * DAY;
const DAY: i64 = 24 * 3600 * 1000;
/// The one retention class until schedules come.
const CLASS: RetentionClass = RetentionClass::new(0);

/// How the owner holds the keys.
pub(crate) enum Custody<'a> {
    /// One passphrase.
    Passphrase(&'a str, PassphraseCost),
    /// k of n holders.
    Shares(Threshold),
}

/// What an archive begins with.
pub(crate) struct Plan {
    /// Sealing periods to make keys for.
    pub(crate) periods: Vec<Period>,
    /// Years before a period's key may be destroyed.
    pub(crate) years: u16,
    /// Who cosigns.
    pub(crate) witnesses: WitnessPolicy,
}

/// The owner's half of a new archive: keys and genesis. Its parts are enrolled next.
pub(crate) struct Founding {
    genesis: Genesis,
    ring: UnlockedKeyring,
    root_seed: Zeroizing<[u8; 32]>,
    log_seed: Zeroizing<[u8; 32]>,
    epochs: Vec<NewEpoch>,
    shares: Vec<Share>,
    now: Milliseconds,
}

/// A founded archive, to be written to the owner's folder.
pub(crate) struct Founded {
    /// The genesis entry and the first control entries, in order.
    pub(crate) entries: Vec<Entry>,
    pub(crate) keyring: Keyring,
    pub(crate) root: WrappedSigningKey,
    /// Empty under a passphrase.
    pub(crate) shares: Vec<Share>,
}

impl Founding {
    /// Makes the root, the log's key, the keyring and the first epochs.
    pub(crate) fn begin(
        plan: &Plan,
        custody: &Custody<'_>,
        now: Milliseconds,
        randomness: &mut dyn Randomness,
    ) -> Result<Self, Failure> {
        let (root_seed, log_seed) = (seed(randomness), seed(randomness));
        let mut nonce = [0; 16];
        randomness.fill(&mut nonce);
        let genesis = Genesis::new(
            signer(&root_seed)?.public(),
            vec![signer(&log_seed)?.public()],
            plan.witnesses.clone(),
            now,
            GenesisNonce::from_bytes(nonce),
        )
        .map_err(|error| failed(&error))?;
        let archive = genesis.archive_id();
        let (mut ring, shares) = match custody {
            Custody::Passphrase(passphrase, cost) => {
                UnlockedKeyring::with_passphrase(archive, passphrase, *cost, randomness)
                    .map(|ring| (ring, Vec::new()))
            }
            Custody::Shares(threshold) => {
                UnlockedKeyring::with_shares(archive, *threshold, randomness)
            }
        }
        .map_err(|error| failed(&error))?;
        let epochs = first_epochs(plan, now, randomness);
        ring.add_epochs(&epochs, randomness)
            .map_err(|error| failed(&error))?;
        Ok(Self {
            genesis,
            ring,
            root_seed,
            log_seed,
            epochs,
            shares,
            now,
        })
    }

    /// The genesis.
    pub(crate) fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The seed of the log's key, for the relay.
    pub(crate) fn log_seed(&self) -> &[u8; 32] {
        &self.log_seed
    }

    /// Signs the genesis, the recipients and the enrolment of vault and agent, the latter with its
    /// mailbox key, so that it can get a plan.
    pub(crate) fn finish(
        self,
        vault: PublicKey,
        (agent, mailbox): (PublicKey, XWingKey),
        randomness: &mut dyn Randomness,
    ) -> Result<Founded, Failure> {
        let root = signer(&self.root_seed)?;
        let head = ControlHead {
            number: ControlNumber::new(0),
            id: self.genesis.control_id(),
        };
        let archive = self.genesis.archive_id();
        let mut writer = ControlWriter::new(archive, &root, ChainPosition::FIRST, head, self.now);
        writer.sign(Body::Genesis(self.genesis))?;
        writer.publish(&self.epochs)?;
        writer.act(enrol(vault, Role::Vault, None))?;
        writer.act(enrol(agent, Role::Agent, Some(mailbox)))?;
        let entries = writer.into_entries();
        let root = self
            .ring
            .wrap_signing_key(&self.root_seed, randomness)
            .map_err(|error| failed(&error))?;
        Ok(Founded {
            entries,
            keyring: self.ring.lock(),
            root,
            shares: self.shares,
        })
    }
}

/// Signs acts of the control chain with the root's key, one behind the other.
pub(crate) struct ControlWriter<'a> {
    archive: ArchiveId,
    root: &'a SignerKey,
    at: ChainPosition,
    head: ControlHead,
    now: Milliseconds,
    entries: Vec<Entry>,
}

impl<'a> ControlWriter<'a> {
    /// Goes on behind the root's last entry (`at`) and the chain's last act (`head`).
    pub(crate) fn new(
        archive: ArchiveId,
        root: &'a SignerKey,
        at: ChainPosition,
        head: ControlHead,
        now: Milliseconds,
    ) -> Self {
        Self {
            archive,
            root,
            at,
            head,
            now,
            entries: Vec::new(),
        }
    }

    /// Publishes the public halves of new epochs, in as many entries as it takes.
    pub(crate) fn publish(&mut self, epochs: &[NewEpoch]) -> Result<(), Failure> {
        epochs
            .chunks(EPOCHS_IN_ENTRY)
            .try_for_each(|some| self.act(recipients(some)))
    }

    /// The same for epochs that a keyring holds already.
    pub(crate) fn publish_all(&mut self, epochs: &[wire::PublishedEpoch]) -> Result<(), Failure> {
        epochs.chunks(EPOCHS_IN_ENTRY).try_for_each(|some| {
            self.act(Act::Recipients(Recipients {
                epochs: some.to_vec(),
            }))
        })
    }

    /// Lets keys act for a purpose, so many of them together, until a time.
    pub(crate) fn delegate(
        &mut self,
        purpose: wire::Purpose,
        keys: Vec<PublicKey>,
        threshold: u8,
        until: Milliseconds,
    ) -> Result<(), Failure> {
        self.act(Act::Delegate(wire::Delegate {
            purpose,
            keys,
            threshold,
            until,
        }))
    }

    /// Ends a delegation.
    pub(crate) fn undelegate(
        &mut self,
        purpose: wire::Purpose,
        delegation: ControlNumber,
    ) -> Result<(), Failure> {
        self.act(Act::Undelegate(wire::Undelegate {
            purpose,
            delegation,
        }))
    }

    /// The entries signed, in order.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    fn act(&mut self, act: Act) -> Result<(), Failure> {
        let control = Control {
            number: self.head.number.next(),
            previous: self.head.id,
            act,
        };
        self.head = ControlHead {
            number: control.number,
            id: control.id(),
        };
        self.sign(Body::Control(control))
    }

    fn sign(&mut self, body: Body) -> Result<(), Failure> {
        let entry = EntryDraft::new(self.archive, self.root.id(), self.at, body, self.now)
            .with_objects(Vec::new())
            .and_then(|entry| entry.sign(&[self.root]))
            .map_err(|error| failed(&error))?;
        self.at = ChainPosition {
            number: self.at.number.next(),
            previous: entry.id(),
        };
        self.entries.push(entry);
        Ok(())
    }
}

/// New epochs for periods of sealing.
pub(crate) fn period_epochs(
    periods: &[Period],
    years: u16,
    randomness: &mut dyn Randomness,
) -> Vec<NewEpoch> {
    periods
        .iter()
        .map(|period| {
            let keep_until = period.until.plus(i64::from(years) * 365 * DAY);
            make_epoch(CLASS, EpochUse::Period, *period, keep_until, randomness)
        })
        .collect()
}

fn first_epochs(plan: &Plan, now: Milliseconds, randomness: &mut dyn Randomness) -> Vec<NewEpoch> {
    let mut epochs = period_epochs(&plan.periods, plan.years, randomness);
    let standing = Period {
        from: now,
        until: now.plus(STANDING),
    };
    let keep_until = standing.until.plus(i64::from(plan.years) * 365 * DAY);
    for usage in [EpochUse::Reserve, EpochUse::Governance] {
        epochs.push(make_epoch(CLASS, usage, standing, keep_until, randomness));
    }
    epochs
}

fn recipients(epochs: &[NewEpoch]) -> Act {
    Act::Recipients(Recipients {
        epochs: epochs
            .iter()
            .map(|epoch| epoch.published().clone())
            .collect(),
    })
}

fn enrol(key: PublicKey, role: Role, mailbox: Option<XWingKey>) -> Act {
    Act::Enrol(Enrol {
        key,
        role,
        mailbox,
        follows: None,
        follows_until: None,
        tls: None,
    })
}

/// The signer of a seed.
pub(crate) fn signer(seed: &[u8; 32]) -> Result<SignerKey, Failure> {
    SignerKey::from_seed(seed).map_err(|error| failed(&error))
}

fn seed(randomness: &mut dyn Randomness) -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    randomness.fill(seed.as_mut());
    seed
}

fn failed(error: &dyn std::error::Error) -> Failure {
    Failure::new("founding-failed").because(error)
}
