//! Numbered checks: each number of the spec pages stands in code and in a test, and no other does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::run::{self, Failure};

/// What is wrong between `docs/spec/` and the code, one line each.
pub(crate) fn faults() -> Result<Vec<String>, Failure> {
    let root = run::root();
    let mut defined = BTreeMap::new();
    for page in run::files(&root.join("docs/spec"), ".md") {
        for number in definitions(&read(&page)?) {
            let name = page.file_name().map(|n| n.to_string_lossy().into_owned());
            if defined
                .insert(number.clone(), name.unwrap_or_default())
                .is_some()
            {
                return Ok(vec![format!("{number} is defined twice in docs/spec")]);
            }
        }
    }
    let families: BTreeSet<&str> = defined.keys().filter_map(|n| family(n)).collect();
    let (mut in_code, mut in_tests) = (BTreeSet::new(), BTreeSet::new());
    let mut faults = Vec::new();
    for folder in ["crates", "connectors", "scenarios", "fuzz", "rigs"] {
        for ending in [".rs", ".py"] {
            for file in run::files(&root.join(folder), ending) {
                let text = read(&file)?;
                let is_test_file = file
                    .components()
                    .any(|c| c.as_os_str() == "tests" || c.as_os_str() == "tests.rs")
                    || folder == "scenarios"
                    || (text.contains("#[test]") && !text.contains("#[cfg(test)]"))
                    || ending == ".py";
                let foot = if is_test_file {
                    0
                } else {
                    text.find("#[cfg(test)]").unwrap_or(text.len())
                };
                in_code.extend(mentions(&text[..foot], &families));
                in_tests.extend(mentions(&text[foot..], &families));
                for number in mentions(&text, &families) {
                    if !defined.contains_key(&number) {
                        faults.push(format!(
                            "{}: {number} stands in no spec page",
                            file.display()
                        ));
                    }
                }
            }
        }
    }
    for (number, page) in &defined {
        if !in_code.contains(number) {
            faults.push(format!(
                "{number} ({page}) is kept by no code that names it"
            ));
        }
        if !in_tests.contains(number) {
            faults.push(format!(
                "{number} ({page}) is broken by no test that names it"
            ));
        }
    }
    Ok(faults)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// `* **ENTRY-3** …` at the start of a line defines a check.
fn definitions(page: &str) -> Vec<String> {
    page.lines()
        .filter_map(|line| line.trim_start().strip_prefix("* **"))
        .filter_map(|rest| rest.split_once("**"))
        .map(|(number, _)| number.to_owned())
        .filter(|number| family(number).is_some())
        .collect()
}

/// `ENTRY` of `ENTRY-3`.
fn family(number: &str) -> Option<&str> {
    let (family, digits) = number.rsplit_once('-')?;
    let good = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && family.len() > 2
        && family.bytes().all(|b| b.is_ascii_uppercase());
    good.then_some(family)
}

/// Numbers of the known families that a text mentions; `COMMIT-1..4` names all four.
fn mentions(text: &str, families: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices('-') {
        let head = &text[..at];
        let start = head
            .rfind(|c: char| !c.is_ascii_uppercase())
            .map_or(0, |i| {
                i + head[i..].chars().next().map_or(1, char::len_utf8)
            });
        let name = &head[start..];
        if !families.contains(name) {
            continue;
        }
        let tail = &text[at + 1..];
        let digits: String = tail.chars().take_while(char::is_ascii_digit).collect();
        let Ok(first) = digits.parse::<u32>() else {
            continue;
        };
        let after = &tail[digits.len()..];
        let last = ["..=", "..", "…", "–"]
            .iter()
            .find_map(|dots| after.strip_prefix(dots))
            .map(|rest| {
                rest.chars()
                    .take_while(char::is_ascii_digit)
                    .collect::<String>()
            })
            .and_then(|digits| digits.parse::<u32>().ok())
            .filter(|last| *last > first && *last - first < 32)
            .unwrap_or(first);
        found.extend((first..=last).map(|n| format!("{name}-{n}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_definitions_and_mentions() {
        assert_eq!(definitions("* **ENTRY-3** the\n* text\n"), ["ENTRY-3"]);
        let families = BTreeSet::from(["ENTRY"]);
        let found = mentions("ENTRY-1..3, é ENTRY-7. OTHER-2", &families);
        let found: Vec<_> = found.iter().map(String::as_str).collect();
        assert_eq!(found, ["ENTRY-1", "ENTRY-2", "ENTRY-3", "ENTRY-7"]);
    }
}
