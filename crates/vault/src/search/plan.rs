//! From the tree of a query to a query of one partition's index.

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Query, TermQuery, TermSetQuery,
};
use tantivy::schema::IndexRecordOption;

use super::positional::Positional;
use super::query::{Node, Role, Span};
use super::sets::{Within, Without};
use super::words::Sequence;
use crate::partition::{CatalogueError, Fact, Names, Partition, People, Space, fields};

/// Above so many terms a union is looked up as a set.
const SET: usize = 12;

/// The query of the index that finds in `partition` exactly what `node` means there.
pub(crate) fn plan(
    node: &Node,
    partition: &Partition,
    people: &dyn People,
) -> Result<Box<dyn Query>, CatalogueError> {
    let planner = Planner { partition, people };
    planner.node(node)
}

struct Planner<'p> {
    partition: &'p Partition,
    people: &'p dyn People,
}

impl Planner<'_> {
    fn node(&self, node: &Node) -> Result<Box<dyn Query>, CatalogueError> {
        Ok(match node {
            Node::All => Box::new(AllQuery),
            Node::And(nodes) => self.and(nodes)?,
            Node::Or(nodes) => {
                let queries = nodes
                    .iter()
                    .map(|node| self.node(node))
                    .collect::<Result<Vec<_>, _>>()?;
                Box::new(BooleanQuery::union(queries))
            }
            Node::Not(node) => Box::new(Without::new(self.node(node)?)),
            Node::Text(sequence) => text(sequence),
            Node::Near { items, within } => Box::new(Positional::near(items, *within)),
            Node::Person(role, sequence) => self.person(*role, sequence)?,
            Node::Conversation(sequence) => {
                self.called(Space::Conversation, sequence, Fact::Conversation)?
            }
            Node::Account(sequence) => self.called(Space::Account, sequence, Fact::Account)?,
            Node::Custodian(sequence) => self.custodian(sequence)?,
            Node::Network(name) => any(self
                .partition
                .names()?
                .number(Space::Network, name)
                .into_iter()
                .map(Fact::Network)),
            Node::Kind(kind) => any([Fact::Kind(kind.code())]),
            Node::Has(feature) => any([Fact::Feature(feature.bit())]),
            Node::When(span) => self.when(*span),
        })
    }

    fn and(&self, nodes: &[Node]) -> Result<Box<dyn Query>, CatalogueError> {
        let clauses = nodes
            .iter()
            .filter(|node| **node != Node::All)
            .map(|node| self.node(node));
        let mut clauses = clauses.collect::<Result<Vec<_>, _>>()?;
        Ok(match clauses.len() {
            0 => Box::new(AllQuery),
            1 => clauses.pop().unwrap_or_else(|| Box::new(AllQuery)),
            _ => Box::new(BooleanQuery::intersection(clauses)),
        })
    }

    fn when(&self, span: Span) -> Box<dyn Query> {
        let Some((earliest, latest)) = self.partition.range() else {
            return Box::new(EmptyQuery);
        };
        if !span.touches(earliest, latest) {
            return Box::new(EmptyQuery);
        }
        if span.contains(earliest) && span.contains(latest) {
            return Box::new(AllQuery);
        }
        Box::new(Within(span))
    }

    fn called(
        &self,
        space: Space,
        sequence: &Sequence,
        fact: fn(u64) -> Fact,
    ) -> Result<Box<dyn Query>, CatalogueError> {
        Ok(any(self
            .partition
            .names()?
            .called(space, sequence)
            .into_iter()
            .map(fact)))
    }

    /// Custodians are named in the catalogue by id only; their names are the directory's.
    fn custodian(&self, sequence: &Sequence) -> Result<Box<dyn Query>, CatalogueError> {
        let names = self.partition.names()?;
        let mut found = names.called(Space::Custodian, sequence);
        found.extend(
            self.holders(sequence)
                .iter()
                .filter_map(|id| names.number(Space::Custodian, id)),
        );
        Ok(any(found.into_iter().map(Fact::Custodian)))
    }

    fn person(&self, role: Role, sequence: &Sequence) -> Result<Box<dyn Query>, CatalogueError> {
        let names = self.partition.names()?;
        let mut found = names.called(Space::Participant, sequence);
        found.extend(
            self.holders(sequence)
                .iter()
                .filter_map(|id| names.number(Space::Participant, id)),
        );
        found.sort_unstable();
        found.dedup();
        let wrote = || any(found.iter().copied().map(Fact::Author));
        let received = || received(&found, &names);
        Ok(match role {
            Role::From => wrote(),
            Role::To => received(),
            Role::With => Box::new(BooleanQuery::union(vec![wrote(), received()])),
        })
    }

    fn holders(&self, sequence: &Sequence) -> Vec<String> {
        if sequence.slots.iter().any(|slot| slot.prefix) {
            return Vec::new();
        }
        let words: Vec<String> = sequence
            .slots
            .iter()
            .filter_map(|slot| slot.any.first().cloned())
            .collect();
        self.people.holders(&words)
    }
}

/// Named as recipient, or member of the roster in force and not the author.
fn received(found: &[u64], names: &Names) -> Box<dyn Query> {
    let mut clauses = vec![any(found.iter().copied().map(Fact::Recipient))];
    for person in found {
        let rosters = names.rosters(*person);
        if !rosters.is_empty() {
            let member = any(rosters.iter().copied().map(Fact::Roster));
            let author = any([Fact::Author(*person)]);
            let query = BooleanQuery::intersection(vec![member, Box::new(Without::new(author))]);
            clauses.push(Box::new(query));
        }
    }
    Box::new(BooleanQuery::union(clauses))
}

/// Records with any of the facts; filters take no part in relevance.
fn any(facts: impl IntoIterator<Item = Fact>) -> Box<dyn Query> {
    let mut terms: Vec<Term> = facts.into_iter().map(Fact::term).collect();
    let term =
        |term: Term| -> Box<dyn Query> { Box::new(TermQuery::new(term, IndexRecordOption::Basic)) };
    let query: Box<dyn Query> = match terms.len() {
        0 => return Box::new(EmptyQuery),
        1 => match terms.pop() {
            Some(only) => term(only),
            None => return Box::new(EmptyQuery),
        },
        2..=SET => Box::new(BooleanQuery::union(terms.into_iter().map(term).collect())),
        _ => Box::new(TermSetQuery::new(terms)),
    };
    Box::new(ConstScoreQuery::new(query, 0.0))
}

fn text(sequence: &Sequence) -> Box<dyn Query> {
    let term = |term: &String| Term::from_field_text(fields().text, term);
    if let [slot] = sequence.slots.as_slice() {
        if slot.prefix {
            return Box::new(Positional::row(sequence));
        }
        let mut queries: Vec<Box<dyn Query>> = slot
            .any
            .iter()
            .map(|any| -> Box<dyn Query> {
                Box::new(TermQuery::new(term(any), IndexRecordOption::WithFreqs))
            })
            .collect();
        return match queries.len() {
            1 => queries.pop().unwrap_or_else(|| Box::new(EmptyQuery)),
            _ => Box::new(BooleanQuery::union(queries)),
        };
    }
    Box::new(Positional::row(sequence))
}
