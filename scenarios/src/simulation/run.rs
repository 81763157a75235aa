//! Whole runs: by seed, written down when they fail, replayed, and made shorter.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::world::{Violation, World};

/// Attempts at leaving steps out of a failing run.
const ATTEMPTS: usize = 60;
/// Lines of the trace that a failing run's file shows.
const SHOWN: usize = 40;

/// Which steps of which world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The world's seed.
    pub seed: u64,
    /// Numbers of the steps that are taken, ascending.
    pub steps: Vec<u64>,
}

/// What a run that held did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Steps taken.
    pub steps: u64,
    /// Leaves of the log at its end.
    pub entries: u64,
    /// Requests that reached the relay.
    pub requests: u64,
    /// Hash of the trace: the same for the same seed.
    pub trace: String,
}

/// A run in which an invariant did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The steps up to the one behind which it did not hold.
    pub plan: Plan,
    /// What did not hold.
    pub violation: Violation,
    /// Hash of the trace.
    pub trace: String,
    /// Its last lines.
    pub last: Vec<String>,
}

impl Plan {
    /// The first so many steps of a world.
    #[must_use]
    pub fn new(seed: u64, steps: u64) -> Self {
        Self {
            seed,
            steps: (0..steps).collect(),
        }
    }

    /// Reads the file of a failing run. `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let mut steps = Vec::new();
        for range in field("steps")?.split(',').filter(|range| !range.is_empty()) {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            steps.extend(first.parse::<u64>().ok()?..=last.parse().ok()?);
        }
        Some(Self {
            seed: field("seed")?.parse().ok()?,
            steps,
        })
    }
}

impl Failure {
    /// The file of the run, as [`Plan::parse`] reads it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::from(
            "A run of the simulation in which something does not hold: cargo xtask replay FILE\n",
        );
        let _ = writeln!(text, "seed: {}", self.plan.seed);
        let _ = writeln!(text, "steps: {}", ranges(&self.plan.steps));
        let _ = writeln!(text, "violated: {}", self.violation.invariant);
        let _ = writeln!(text, "found: {}", self.violation.detail.replace('\n', " "));
        let _ = writeln!(text, "trace: {}", self.trace);
        for line in &self.last {
            let _ = writeln!(text, "  {line}");
        }
        text
    }

    /// Leaves steps out as long as the same invariant does not hold.
    #[must_use]
    pub fn minimised(mut self) -> Self {
        let mut attempts = ATTEMPTS;
        let mut piece = self.plan.steps.len() / 2;
        while piece > 0 && attempts > 0 {
            let mut from = 0;
            while from < self.plan.steps.len() && attempts > 0 {
                attempts -= 1;
                let mut steps = self.plan.steps.clone();
                steps.drain(from..(from + piece).min(steps.len()));
                let shorter = Plan {
                    seed: self.plan.seed,
                    steps,
                };
                match run(&shorter) {
                    Err(failure) if failure.violation.invariant == self.violation.invariant => {
                        self = failure;
                    }
                    _ => from += piece,
                }
            }
            piece /= 2;
        }
        self
    }

    /// Writes the run into a folder. Gives the file.
    #[must_use]
    pub fn write(&self, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        let file = folder.join(format!("seed-{}.run", self.plan.seed));
        std::fs::write(&file, self.to_text()).unwrap();
        file
    }
}

/// Runs a plan, in a folder in memory where there is one.
///
/// # Errors
///
/// When an invariant does not hold.
pub fn run(plan: &Plan) -> Result<Summary, Failure> {
    traced(plan).0
}

/// Runs a plan and gives the whole trace too, a line a step.
pub fn traced(plan: &Plan) -> (Result<Summary, Failure>, Vec<String>) {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    };
    // One thread for the parties; what they give to others they wait for.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(4)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(folder.path(), plan.seed).await;
        let mut taken = 0;
        let mut held = Ok(());
        for (number, step) in plan.steps.iter().zip(1..) {
            taken = step;
            held = world.step(*number).await;
            if held.is_err() {
                break;
            }
        }
        if held.is_ok() {
            held = world.settle().await;
        }
        let trace = canonical::hex(&canonical::sha256(world.trace().join("\n").as_bytes()));
        let outcome = match held {
            Ok(()) => Ok(Summary {
                steps: taken as u64,
                entries: world.log_size() as u64,
                requests: world.requests(),
                trace,
            }),
            Err(violation) => Err(Failure {
                plan: Plan {
                    seed: plan.seed,
                    steps: plan.steps[..taken].to_vec(),
                },
                violation,
                trace,
                last: world.trace()[world.trace().len().saturating_sub(SHOWN)..].to_vec(),
            }),
        };
        (outcome, world.trace().to_vec())
    })
}

/// Runs what a file says.
///
/// # Errors
///
/// When the run fails as it did.
pub fn replay(file: &Path) -> Result<Summary, Failure> {
    let text = std::fs::read_to_string(file).unwrap();
    let plan = Plan::parse(&text).expect("the file says seed and steps");
    run(&plan)
}

fn ranges(steps: &[u64]) -> String {
    let mut text = String::new();
    for run in steps.chunk_by(|a, b| a + 1 == *b) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        if !text.is_empty() {
            text.push(',');
        }
        if first == last {
            let _ = write!(text, "{first}");
        } else {
            let _ = write!(text, "{first}-{last}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_run_is_read_as_it_was_written() {
        let failure = Failure {
            plan: Plan {
                seed: 9,
                steps: vec![0, 1, 2, 7, 9, 10],
            },
            violation: Violation {
                invariant: "NOTHING-LOST".to_owned(),
                detail: "a\nb".to_owned(),
            },
            trace: "00".to_owned(),
            last: vec!["10 time: steps: 5".to_owned()],
        };
        let text = failure.to_text();
        assert!(text.contains("\nsteps: 0-2,7,9-10\n"), "{text}");
        assert_eq!(Plan::parse(&text), Some(failure.plan));
        assert_eq!(Plan::parse("steps: x"), None);
    }
}
