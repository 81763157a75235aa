//! Hits counted by what they belong to, over all partitions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use record::Kind;

use super::tally::{By, Counts};
use crate::partition::Names;

/// Hits with one value.
#[derive(Clone, PartialEq, Eq)]
pub struct Facet {
    /// What is put into a query to narrow it: a network, a kind, an id, a month.
    pub value: String,
    /// How people call it.
    pub name: String,
    /// Number of hits.
    pub count: u64,
}

impl std::fmt::Debug for Facet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Facet(‹redacted›, {})", self.count)
    }
}

/// Hits counted by what they belong to; each list has the most frequent first, months in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// By network.
    pub networks: Vec<Facet>,
    /// By conversation; the value is the conversation's id.
    pub conversations: Vec<Facet>,
    /// By sender; the value is the participant id.
    pub senders: Vec<Facet>,
    /// By kind of event.
    pub kinds: Vec<Facet>,
    /// By month, `2024-05`.
    pub months: Vec<Facet>,
}

/// What one partition counted.
pub(crate) struct Partial {
    pub(crate) names: Arc<Names>,
    pub(crate) by: By,
    pub(crate) months: Vec<(Date, u64)>,
}

/// Adds up what the partitions counted.
pub(crate) fn facets<'p>(partials: impl Iterator<Item = &'p Partial>) -> Facets {
    let mut networks = Merged::default();
    let mut conversations = Merged::default();
    let mut senders = Merged::default();
    let mut kinds = [0u64; 256];
    let mut months: BTreeMap<Date, u64> = BTreeMap::new();
    for partial in partials {
        networks.add(&partial.by.networks, &partial.names);
        conversations.add(&partial.by.conversations, &partial.names);
        senders.add(&partial.by.senders, &partial.names);
        for (kind, count) in partial.by.kinds.counted() {
            if let Some(sum) = usize::try_from(kind)
                .ok()
                .and_then(|kind| kinds.get_mut(kind))
            {
                *sum += count;
            }
        }
        for (month, count) in &partial.months {
            *months.entry(*month).or_default() += count;
        }
    }
    let mut kinds: Vec<Facet> = Kind::all()
        .iter()
        .filter_map(|kind| {
            let count = kinds
                .get(usize::from(kind.code()))
                .copied()
                .filter(|count| *count > 0)?;
            Some(Facet {
                value: kind.name().into(),
                name: kind.name().into(),
                count,
            })
        })
        .collect();
    kinds.sort_by_key(|facet| Reverse(facet.count));
    let months = months.into_iter().map(|(month, count)| {
        let value = month.strftime("%Y-%m").to_string();
        Facet {
            name: value.clone(),
            value,
            count,
        }
    });
    Facets {
        networks: networks.sorted(),
        conversations: conversations.sorted(),
        senders: senders.sorted(),
        kinds,
        months: months.collect(),
    }
}

#[derive(Default)]
struct Merged(HashMap<String, (String, u64)>);

impl Merged {
    fn add(&mut self, counts: &Counts, names: &Names) {
        for (number, count) in counts.counted().filter(|(number, _)| *number != 0) {
            let value = names.value(number).unwrap_or_default();
            let entry = self.0.entry(value.to_owned()).or_default();
            entry.1 += count;
            if entry.0.is_empty() {
                names
                    .shown(number)
                    .unwrap_or_default()
                    .clone_into(&mut entry.0);
            }
        }
    }

    fn sorted(self) -> Vec<Facet> {
        let facet = |(value, (name, count)): (String, (String, u64))| {
            // A conversation's key has network and account before its id.
            let value = value.rsplit('\0').next().unwrap_or_default().to_owned();
            Facet { value, name, count }
        };
        let mut facets: Vec<Facet> = self.0.into_iter().map(facet).collect();
        facets.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        facets
    }
}
