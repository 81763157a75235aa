//! Contenders that take turns.

use std::time::Duration;

use crate::clock::{Clock, Cost};

/// Work of which each round takes at least so long.
const ROUND: Duration = Duration::from_millis(10);

/// What each contender took in each round. The rounds are short and follow each other, so that a
/// machine that is slow for a while is slow for all of them.
#[derive(Clone, Debug)]
pub struct Turns {
    /// By contender, then by round; of one repetition.
    costs: Vec<Vec<Cost>>,
}

impl Turns {
    /// Lets the contenders take turns. Each is called as often in a round as it takes to be
    /// measured well; who begins changes with each round.
    pub fn take(rounds: usize, clock: Clock, contenders: &mut [&mut dyn FnMut()]) -> Self {
        let repeats: Vec<u32> = contenders
            .iter_mut()
            .map(|contender| {
                contender();
                let once = clock.cost(&mut *contender).cpu.max(Duration::from_nanos(1));
                u32::try_from(ROUND.as_nanos() / once.as_nanos())
                    .unwrap_or(u32::MAX)
                    .max(1)
            })
            .collect();
        let mut costs = vec![Vec::with_capacity(rounds); contenders.len()];
        for round in 0..rounds {
            for turn in 0..contenders.len() {
                let who = (round + turn) % contenders.len();
                let (Some(contender), Some(&repeat), Some(costs)) = (
                    contenders.get_mut(who),
                    repeats.get(who),
                    costs.get_mut(who),
                ) else {
                    continue;
                };
                let cost = clock.cost(|| (0..repeat).for_each(|_| contender()));
                costs.push(Cost {
                    wall: cost.wall / repeat,
                    cpu: cost.cpu / repeat,
                });
            }
        }
        Self { costs }
    }

    /// From costs that were measured elsewhere, by contender, then by round.
    #[must_use]
    pub fn of(costs: Vec<Vec<Cost>>) -> Self {
        Self { costs }
    }

    /// Median cost of a contender.
    #[must_use]
    pub fn cost(&self, who: usize) -> Cost {
        let of = |part: fn(&Cost) -> Duration| {
            let costs = self.costs.get(who).into_iter().flatten();
            Duration::from_secs_f64(median(costs.map(|cost| part(cost).as_secs_f64()).collect()))
        };
        Cost {
            wall: of(|cost| cost.wall),
            cpu: of(|cost| cost.cpu),
        }
    }

    /// How much of the speed of `ceiling` `ours` has: the medians of the rounds' ratios, by
    /// processor time and by time that passed.
    #[must_use]
    pub fn ratio(&self, ours: usize, ceiling: usize) -> (f64, f64) {
        let of = |part: fn(&Cost) -> Duration| {
            let (ours, ceiling) = (self.costs.get(ours), self.costs.get(ceiling));
            let pairs = ours
                .into_iter()
                .flatten()
                .zip(ceiling.into_iter().flatten());
            median(
                pairs
                    .map(|(ours, ceiling)| {
                        part(ceiling).as_secs_f64() / part(ours).as_secs_f64().max(1e-12)
                    })
                    .collect(),
            )
        };
        (of(|cost| cost.cpu), of(|cost| cost.wall))
    }
}

/// The middle value; 0 of none.
#[must_use]
pub fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of the values lies; 0 of none.
#[must_use]
pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = (last as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(milliseconds: u64) -> Cost {
        Cost {
            wall: Duration::from_millis(milliseconds * 2),
            cpu: Duration::from_millis(milliseconds),
        }
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds() {
        // One slow round of the machine takes both along.
        let turns = Turns::of(vec![
            vec![cost(10), cost(100), cost(10)],
            vec![cost(8), cost(80), cost(9)],
        ]);
        let (cpu, wall) = turns.ratio(0, 1);
        assert!((cpu - 0.8).abs() < 1e-9 && (wall - 0.8).abs() < 1e-9);
        assert_eq!(turns.cost(0).cpu, Duration::from_millis(10));
    }

    #[test]
    fn quantiles_of_few_and_none() {
        assert_eq!(quantile(vec![], 0.99), 0.0);
        assert_eq!(quantile(vec![3.0], 0.99), 3.0);
        assert_eq!(quantile(vec![4.0, 1.0, 2.0, 3.0, 5.0], 0.5), 3.0);
    }

    #[test]
    fn contenders_take_turns_from_changing_places() {
        let mut order = Vec::new();
        let calls = std::cell::RefCell::new(&mut order);
        Turns::take(
            2,
            Clock::Thread,
            &mut [
                &mut || {
                    calls.borrow_mut().push(0);
                },
                &mut || {
                    calls.borrow_mut().push(1);
                },
            ],
        );
        let first = order.iter().position(|who| *who == 1);
        assert_eq!(order.first(), Some(&0));
        assert!(first.is_some());
        assert_eq!(order.last(), Some(&0));
    }
}
