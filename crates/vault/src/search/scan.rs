//! The judge of searches: every record looked at, one by one, without any index.
//!
//! Slow and simple on purpose. Tests hold the index against it, and `doctor` may.

use std::collections::{HashMap, HashSet};

use record::{Record, RecordId};

use super::matching::{near_starts, sequence_starts};
use super::query::{Node, Query, Role};
use super::words::{Sequence, Words};
use crate::partition::{CatalogueError, Filed, Partition, People, Somebody};

/// All records of one partition, as they were filed.
pub struct Scan {
    filed: Vec<Filed>,
    names: HashMap<String, HashSet<String>>,
    titles: HashMap<(String, String, String), HashSet<String>>,
    rosters: HashMap<RecordId, HashSet<String>>,
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scan(‹{} records›)", self.filed.len())
    }
}

impl Scan {
    /// Over records that are at hand.
    pub fn over(filed: Vec<Filed>) -> Self {
        let mut scan = Self {
            filed,
            names: HashMap::new(),
            titles: HashMap::new(),
            rosters: HashMap::new(),
        };
        for filed in &scan.filed {
            for one in filed
                .authors
                .iter()
                .chain(&filed.recipients)
                .chain(&filed.members)
            {
                let names = scan.names.entry(one.id.clone()).or_default();
                names.insert(one.id.clone());
                names.extend(one.names.iter().cloned());
            }
            let titles = scan.titles.entry(key(filed)).or_default();
            titles.insert(filed.conversation.clone());
            titles.extend(filed.titles.iter().cloned());
            if !filed.members.is_empty() {
                let members = filed.members.iter().map(|member| member.id.clone());
                scan.rosters.entry(filed.id).or_default().extend(members);
            }
        }
        scan
    }

    /// Over a partition's stored parts: what was opened, not what was derived from it then.
    ///
    /// # Errors
    /// [`CatalogueError`], also where stored parts are no record.
    pub fn of(partition: &Partition, people: &dyn People) -> Result<Self, CatalogueError> {
        let mut filed = Vec::new();
        let mut damaged = None;
        partition.every(&mut |row, parts| {
            match record_of(&parts) {
                Some(record) => filed.push(Filed::of(&record, people)),
                None => {
                    damaged.get_or_insert(CatalogueError::Parts { record: row.id });
                }
            };
        })?;
        match damaged {
            Some(error) => Err(error),
            None => Ok(Self::over(filed)),
        }
    }

    /// The records that a query means, in order of filing.
    pub fn search(&self, query: &Query, people: &dyn People) -> Vec<RecordId> {
        let matches =
            |filed: &&Filed| self.matches(filed, &Words::of(&filed.text), query.root(), people);
        self.filed
            .iter()
            .filter(matches)
            .map(|filed| filed.id)
            .collect()
    }

    fn matches(&self, filed: &Filed, words: &Words, node: &Node, people: &dyn People) -> bool {
        match node {
            Node::All => true,
            Node::And(nodes) => nodes
                .iter()
                .all(|node| self.matches(filed, words, node, people)),
            Node::Or(nodes) => nodes
                .iter()
                .any(|node| self.matches(filed, words, node, people)),
            Node::Not(node) => !self.matches(filed, words, node, people),
            Node::Text(sequence) => !sequence_starts(words, sequence).is_empty(),
            Node::Near { items, within } => near_starts(words, items, *within)
                .first()
                .is_some_and(|first| !first.is_empty()),
            Node::Person(role, sequence) => self.person(filed, *role, sequence, people),
            Node::Conversation(sequence) => self
                .titles
                .get(&key(filed))
                .is_some_and(|titles| titles.iter().any(|title| has(title, sequence))),
            Node::Network(name) => filed.network == *name,
            Node::Account(sequence) => has(&filed.account, sequence),
            Node::Custodian(sequence) => {
                has(&filed.custodian, sequence)
                    || holders(people, sequence).contains(&filed.custodian)
            }
            Node::Kind(kind) => filed.kind == *kind,
            Node::Has(feature) => filed.features & feature.bit() != 0,
            Node::When(span) => span.contains(filed.at),
        }
    }

    fn person(&self, filed: &Filed, role: Role, sequence: &Sequence, people: &dyn People) -> bool {
        let holders = holders(people, sequence);
        let meant = |id: &str| {
            holders.iter().any(|holder| holder == id)
                || self
                    .names
                    .get(id)
                    .is_some_and(|names| names.iter().any(|name| has(name, sequence)))
        };
        let any = |people: &[Somebody]| people.iter().any(|one| meant(&one.id));
        let wrote = any(&filed.authors);
        let author = |id: &String| filed.authors.iter().any(|one| one.id == *id);
        let roster = if filed.members.is_empty() {
            filed.roster
        } else {
            Some(filed.id)
        };
        let member = roster
            .and_then(|roster| self.rosters.get(&roster))
            .is_some_and(|members| {
                members
                    .iter()
                    .any(|member| meant(member) && !author(member))
            });
        let received = any(&filed.recipients) || member;
        match role {
            Role::From => wrote,
            Role::To => received,
            Role::With => wrote || received,
        }
    }
}

fn holders(people: &dyn People, sequence: &Sequence) -> Vec<String> {
    if sequence.slots.iter().any(|slot| slot.prefix) {
        return Vec::new();
    }
    let words: Vec<String> = sequence
        .slots
        .iter()
        .filter_map(|slot| slot.any.first().cloned())
        .collect();
    people.holders(&words)
}

fn has(text: &str, sequence: &Sequence) -> bool {
    !sequence_starts(&Words::of(text), sequence).is_empty()
}

fn key(filed: &Filed) -> (String, String, String) {
    (
        filed.network.clone(),
        filed.account.clone(),
        filed.conversation.clone(),
    )
}

/// The record in stored parts: envelope, participants, body, original, and attachments inside what
/// seals them.
pub fn record_of(parts: &[Vec<u8>]) -> Option<Record> {
    let [envelope, participants, body, original, sealed @ ..] = parts else {
        return None;
    };
    let attachments = sealed
        .iter()
        .map(|sealed| attachment(sealed))
        .collect::<Option<Vec<_>>>()?;
    Record::from_parts([envelope, participants, body, original], attachments).ok()
}

/// The attachment in `sealed-attachment = { 0: attachment, ? 1: stream }` (batch.md).
fn attachment(sealed: &[u8]) -> Option<record::Attachment> {
    let mut decoder = minicbor::Decoder::new(sealed);
    decoder.map().ok()?;
    (decoder.u8().ok()? == 0).then_some(())?;
    decoder.decode().ok()
}
