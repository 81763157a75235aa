//! The directory of people as filing and searching see it: a copy in memory, made anew when the
//! directory changes.

use crate::partition;
use crate::people::{Person, matches};
use crate::search::words::folded;

/// Who is who.
#[derive(Default)]
pub(crate) struct Directory(Vec<Person>);

impl Directory {
    pub(crate) fn new(persons: Vec<Person>) -> Self {
        Self(persons)
    }

    /// Persons who had this account at that moment (milliseconds since 1970), by id and name.
    pub(crate) fn at(
        &self,
        network: &str,
        participant: &str,
        aliases: &[String],
        at: i64,
    ) -> Vec<(&str, &str)> {
        let held = |person: &&Person, by: &dyn Fn(&str) -> bool| {
            person.accounts.iter().any(|account| {
                account.network == network
                    && account.from.is_none_or(|from| from <= at)
                    && account.to.is_none_or(|to| at < to)
                    && by(&account.account)
            })
        };
        let by_id = |pattern: &str| matches(pattern, participant);
        let by_alias = |pattern: &str| aliases.iter().any(|alias| matches(pattern, alias));
        let mut found: Vec<_> = self
            .0
            .iter()
            .filter(|person| held(person, &by_id))
            .collect();
        if found.is_empty() {
            found = self
                .0
                .iter()
                .filter(|person| held(person, &by_alias))
                .collect();
        }
        found
            .into_iter()
            .map(|person| (person.id.as_str(), person.name.as_str()))
            .collect()
    }
}

impl partition::People for Directory {
    fn names(&self, participant: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|person| {
                person
                    .accounts
                    .iter()
                    .any(|account| matches(&account.account, participant))
            })
            .map(|person| person.name.clone())
            .collect()
    }

    fn holders(&self, words: &[String]) -> Vec<String> {
        let mut holders = Vec::new();
        for person in &self.0 {
            let name = folded(&person.name);
            let has = |word: &String| name.split_whitespace().any(|part| part == word);
            if !words.is_empty() && words.iter().all(has) {
                let accounts = person
                    .accounts
                    .iter()
                    .map(|account| account.account.clone());
                holders.extend(accounts.filter(|account| !account.contains('*')));
            }
        }
        holders
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::People;
    use crate::people::Account;

    #[test]
    fn people_are_found_by_their_names_and_for_their_time() {
        let account = |text: &str, from, to| Account {
            network: "whatsapp".to_owned(),
            account: text.to_owned(),
            from,
            to,
        };
        let person = |id: &str, name: &str, accounts| Person {
            id: id.to_owned(),
            name: name.to_owned(),
            accounts,
        };
        let directory = Directory::new(vec![
            person(
                "e1",
                "Anna Müller",
                vec![account("tel:+49301", Some(0), Some(10))],
            ),
            person(
                "e2",
                "Ben Boll",
                vec![
                    account("tel:+49301", Some(10), None),
                    account("*ben*", None, None),
                ],
            ),
        ]);
        assert_eq!(
            directory.at("whatsapp", "tel:+49301", &[], 9),
            [("e1", "Anna Müller")]
        );
        assert_eq!(
            directory.at("whatsapp", "tel:+49301", &[], 10),
            [("e2", "Ben Boll")]
        );
        assert_eq!(
            directory.at("whatsapp", "name:x", &["Big Ben".to_owned()], 0),
            [("e2", "Ben Boll")]
        );
        assert_eq!(directory.names("tel:+49301"), ["Anna Müller", "Ben Boll"]);
        assert_eq!(
            directory.holders(&[folded("MÜLLER").trim().to_owned()]),
            ["tel:+49301"]
        );
    }
}
