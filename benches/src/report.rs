//! What a benchmark found, as a table or as JSON.

use std::error::Error;
use std::process::ExitCode;

use serde_json::json;

/// A benchmark that runs.
#[derive(Debug)]
pub struct Bench {
    name: &'static str,
    json: bool,
    quick: bool,
    rows: Vec<Row>,
}

/// One line of the table.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What was seen, with its unit.
    pub seen: String,
    /// What was seen of the ceiling, with its unit; empty where there is none.
    pub ceiling: String,
    /// Share of the ceiling's speed, by processor time and by time that passed.
    pub ratio: Option<(f64, f64)>,
    /// What it should be.
    pub goal: Option<Goal>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The processor-time ratio at least this.
    Ratio(f64),
    /// The figure at most this, in the unit shown; with the figure.
    AtMost(f64, f64),
    /// The figure at least this, in the unit shown; with the figure.
    AtLeast(f64, f64),
}

/// Runs a benchmark's `main`. Without `--bench` among the arguments, which `cargo bench` gives, it
/// does nothing: `cargo test --all-targets` calls benchmarks too. `--json` prints JSON, `--quick`
/// takes fewer rounds.
pub fn run(
    name: &'static str,
    work: impl FnOnce(&mut Bench) -> Result<(), Box<dyn Error>>,
) -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    if !has("--bench") {
        return ExitCode::SUCCESS;
    }
    let mut bench = Bench {
        name,
        json: has("--json"),
        quick: has("--quick"),
        rows: Vec::new(),
    };
    let outcome = work(&mut bench);
    bench.print();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("{name}: {error}"));
            ExitCode::FAILURE
        }
    }
}

impl Bench {
    /// Whether a short run was asked for.
    #[must_use]
    pub fn quick(&self) -> bool {
        self.quick
    }

    /// Chooses by length of the run.
    #[must_use]
    pub fn either<T>(&self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }

    /// Says how far it is, apart from the results.
    pub fn progress(&self, text: &str) {
        tell(&format!("{}: {text}", self.name));
    }

    /// Adds a line.
    pub fn row(&mut self, row: Row) {
        self.progress(&format!("{}: {}", row.what, row.seen));
        self.rows.push(row);
    }

    fn print(&self) {
        if self.json {
            let rows: Vec<_> = self.rows.iter().map(Row::json).collect();
            show(&json!({ "bench": self.name, "rows": rows }).to_string());
            return;
        }
        let heads = ["what", "seen", "ceiling", "CPU", "wall", "goal"].map(str::to_owned);
        let lines: Vec<[String; 6]> = std::iter::once(heads)
            .chain(self.rows.iter().map(Row::cells))
            .collect();
        let mut widths = [0; 6];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        show(&format!("\n{}", self.name));
        for line in &lines {
            let cells = line
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            show(cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }
}

impl Row {
    /// A figure without ceiling.
    #[must_use]
    pub fn figure(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            seen: seen.into(),
            ..Self::default()
        }
    }

    /// A figure beside its ceiling.
    #[must_use]
    pub fn beside(
        what: impl Into<String>,
        seen: impl Into<String>,
        ceiling: impl Into<String>,
        ratio: (f64, f64),
    ) -> Self {
        Self {
            what: what.into(),
            seen: seen.into(),
            ceiling: ceiling.into(),
            ratio: Some(ratio),
            goal: None,
        }
    }

    /// What it should be.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    fn met(&self) -> Option<bool> {
        Some(match (self.goal?, self.ratio) {
            (Goal::Ratio(least), Some((cpu, _))) => cpu >= least,
            (Goal::Ratio(_), None) => return None,
            (Goal::AtMost(most, seen), _) => seen <= most,
            (Goal::AtLeast(least, seen), _) => seen >= least,
        })
    }

    fn cells(&self) -> [String; 6] {
        let share = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.2}"));
        let met = match self.met() {
            Some(true) => " met",
            Some(false) => " MISSED",
            None => "",
        };
        let goal = match self.goal {
            Some(Goal::Ratio(least)) => format!("≥ {least}{met}"),
            Some(Goal::AtMost(most, _)) => format!("≤ {most}{met}"),
            Some(Goal::AtLeast(least, _)) => format!("≥ {least}{met}"),
            None => String::new(),
        };
        [
            self.what.clone(),
            self.seen.clone(),
            self.ceiling.clone(),
            share(self.ratio.map(|ratio| ratio.0)),
            share(self.ratio.map(|ratio| ratio.1)),
            goal,
        ]
    }

    fn json(&self) -> serde_json::Value {
        let goal = self.goal.map(|goal| match goal {
            Goal::Ratio(least) => json!({ "ratio_at_least": least }),
            Goal::AtMost(most, seen) => json!({ "at_most": most, "figure": seen }),
            Goal::AtLeast(least, seen) => json!({ "at_least": least, "figure": seen }),
        });
        json!({
            "what": self.what,
            "seen": self.seen,
            "ceiling": self.ceiling,
            "ratio_cpu": self.ratio.map(|ratio| ratio.0),
            "ratio_wall": self.ratio.map(|ratio| ratio.1),
            "goal": goal,
            "met": self.met(),
        })
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark shows what it found")]
fn show(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "a benchmark says how far it is")]
fn tell(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_by_processor_time() {
        let row = Row::beside("a", "1", "2", (0.81, 0.2));
        assert_eq!(row.clone().goal(Goal::Ratio(0.8)).met(), Some(true));
        assert_eq!(row.clone().goal(Goal::Ratio(0.9)).met(), Some(false));
        assert_eq!(row.goal(Goal::AtMost(3.0, 4.0)).met(), Some(false));
        assert_eq!(
            Row::figure("a", "5").goal(Goal::AtLeast(3.0, 5.0)).cells()[5],
            "≥ 3 met"
        );
    }
}
