//! Who is owed a notice, and what became of each (VISIBLE).
//!
//! Where settings have words for notices, a conversation is owed one from the first thing on that is
//! said in it. That follows from the entry of what was said and stands in the state, so it survives
//! as what was said does: until the state is durable the entry is still in the journal. What the
//! agent asks for (CONN-10) it keeps itself, and asks again. An entry says that a notice is being given
//! before signal-cli is asked, another that it was given when signal-cli has answered.
//!
//! A crash between the two leaves an attempt of which nobody knows what became. It is looked for
//! among what signal-cli keeps of its outgoing messages; where it is not found it is made again:
//! twice told is better than not told. One notice at a time is under way, so a crash doubles one at
//! most, and the record of the second says that it may be one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::entries::SentEntry;

/// Notices of an account, as of a place in the journal.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Notices {
    /// Conversations in which one was given.
    given: BTreeSet<String>,
    /// The others in which something was said.
    owed: BTreeMap<String, Owed>,
}

/// One that is owed.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Owed {
    /// What was begun and is not known to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun: Option<Begun>,
}

/// A notice that was begun to be given.
#[derive(Clone, Serialize, Deserialize)]
struct Begun {
    /// Its words.
    text: String,
}

/// What is to be said next, and where.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) conversation: String,
    pub(crate) text: String,
    /// It was begun, and the answer never came.
    pub(crate) unsure: bool,
}

impl Notices {
    /// Something was said in that conversation. Returns whether that changed anything.
    pub(crate) fn spoken(&mut self, conversation: &str) -> bool {
        if self.given.contains(conversation) || self.owed.contains_key(conversation) {
            return false;
        }
        self.owed.insert(conversation.to_owned(), Owed::default());
        true
    }

    /// It begins to be given.
    pub(crate) fn begun(&mut self, sent: &SentEntry) {
        let owed = self.owed.entry(sent.conversation.clone()).or_default();
        owed.begun = Some(Begun {
            text: sent.text.clone(),
        });
    }

    /// It was given.
    pub(crate) fn given(&mut self, conversation: &str) {
        self.owed.remove(conversation);
        self.given.insert(conversation.to_owned());
    }

    /// It reached nobody, and stays owed.
    pub(crate) fn failed(&mut self, conversation: &str) {
        if let Some(owed) = self.owed.get_mut(conversation) {
            owed.begun = None;
        }
    }

    pub(crate) fn is_given(&self, conversation: &str) -> bool {
        self.given.contains(conversation)
    }

    /// What is to be said next, of what `may` be said now: what was begun, then what is owed or
    /// asked for. `asked` has the words for conversations by their ids, `usual` those for any other.
    pub(crate) fn due(
        &self,
        asked: &BTreeMap<String, String>,
        usual: Option<&str>,
        may: impl Fn(&str) -> bool,
    ) -> Option<Due> {
        let due = |conversation: &str, text: &str, unsure| Due {
            conversation: conversation.to_owned(),
            text: text.to_owned(),
            unsure,
        };
        let begun = self
            .owed
            .iter()
            .filter_map(|(id, owed)| Some((id, owed.begun.as_ref()?)))
            .find(|(id, _)| may(id));
        if let Some((conversation, begun)) = begun {
            return Some(due(conversation, &begun.text, true));
        }
        let owed = self.owed.keys().filter_map(|id| {
            let text = asked.get(id).map(String::as_str).or(usual)?;
            Some((id, text))
        });
        let asked = asked
            .iter()
            .filter(|(id, _)| !self.given.contains(*id))
            .map(|(id, text)| (id, text.as_str()));
        owed.chain(asked)
            .find(|(id, _)| may(id))
            .map(|(conversation, text)| due(conversation, text, false))
    }
}

impl std::fmt::Debug for Due {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Due(unsure: {})", self.unsure)
    }
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Notices({} given, {} owed)",
            self.given.len(),
            self.owed.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(conversation: &str) -> SentEntry {
        SentEntry {
            conversation: conversation.to_owned(),
            text: "This is archived.".to_owned(),
            ..SentEntry::default()
        }
    }

    fn next(notices: &Notices, usual: Option<&str>) -> Option<(String, bool)> {
        let due = notices.due(&BTreeMap::new(), usual, |_| true)?;
        assert_eq!(due.text, "This is archived.");
        Some((due.conversation, due.unsure))
    }

    const USUAL: Option<&str> = Some("This is archived.");

    #[test]
    fn one_is_owed_until_it_was_given_and_never_after() {
        let mut notices = Notices::default();
        assert!(notices.spoken("aci:b"));
        assert!(!notices.spoken("aci:b"));
        assert_eq!(next(&notices, USUAL), Some(("aci:b".to_owned(), false)));
        assert_eq!(
            notices.due(&BTreeMap::new(), USUAL, |id| id != "aci:b"),
            None
        );
        // Without words there is nothing to be said; what was begun has its own.
        assert_eq!(next(&notices, None), None);
        notices.begun(&sent("aci:b"));
        assert_eq!(next(&notices, None), Some(("aci:b".to_owned(), true)));
        notices.failed("aci:b");
        assert_eq!(next(&notices, USUAL), Some(("aci:b".to_owned(), false)));
        notices.given("aci:b");
        assert!(!notices.spoken("aci:b"));
        assert_eq!(next(&notices, USUAL), None);
    }

    #[test]
    fn what_the_agent_asks_for_is_said_once_in_its_words() {
        let mut notices = Notices::default();
        let asked = BTreeMap::from([("aci:c".to_owned(), "Asked.".to_owned())]);
        let any = |_: &str| true;
        let due = notices.due(&asked, None, any).unwrap();
        assert_eq!((&*due.conversation, &*due.text), ("aci:c", "Asked."));
        notices.spoken("aci:c");
        assert_eq!(notices.due(&asked, USUAL, any).unwrap().text, "Asked.");
        notices.given("aci:c");
        assert_eq!(notices.due(&asked, USUAL, any), None);
    }

    #[test]
    fn taking_entries_again_changes_nothing() {
        let mut once = Notices::default();
        let steps: [&dyn Fn(&mut Notices); 5] = [
            &|n| _ = n.spoken("aci:b"),
            &|n| n.begun(&sent("aci:b")),
            &|n| n.failed("aci:b"),
            &|n| n.begun(&sent("aci:b")),
            &|n| n.given("aci:b"),
        ];
        for (last, step) in steps.iter().enumerate() {
            step(&mut once);
            for first in 0..=last {
                let mut again = once.clone();
                for step in &steps[first..=last] {
                    step(&mut again);
                }
                assert_eq!(next(&again, USUAL), next(&once, USUAL), "{first}..={last}");
            }
        }
    }
}
