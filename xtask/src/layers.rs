//! Who may use whom. The table is the architecture; this fails on any other edge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use crate::run::{self, Failure};
use crate::spec;

/// The house: each package and what of the house it may use outside tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("canonical", &[]),
    ("record", &["canonical"]),
    ("tlog", &[]),
    ("wire", &["canonical", "tlog"]),
    ("seal", &["canonical", "record", "tlog", "wire"]),
    ("connector", &["canonical", "record"]),
    ("client", &["canonical", "tlog", "wire"]),
    ("relay", &["canonical", "tlog", "wire"]),
    (
        "capture",
        &[
            "canonical",
            "client",
            "connector",
            "record",
            "seal",
            "tlog",
            "wire",
        ],
    ),
    (
        "vault",
        &["canonical", "client", "record", "seal", "tlog", "wire"],
    ),
    ("imports", &["canonical", "connector", "matrix", "record"]),
    ("signal", &["canonical", "connector", "record"]),
    ("business", &["canonical", "connector", "record"]),
    (
        "whatsapp",
        &["business", "canonical", "connector", "record"],
    ),
    (
        "telegram",
        &["business", "canonical", "connector", "record"],
    ),
    ("wechat", &["canonical", "connector", "record"]),
    ("matrix", &["canonical", "connector", "record"]),
    (
        "greffe",
        &[
            "canonical",
            "capture",
            "client",
            "connector",
            "imports",
            "record",
            "relay",
            "seal",
            "signal",
            "telegram",
            "tlog",
            "vault",
            "whatsapp",
            "wire",
        ],
    ),
];

/// Packages of tests and tools: they may use everything, and nothing of the product may use them.
const OUTSIDE: &[&str] = &["testkit", "scenarios", "fuzz", "benches", "xtask"];

/// What must not be in the relay's tree, directly or through others: it could open or name content.
const NEVER_IN_RELAY: &[&str] = &[
    "record",
    "seal",
    "hpke",
    "x-wing",
    "vault",
    "capture",
    "connector",
];

/// Checks the edges, the relay's tree, features that must never be built, spec numbers and words.
pub(crate) fn layers() -> Result<(), Failure> {
    let metadata = metadata()?;
    let mut faults = edges(&metadata)?;
    faults.extend(relay_is_blind(&metadata)?);
    faults.extend(dangerous_features(&metadata));
    faults.extend(unused(&metadata)?);
    faults.extend(spec::faults()?);
    faults.extend(words());
    if faults.is_empty() {
        println!("layers: the house is as drawn");
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} fault(s):\n  {}",
        faults.len(),
        faults.join("\n  ")
    )))
}

fn metadata() -> Result<Value, Failure> {
    let text = run::cargo(&["metadata", "--format-version", "1", "--locked"]).output("metadata")?;
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("metadata: {error}")))
}

fn edges(metadata: &Value) -> Result<Vec<String>, Failure> {
    let table: BTreeMap<&str, BTreeSet<&str>> = ALLOWED
        .iter()
        .map(|(name, uses)| (*name, uses.iter().copied().collect()))
        .collect();
    let mut faults = Vec::new();
    let packages = list(&metadata["packages"])?;
    for package in packages.iter().filter(|p| p["source"].is_null()) {
        let name = package["name"].as_str().unwrap_or_default();
        if OUTSIDE.contains(&name) {
            continue;
        }
        let Some(allowed) = table.get(name) else {
            faults.push(format!("{name}: not in the table of xtask/src/layers.rs"));
            continue;
        };
        for dependency in list(&package["dependencies"])? {
            let to = dependency["name"].as_str().unwrap_or_default();
            let of_the_house = table.contains_key(to) || OUTSIDE.contains(&to);
            let in_tests_only = dependency["kind"] == "dev";
            if of_the_house
                && dependency["path"].is_string()
                && !in_tests_only
                && !allowed.contains(to)
            {
                faults.push(format!("{name} uses {to}: not allowed"));
            }
        }
    }
    Ok(faults)
}

/// Blindness is a property of the build: no sealing crate anywhere below the relay.
fn relay_is_blind(metadata: &Value) -> Result<Vec<String>, Failure> {
    let nodes = list(&metadata["resolve"]["nodes"])?;
    let names: BTreeMap<&str, &str> = list(&metadata["packages"])?
        .iter()
        .filter_map(|p| Some((p["id"].as_str()?, p["name"].as_str()?)))
        .collect();
    let start = names
        .iter()
        .find(|(id, name)| **name == "relay" && id.contains("path+file"))
        .map(|(id, _)| *id)
        .ok_or_else(|| Failure::new("metadata names no package relay"))?;
    let mut seen = BTreeSet::from([start]);
    let mut waiting = VecDeque::from([start]);
    while let Some(id) = waiting.pop_front() {
        let Some(node) = nodes.iter().find(|node| node["id"] == id) else {
            continue;
        };
        for dependency in list(&node["deps"])? {
            let only_dev = list(&dependency["dep_kinds"])?
                .iter()
                .all(|kind| kind["kind"] == "dev");
            if let (false, Some(next)) = (only_dev, dependency["pkg"].as_str())
                && seen.insert(next)
            {
                waiting.push_back(next);
            }
        }
    }
    Ok(seen
        .iter()
        .filter_map(|id| names.get(id))
        .filter(|name| NEVER_IN_RELAY.contains(name))
        .map(|name| format!("relay's tree contains {name}: the relay would not be blind"))
        .collect())
}

fn dangerous_features(metadata: &Value) -> Vec<String> {
    let Some(nodes) = metadata["resolve"]["nodes"].as_array() else {
        return vec!["metadata has no resolved nodes".to_owned()];
    };
    nodes
        .iter()
        .flat_map(|node| {
            node["features"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|feature| feature.as_str())
                .filter(|feature| feature.starts_with("danger"))
                .map(move |feature| format!("{} is built with {feature}", node["id"]))
        })
        .collect()
}

/// Dependencies that no source file of their package names.
fn unused(metadata: &Value) -> Result<Vec<String>, Failure> {
    let mut faults = Vec::new();
    for package in list(&metadata["packages"])?
        .iter()
        .filter(|package| package["source"].is_null())
    {
        let name = package["name"].as_str().unwrap_or_default();
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let Some(folder) = std::path::Path::new(manifest).parent() else {
            continue;
        };
        let mut sources: Vec<String> = Vec::new();
        for file in run::files(folder, ".rs") {
            let Ok(source) = std::fs::read_to_string(&file) else {
                continue;
            };
            // A module may stand outside the package.
            let named = source.lines().filter_map(|line| {
                let path = line
                    .trim()
                    .strip_prefix("#[path = \"")?
                    .strip_suffix("\"]")?;
                std::fs::read_to_string(file.parent()?.join(path)).ok()
            });
            sources.extend(named.collect::<Vec<_>>());
            sources.push(source);
        }
        for dependency in list(&package["dependencies"])? {
            let named = dependency["rename"]
                .as_str()
                .or(dependency["name"].as_str());
            let word = named.unwrap_or_default().replace('-', "_");
            if !sources.iter().any(|source| source.contains(&word)) {
                faults.push(format!("{name} declares {word} and uses it nowhere"));
            }
        }
    }
    Ok(faults)
}

/// Words that the glossary rules out, in source files.
const NOT_OUR_WORDS: &[&str] = &["ingest", "blockchain", "ledger"];

fn words() -> Vec<String> {
    let root = run::root();
    let mut faults = Vec::new();
    for folder in ["crates", "connectors", "scenarios"] {
        for file in run::files(&root.join(folder), ".rs") {
            let Ok(text) = std::fs::read_to_string(&file) else {
                continue;
            };
            for (at, line) in text.lines().enumerate() {
                let lower = line.to_lowercase();
                for word in NOT_OUR_WORDS.iter().filter(|word| lower.contains(**word)) {
                    faults.push(format!(
                        "{}:{}: '{word}' is not a word of ours",
                        file.display(),
                        at + 1
                    ));
                }
            }
        }
        for file in run::files(&root.join(folder), ".rs") {
            let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned());
            if matches!(
                stem.as_deref(),
                Some("utils" | "common" | "helpers" | "manager")
            ) {
                faults.push(format!(
                    "{}: modules are named for what they can do",
                    file.display()
                ));
            }
        }
    }
    faults
}

fn list(value: &Value) -> Result<&Vec<Value>, Failure> {
    value
        .as_array()
        .ok_or_else(|| Failure::new("cargo's metadata has another shape than expected"))
}
