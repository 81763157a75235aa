//! What a partition knows by name: people, conversations, accounts.

use std::collections::{BTreeMap, HashMap};

use super::catalogue::{Space, Thing};
use crate::search::matching::sequence_starts;
use crate::search::words::{Sequence, Slot, Words};

/// The dictionary of one partition in memory, with the words of its names.
pub(crate) struct Names {
    things: HashMap<u64, Known>,
    by_value: HashMap<(u8, String), u64>,
    /// Folded words of names → things.
    by_word: BTreeMap<String, Vec<u64>>,
    rosters: HashMap<u64, Vec<u64>>,
}

struct Known {
    space: u8,
    value: String,
    names: Vec<String>,
}

impl Names {
    pub(crate) fn new(things: Vec<Thing>, rosters: HashMap<u64, Vec<u64>>) -> Self {
        let mut names = Self {
            things: HashMap::new(),
            by_value: HashMap::new(),
            by_word: BTreeMap::new(),
            rosters,
        };
        let mut words = Words::default();
        for thing in things {
            let known = Known {
                space: thing.space,
                value: thing.value,
                names: thing.names,
            };
            for name in known.called() {
                words.cut(name);
                for token in words.iter() {
                    let things = names.by_word.entry(token.term.to_owned()).or_default();
                    if things.last() != Some(&thing.id) {
                        things.push(thing.id);
                    }
                }
            }
            names
                .by_value
                .insert((known.space, known.value.clone()), thing.id);
            names.things.insert(thing.id, known);
        }
        names
    }

    /// Things of a space one of whose names has the words in a row.
    pub(crate) fn called(&self, space: Space, sequence: &Sequence) -> Vec<u64> {
        // The rarest word leaves the fewest names to look at.
        let lists = sequence.slots.iter().map(|slot| self.with_word(slot));
        let Some(mut found) = lists.min_by_key(Vec::len) else {
            return Vec::new();
        };
        found.sort_unstable();
        found.dedup();
        found.retain(|id| {
            self.things.get(id).is_some_and(|known| {
                known.space == space as u8
                    && known
                        .called()
                        .any(|name| !sequence_starts(&Words::of(name), sequence).is_empty())
            })
        });
        found
    }

    /// Things with a name that has a word which fits the place.
    fn with_word(&self, slot: &Slot) -> Vec<u64> {
        let mut found = Vec::new();
        for term in &slot.any {
            let range =
                self.by_word
                    .range(term.clone()..)
                    .take_while(|(word, _)| match slot.prefix {
                        true => word.starts_with(term.as_str()),
                        false => *word == term,
                    });
            for (_, things) in range {
                found.extend(things);
            }
        }
        found
    }

    /// The number of a thing.
    pub(crate) fn number(&self, space: Space, value: &str) -> Option<u64> {
        self.by_value.get(&(space as u8, value.to_owned())).copied()
    }

    /// The value of a number.
    pub(crate) fn value(&self, id: u64) -> Option<&str> {
        self.things.get(&id).map(|known| known.value.as_str())
    }

    /// One name of a thing, for people to read: the longest known, else the value.
    pub(crate) fn shown(&self, id: u64) -> Option<&str> {
        let known = self.things.get(&id)?;
        let name = known
            .names
            .iter()
            .max_by_key(|name| name.len())
            .map(String::as_str);
        name.or_else(|| known.called().last())
    }

    /// Rosters that have a participant.
    pub(crate) fn rosters(&self, participant: u64) -> &[u64] {
        self.rosters.get(&participant).map_or(&[], Vec::as_slice)
    }
}

impl Known {
    /// Everything that it can be called by: its names, then its id as people know it.
    fn called(&self) -> impl Iterator<Item = &str> {
        let id = if self.space == Space::Conversation as u8 {
            self.value.rsplit('\0').next()
        } else {
            Some(self.value.as_str())
        };
        self.names.iter().map(String::as_str).chain(id)
    }
}
