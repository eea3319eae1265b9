//! What a design may cost, in all, by run, and by the clock where machines work side by side.

use crate::error::{Error, Result};

/// Rounding in sums of costs that is no breach.
const ROUNDING: f64 = 1e-12;

/// The room that a design has; costs are in the caller's unit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Cost of each candidate.
    pub cost: Vec<f64>,
    /// What all runs may cost together.
    pub budget: f64,
    /// What one run may cost.
    pub cap: f64,
    /// How many runs are made.
    pub runs: usize,
    /// How many of them can go on at once; 0 where that does not matter.
    pub slots: usize,
    /// What the busiest slot may cost; infinite where there is no such limit.
    pub longest: f64,
}

impl Limits {
    /// # Errors
    /// Costs that are not positive; limits below what the cheapest runs cost.
    pub fn check(&self) -> Result<()> {
        if self.runs == 0 || self.cost.is_empty() {
            return Err(Error::Setting("a design needs at least one run and one candidate".into()));
        }
        if !self.cost.iter().all(|c| *c > 0.0 && c.is_finite()) {
            return Err(Error::Setting("costs of candidates must be finite and above 0".into()));
        }
        let (cheapest, runs) = (self.cheapest(), self.runs);
        if !self.holds(&vec![cheapest; runs]) {
            return Err(Error::Setting(format!(
                "{runs} runs of the cheapest candidate ({cheapest:e} each) break the limits"
            )));
        }
        Ok(())
    }

    /// The smallest cost of a candidate.
    pub(crate) fn cheapest(&self) -> f64 {
        self.cost[self.cheapest_place()]
    }

    /// The candidate of the smallest cost.
    pub(crate) fn cheapest_place(&self) -> usize {
        (0..self.cost.len()).min_by(|&i, &j| self.cost[i].total_cmp(&self.cost[j])).expect("there is a candidate")
    }

    /// Whether runs of these costs stay within every limit.
    pub fn holds(&self, costs: &[f64]) -> bool {
        let within = |x: f64, limit: f64| x <= limit * (1.0 + ROUNDING);
        within(costs.iter().sum(), self.budget)
            && costs.iter().all(|c| within(*c, self.cap))
            && (self.longest.is_infinite() || within(schedule(costs, self.slots).1, self.longest))
    }

    /// Which candidates could join runs of these costs, in order.
    pub(crate) fn affordable<'a>(&'a self, others: &'a [f64]) -> impl Iterator<Item = usize> + 'a {
        let room = (self.budget - others.iter().sum::<f64>()).min(self.cap) * (1.0 + ROUNDING);
        let mut costs = others.to_vec();
        costs.push(0.0);
        (0..self.cost.len()).filter(move |&i| {
            self.cost[i] <= room && {
                costs[others.len()] = self.cost[i];
                self.longest.is_infinite() || self.holds(&costs)
            }
        })
    }
}

/// Puts runs on slots, the longest first and each on the slot that is free soonest (Graham 1969); the slot of each
/// run and what the busiest slot costs. No slots are one.
pub fn schedule(costs: &[f64], slots: usize) -> (Vec<usize>, f64) {
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by(|&i, &j| costs[j].total_cmp(&costs[i]));
    // More slots than runs stay empty.
    let mut busy = vec![0.0_f64; slots.clamp(1, costs.len().max(1))];
    let mut slot = vec![0; costs.len()];
    for i in order {
        let free = (0..busy.len()).min_by(|&a, &b| busy[a].total_cmp(&busy[b])).unwrap_or(0);
        busy[free] += costs[i];
        slot[i] = free;
    }
    (slot, busy.into_iter().fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_run_goes_first() {
        // Graham's example: five jobs on two machines take 7 this way (6 would be best).
        let (slot, longest) = schedule(&[3.0, 3.0, 2.0, 2.0, 2.0], 2);
        assert_eq!((slot, longest), (vec![0, 1, 0, 1, 0], 7.0));
        assert_eq!(schedule(&[1.0, 2.0], 0).1, 3.0);
        assert_eq!(schedule(&[1.0, 2.0], usize::MAX), (vec![1, 0], 2.0));
        assert_eq!(schedule(&[], 3), (vec![], 0.0));
    }

    #[test]
    fn limits_hold_together() {
        let limits = Limits { cost: vec![1.0, 2.0, 4.0, 8.0], budget: 9.0, cap: 4.0, runs: 3, slots: 2, longest: 5.0 };
        assert!(limits.check().is_ok());
        assert!(limits.holds(&[4.0, 4.0, 1.0]) && !limits.holds(&[4.0, 4.0, 2.0]));
        // 4 and 3 leave room for 2 in the budget; the busiest slot would then hold 5.
        assert_eq!(limits.affordable(&[4.0, 3.0]).collect::<Vec<_>>(), [0, 1]);
        let tight = Limits { longest: 1.5, ..limits.clone() };
        assert!(tight.check().is_err());
        assert!(Limits { cost: vec![0.0], ..limits }.check().is_err());
    }
}
