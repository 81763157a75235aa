//! The table of `docs/assurance.md`: part × write point × fault → what was seen.

use std::path::{Path, PathBuf};

use crate::disk::{Fault, Kind, Then};
use crate::faults_of;
use crate::point::{Part, Write};

const BEGIN: &str = "<!-- crash matrix: begin -->";
const END: &str = "<!-- crash matrix: end -->";
const HEAD: &str =
    "| part | file | write | failed | persisted | torn |\n|---|---|---|---|---|---|\n";

/// One kind of write, and that each fault of it was healed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) write: Write,
    cells: [String; 3],
}

pub(crate) struct Table {
    before: String,
    rows: Vec<Row>,
    after: String,
}

impl Row {
    /// A row all of whose faults were healed.
    pub(crate) fn healed(write: &Write) -> Self {
        let faults = faults_of(&write.operation);
        let has = |kind, then| faults.contains(&Fault { kind, then });
        let cell = |kind| match (has(kind, Then::AskAgain), has(kind, Then::Kill)) {
            (true, true) => "asked again, killed",
            (true, false) => "asked again",
            (false, true) => "killed",
            (false, false) => "–",
        };
        Self {
            write: write.clone(),
            cells: [Kind::Failed, Kind::Persisted, Kind::Torn].map(|kind| cell(kind).to_owned()),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [part, class, operation, failed, persisted, torn] = cells[..] else {
            return None;
        };
        Some(Self {
            write: Write {
                part: Part::named(part)?,
                class: class.trim_matches('`').to_owned(),
                operation: operation.to_owned(),
            },
            cells: [failed, persisted, torn].map(str::to_owned),
        })
    }

    fn line(&self) -> String {
        let Write {
            part,
            class,
            operation,
        } = &self.write;
        let [failed, persisted, torn] = &self.cells;
        format!(
            "| {} | `{class}` | {operation} | {failed} | {persisted} | {torn} |\n",
            part.name()
        )
    }
}

impl Table {
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(page()).unwrap();
        let (before, rest) = text.split_once(BEGIN).expect("the table's beginning");
        let (table, after) = rest.split_once(END).expect("the table's end");
        Self {
            before: before.to_owned(),
            rows: table.lines().filter_map(Row::parse).collect(),
            after: after.to_owned(),
        }
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The part's rows are those seen now, or are written anew if that is asked for.
    pub(crate) fn compare(part: Part, mut seen: Vec<Row>) {
        seen.sort_by(|a, b| a.write.cmp(&b.write));
        let mut table = Self::read();
        let (own, mut others): (Vec<Row>, Vec<Row>) = table
            .rows
            .into_iter()
            .partition(|row| row.write.part == part);
        if std::env::var_os("GREFFE_WRITE_MATRIX").is_none() {
            assert_eq!(own, seen, "docs/assurance.md says something else");
            return;
        }
        others.extend(seen);
        others.sort_by(|a, b| a.write.cmp(&b.write));
        table.rows = others;
        let rows: String = table.rows.iter().map(Row::line).collect();
        let text = format!("{}{BEGIN}\n{HEAD}{rows}{END}{}", table.before, table.after);
        std::fs::write(page(), text).unwrap();
    }
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/assurance.md")
}
