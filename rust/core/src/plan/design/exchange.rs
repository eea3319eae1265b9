//! The exchange: drop a run, put the best affordable candidate in its place, until nothing improves.

use super::belief::Belief;
use super::limits::Limits;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};

/// Rounds over all runs at most.
const SWEEPS: usize = 12;
/// A gain below this is none.
const GAIN: f64 = 1e-10;

/// The best design found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Candidates, in increasing order.
    pub chosen: Vec<usize>,
    /// Its criterion: the mean of the logarithms of the targets' variances.
    pub value: f64,
    /// The criterion that each start ended at.
    pub ends: Vec<f64>,
    /// Rounds that the best start took.
    pub sweeps: usize,
}

/// Searches a design from several random ones that keep the limits.
///
/// The criterion is the mean over targets of ln variance, averaged over beliefs by their weights: ratios of variances
/// count, so that targets of different scale weigh the same.
///
/// # Errors
/// Shapes that do not fit; limits that not even the cheapest runs keep; cancelled.
pub fn exchange(beliefs: &[Belief], limits: &Limits, starts: usize, seed: u64, cancel: &Cancel) -> Result<Found> {
    limits.check()?;
    if beliefs.is_empty() || starts == 0 {
        return Err(Error::Setting("a design needs a belief and a start".into()));
    }
    beliefs.iter().try_for_each(|b| b.check(limits.cost.len()))?;
    let search = Search { beliefs, limits };
    let mut best: Option<Found> = None;
    let mut ends = vec![];
    for start in 0..starts {
        let mut found = search.from(search.random(seed, start as u64, cancel)?, cancel)?;
        found.chosen.sort_unstable();
        ends.push(found.value);
        if best.as_ref().is_none_or(|b| found.value < b.value) {
            best = Some(found);
        }
    }
    let best = best.expect("there is at least one start");
    Ok(Found { ends, ..best })
}

struct Search<'a> {
    beliefs: &'a [Belief],
    limits: &'a Limits,
}

impl Search<'_> {
    /// Draws runs one by one from those that leave room for the cheapest ones after them.
    fn random(&self, seed: u64, start: u64, cancel: &Cancel) -> Result<Vec<usize>> {
        let mut stream = Stream::new(seed, Purpose::Design, 0, start);
        let cost = &self.limits.cost;
        let mut costs = vec![self.limits.cheapest(); self.limits.runs];
        let mut chosen = vec![];
        for i in 0..self.limits.runs {
            cancel.check()?;
            let others: Vec<f64> = (0..costs.len()).filter(|&j| j != i).map(|j| costs[j]).collect();
            let possible: Vec<usize> = self.limits.affordable(&others).collect();
            // The cheapest one always is, but for rounding in sums of many costs.
            let next =
                if possible.is_empty() { self.limits.cheapest_place() } else { possible[stream.below(possible.len())] };
            costs[i] = cost[next];
            chosen.push(next);
        }
        Ok(chosen)
    }

    fn from(&self, mut chosen: Vec<usize>, cancel: &Cancel) -> Result<Found> {
        let mut sweeps = 0;
        while sweeps < SWEEPS {
            sweeps += 1;
            let mut moved = false;
            for i in 0..chosen.len() {
                cancel.check()?;
                if let Some(better) = self.better(&chosen, i) {
                    chosen[i] = better;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        Ok(Found { value: self.value(&chosen), chosen, ends: vec![], sweeps })
    }

    /// The best candidate in place of run `i`, none where it is the best itself.
    fn better(&self, chosen: &[usize], i: usize) -> Option<usize> {
        let mut kept = chosen.to_vec();
        kept.remove(i);
        let outlooks: Vec<_> = self.beliefs.iter().map(|b| b.seen(&kept)).collect();
        let mut sums = vec![];
        let mut score = |c: usize| outlooks.iter().map(|o| o.with(c, &mut sums)).sum::<f64>();
        let others: Vec<f64> = kept.iter().map(|&j| self.limits.cost[j]).collect();
        let (mut best, mut least) = (None, score(chosen[i]) - GAIN);
        for candidate in self.limits.affordable(&others) {
            let value = score(candidate);
            if value < least {
                (best, least) = (Some(candidate), value);
            }
        }
        best
    }

    /// The criterion of a design; infinite where it leaves parameters open.
    fn value(&self, chosen: &[usize]) -> f64 {
        let mean = |v: Vec<f64>| v.iter().map(|x| libm::log(*x)).sum::<f64>() / v.len() as f64;
        self.beliefs.iter().map(|b| b.weight * mean(b.variances(chosen))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::matrix::Square;
    use crate::plan::design::Version;

    fn belief(slopes: Vec<f64>, targets: Vec<Vec<f64>>, weight: f64) -> Belief {
        let before = Square::zero(targets[0].len());
        let apart = vec![0.0; targets.len()];
        Belief { versions: vec![Version { before, slopes, targets, weight: 1.0, field: None }], apart, weight }
    }

    /// Lines with noise 1 over 21 points from −1 to 1, at unit costs; the target is the slope.
    fn lines(runs: usize) -> (Vec<Belief>, Limits) {
        let slopes = (0..21).flat_map(|i| [1.0, -1.0 + 0.1 * f64::from(i)]).collect();
        let belief = belief(slopes, vec![vec![0.0, 1.0]], 1.0);
        let room = runs as f64;
        (vec![belief], Limits { cost: vec![1.0; 21], budget: room, cap: 1.0, runs, slots: 0, longest: f64::INFINITY })
    }

    #[test]
    fn the_slope_of_a_line_is_seen_best_at_its_ends() {
        for runs in [2, 4, 6] {
            let (beliefs, limits) = lines(runs);
            let found = exchange(&beliefs, &limits, 3, 0, &Cancel::default()).unwrap();
            let ends: Vec<usize> = [vec![0; runs / 2], vec![20; runs / 2]].concat();
            assert_eq!(found.chosen, ends);
            assert!((found.value + libm::log(runs as f64)).abs() < 1e-12);
        }
    }

    #[test]
    fn no_exchange_of_one_run_for_another_improves_what_is_found() {
        let slopes: Vec<f64> = (0..30).flat_map(|i| [1.0, f64::from(i), libm::sin(f64::from(i))]).collect();
        let belief = |target: [f64; 3]| belief(slopes.clone(), vec![target.to_vec(), vec![1.0, 40.0, 0.0]], 0.5);
        let beliefs = [belief([0.0, 1.0, 0.0]), belief([0.0, 0.0, 1.0])];
        let cost: Vec<f64> = (0..30).map(|i| 1.0 + f64::from(i)).collect();
        let limits = Limits { cost, budget: 60.0, cap: 25.0, runs: 5, slots: 2, longest: 31.0 };
        let found = exchange(&beliefs, &limits, 3, 1, &Cancel::default()).unwrap();
        let costs = |d: &[usize]| d.iter().map(|&i| limits.cost[i]).collect::<Vec<_>>();
        let search = Search { beliefs: &beliefs, limits: &limits };
        assert!(limits.holds(&costs(&found.chosen)));
        for i in 0..5 {
            for other in 0..30 {
                let mut changed = found.chosen.clone();
                changed[i] = other;
                assert!(!limits.holds(&costs(&changed)) || search.value(&changed) > found.value - 1e-8);
            }
        }
        assert!(found.ends.iter().all(|end| found.value <= *end));
        assert_eq!(found, exchange(&beliefs, &limits, 3, 1, &Cancel::default()).unwrap());
    }

    #[test]
    fn a_budget_that_holds_but_for_rounding_has_a_design() {
        let (beliefs, limits) = lines(200);
        let tight = Limits { budget: 200.0 * (1.0 - 5e-13), ..limits };
        assert_eq!(exchange(&beliefs, &tight, 1, 0, &Cancel::default()).unwrap().chosen.len(), 200);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let (beliefs, limits) = lines(2);
        let tight = Limits { budget: 1.5, ..limits.clone() };
        assert!(exchange(&beliefs, &tight, 1, 0, &Cancel::default()).is_err());
        assert!(exchange(&[], &limits, 1, 0, &Cancel::default()).is_err());
        let stopped = Cancel::default();
        stopped.stop();
        assert_eq!(exchange(&beliefs, &limits, 1, 0, &stopped), Err(Error::Cancelled));
    }
}
