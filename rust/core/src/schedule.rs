//! Learning-rate schedules: whole lists of rates, known by number, and the functionals of them.
//!
//! Rows of a table stand at steps of a few curves. A curve is kept once; what a row sees is a
//! *prefix* of it, and its column holds the prefix's number, which is gathered and resampled as any
//! other value. A functional is computed for all prefixes of a curve in one pass.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::simd::{Kernels, LANES};

/// Changes of a rate that are computed together: their scratch stays in the first-level cache.
const BLOCK: usize = 512;

/// What can be read off a schedule η_0 … η_{T−1}.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Functional {
    /// Σ η.
    Sum,
    /// Σ m with m_0 = 0 and m_i = λ m_{i−1} + η_{i−1} − η_i (annealing; argument λ).
    Anneal,
    /// Σ_k (η_{k−1} − η_k) (1 − (1 + C η_k^−γ S_k)^−β), S_k = Σ_{τ≥k} η_τ (arguments C, β, γ).
    MultiPower,
}

impl Functional {
    /// How many arguments it takes beside the schedule.
    pub fn arguments(self) -> usize {
        match self {
            Functional::Sum => 0,
            Functional::Anneal => 1,
            Functional::MultiPower => 3,
        }
    }
}

/// The most arguments that a functional takes.
pub const MAX_ARGUMENTS: usize = 3;
/// ln η of a rate of zero: small enough that its power is as good as infinite.
const LOG_ZERO: f64 = -690.0;
/// Powers of rates end here, so that they remain zero times a sum of zero.
const LARGEST: f64 = 1e200;

/// A value with its derivative by each argument.
pub type Values = [f64; 1 + MAX_ARGUMENTS];

/// A sum as two numbers: differences of sums over many steps keep all their digits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    fn plus(self, x: f64) -> Sum {
        let high = self.high + x;
        let back = high - self.high;
        let rest = (self.high - (high - back)) + (x - back);
        let low = self.low + rest;
        Sum { high, low }
    }

    fn value(self) -> f64 {
        self.high + self.low
    }
}

/// One curve, by the steps at which its rate changes.
#[derive(Debug, Clone, Default, PartialEq)]
struct Curve {
    /// η_{i−1} − η_i from the first change on, for every step.
    falls: Vec<f64>,
    /// The step of the first change.
    first: usize,
    /// Steps at which the rate changes, the change, ln η there, and Σ η of the steps before.
    steps: Vec<usize>,
    changes: Vec<f64>,
    logs: Vec<f64>,
    before: Vec<Sum>,
}

impl Curve {
    fn new(rates: &[f64]) -> (Self, Vec<Sum>) {
        let mut sums = vec![Sum::default()];
        let mut curve = Curve { first: rates.len(), ..Curve::default() };
        for (i, &rate) in rates.iter().enumerate() {
            let so_far = sums[i];
            let fall = if i == 0 { 0.0 } else { rates[i - 1] - rate };
            if fall != 0.0 {
                curve.first = curve.first.min(i);
                curve.steps.push(i);
                curve.changes.push(fall);
                curve.logs.push(libm::log(rate).max(LOG_ZERO));
                curve.before.push(so_far);
            }
            if i >= curve.first {
                curve.falls.push(fall);
            }
            sums.push(so_far.plus(rate));
        }
        (curve, sums)
    }

    /// How many changes happen before step `length`.
    fn changes_before(&self, length: usize) -> usize {
        self.steps.partition_point(|&step| step < length)
    }
}

/// The first `length` steps of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Prefix {
    curve: usize,
    length: usize,
    sum: Sum,
}

/// The curves of one schedule variable, and the prefixes of them that rows see.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schedules {
    curves: Vec<Curve>,
    prefixes: Vec<Prefix>,
    /// Prefix numbers, curve by curve, short ones first.
    order: Vec<usize>,
}

impl Schedules {
    /// Curves (lists of rates) and prefixes (curve and length of each).
    ///
    /// # Errors
    /// [`Error::Setting`] for rates that are negative or not finite, for prefixes without a positive
    /// rate or longer than their curve.
    pub fn new(curves: &[&[f64]], prefixes: &[(usize, usize)]) -> Result<Self> {
        if let Some(rate) = curves.iter().flat_map(|c| c.iter()).find(|rate| !(rate.is_finite() && **rate >= 0.0)) {
            return Err(Error::Setting(format!("a schedule holds the rate {rate}, expected rates of zero or more")));
        }
        let (curves, sums): (Vec<Curve>, Vec<Vec<Sum>>) = curves.iter().map(|rates| Curve::new(rates)).unzip();
        let read = |&(curve, length): &(usize, usize)| match sums.get(curve).and_then(|s| s.get(length)) {
            Some(sum) if sum.high > 0.0 => Ok(Prefix { curve, length, sum: *sum }),
            Some(_) => Err(Error::Setting("a schedule has no positive rate".into())),
            None => Err(Error::Setting(format!("no schedule {curve} has {length} steps"))),
        };
        let prefixes: Vec<Prefix> = prefixes.iter().map(read).collect::<Result<_>>()?;
        let mut order: Vec<usize> = (0..prefixes.len()).collect();
        order.sort_by_key(|&i| (prefixes[i].curve, prefixes[i].length));
        Ok(Schedules { curves, prefixes, order })
    }

    /// Refuses a column that names prefixes which do not exist.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check_numbers(&self, name: &str, column: &[f64]) -> Result<()> {
        let known = |x: &&f64| x.fract() == 0.0 && **x >= 0.0 && (**x as usize) < self.len();
        match column.iter().find(|x| !known(x)) {
            Some(x) => Err(Error::Setting(format!("'{name}' holds the schedule number {x}, there are {}", self.len()))),
            None => Ok(()),
        }
    }

    /// How many prefixes there are: columns hold numbers below this.
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }
}

/// Computes functionals; the scratch of one thread.
#[derive(Debug, Clone, Default)]
pub struct Scanner {
    powers: Vec<f64>,
    falls: Vec<f64>,
    x: Vec<f64>,
    logs: Vec<f64>,
    terms: Vec<f64>,
    lost: Vec<f64>,
}

impl Scanner {
    /// Writes the functional of every prefix, with its derivatives where `parts` are asked for.
    pub fn all(
        &mut self,
        schedules: &Schedules,
        which: Functional,
        arguments: &[f64],
        parts: bool,
        kernels: &Kernels,
        out: &mut [Values],
    ) {
        let mut start = 0;
        while start < schedules.order.len() {
            let curve = schedules.prefixes[schedules.order[start]].curve;
            let count = schedules.order[start..].iter().take_while(|&&i| schedules.prefixes[i].curve == curve).count();
            let group = &schedules.order[start..start + count];
            self.group(schedules, group, which, arguments, parts, kernels, &mut |prefix, values| out[prefix] = values);
            start += count;
        }
    }

    /// The functional of one prefix.
    pub fn one(
        &mut self,
        schedules: &Schedules,
        prefix: usize,
        which: Functional,
        arguments: &[f64],
        parts: bool,
        kernels: &Kernels,
    ) -> Values {
        let mut found = Values::default();
        self.group(schedules, &[prefix], which, arguments, parts, kernels, &mut |_, values| found = values);
        found
    }

    /// Prefixes of one curve, short ones first.
    #[allow(clippy::too_many_arguments)]
    fn group(
        &mut self,
        schedules: &Schedules,
        group: &[usize],
        which: Functional,
        arguments: &[f64],
        parts: bool,
        kernels: &Kernels,
        put: &mut dyn FnMut(usize, Values),
    ) {
        let prefix = |&i: &usize| (i, schedules.prefixes[i]);
        let Some(curve) = group.first().map(|i| &schedules.curves[schedules.prefixes[*i].curve]) else { return };
        match which {
            Functional::Sum => group.iter().map(prefix).for_each(|(i, p)| put(i, [p.sum.value(), 0.0, 0.0, 0.0])),
            Functional::Anneal => anneal(curve, arguments[0], group.iter().map(prefix), put),
            Functional::MultiPower => {
                self.raise(curve, arguments[2], kernels);
                for (i, p) in group.iter().map(prefix) {
                    let values = self.multi_power(curve, p, arguments, parts, kernels);
                    put(i, values);
                }
            }
        }
    }

    /// η^−γ at every change of a curve.
    fn raise(&mut self, curve: &Curve, gamma: f64, kernels: &Kernels) {
        let n = curve.logs.len().next_multiple_of(LANES);
        self.powers.resize(n, 0.0);
        for scratch in [&mut self.falls, &mut self.x, &mut self.logs, &mut self.terms, &mut self.lost] {
            scratch.resize(BLOCK, 0.0);
        }
        for (powers, logs) in self.powers.chunks_mut(BLOCK).zip(curve.logs.chunks(BLOCK)) {
            let x = &mut self.x[..powers.len()];
            x.iter_mut().zip(logs).for_each(|(x, log)| *x = -gamma * log);
            (kernels.exp)(x, powers);
            powers.iter_mut().for_each(|p| *p = p.min(LARGEST));
        }
    }

    fn multi_power(
        &mut self,
        curve: &Curve,
        prefix: Prefix,
        arguments: &[f64],
        parts: bool,
        kernels: &Kernels,
    ) -> Values {
        let (c, beta) = (arguments[0], arguments[1]);
        let changes = curve.changes_before(prefix.length);
        let mut sums = Values::default();
        for first in (0..changes).step_by(BLOCK) {
            let range = first..(first + BLOCK).min(changes);
            let block = self.multi_power_block(curve, prefix, range, c, beta, parts, kernels);
            sums.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
        }
        let [value, by_x, by_beta, by_log] = sums;
        [-value, beta * by_x / c, by_beta, -beta * by_log]
    }

    /// Over some changes, with x = C η^−γ S and P = (1 + x)^−β: Σ fall (P − 1), and where `parts` are asked for
    /// Σ fall P x / (1 + x), Σ fall P ln(1 + x), Σ fall P x / (1 + x) ln η.
    #[allow(clippy::too_many_arguments)]
    fn multi_power_block(
        &mut self,
        curve: &Curve,
        prefix: Prefix,
        range: Range<usize>,
        c: f64,
        beta: f64,
        parts: bool,
        kernels: &Kernels,
    ) -> Values {
        let (count, n) = (range.len(), range.len().next_multiple_of(LANES));
        let (falls, x, logs) = (&mut self.falls[..n], &mut self.x[..n], &mut self.logs[..n]);
        let (terms, lost) = (&mut self.terms[..n], &mut self.lost[..n]);
        falls[..count].copy_from_slice(&curve.changes[range.clone()]);
        falls[count..].fill(0.0);
        x[count..].fill(0.0);
        for ((x, power), before) in x.iter_mut().zip(&self.powers[range.clone()]).zip(&curve.before[range.clone()]) {
            *x = c * (power * ((prefix.sum.high - before.high) + (prefix.sum.low - before.low)));
        }
        (kernels.log1p)(x, logs);
        terms.iter_mut().zip(&*logs).for_each(|(term, log)| *term = -beta * log);
        (kernels.expm1)(terms, lost);
        let value = (kernels.dot)(falls, lost);
        if !parts {
            return [value, 0.0, 0.0, 0.0];
        }
        terms.iter_mut().zip(&*logs).zip(&*lost).for_each(|((term, log), lost)| *term = log * (1.0 + lost));
        let by_beta = (kernels.dot)(falls, terms);
        terms.iter_mut().zip(&*x).zip(&*lost).for_each(|((term, x), lost)| *term = x * (1.0 + lost) / (1.0 + x));
        let by_x = (kernels.dot)(falls, terms);
        terms.iter_mut().zip(&curve.logs[range]).for_each(|(term, log)| *term *= log);
        [value, by_x, by_beta, (kernels.dot)(falls, terms)]
    }
}

/// S2 and its derivative by λ at each prefix, in one walk over the curve.
fn anneal(
    curve: &Curve,
    decay: f64,
    prefixes: impl Iterator<Item = (usize, Prefix)>,
    put: &mut dyn FnMut(usize, Values),
) {
    let (mut momentum, mut total) = (0.0, 0.0);
    let (mut momentum_slope, mut total_slope) = (0.0, 0.0);
    let mut step = curve.first;
    for (i, prefix) in prefixes {
        while step < prefix.length {
            momentum_slope = decay * momentum_slope + momentum;
            momentum = decay * momentum + curve.falls[step - curve.first];
            total += momentum;
            total_slope += momentum_slope;
            step += 1;
        }
        put(i, [total, total_slope, 0.0, 0.0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::kernels;

    /// The definitions of laws.md section 12, as they are written.
    fn plain(which: Functional, rates: &[f64], arguments: &[f64]) -> f64 {
        match which {
            Functional::Sum => rates.iter().sum(),
            Functional::Anneal => {
                let mut m = 0.0;
                (1..rates.len())
                    .map(|i| {
                        m = arguments[0] * m + rates[i - 1] - rates[i];
                        m
                    })
                    .sum()
            }
            Functional::MultiPower => (1..rates.len())
                .map(|k| {
                    let rest: f64 = rates[k..].iter().sum();
                    let gain = 1.0 - (1.0 + arguments[0] * rates[k].powf(-arguments[2]) * rest).powf(-arguments[1]);
                    (rates[k - 1] - rates[k]) * gain
                })
                .sum(),
        }
    }

    fn curves() -> [Vec<f64>; 3] {
        let cosine =
            (0..400).map(|i| 3e-5 + 1.35e-4 * (1.0 + (f64::from(i) / 400.0 * std::f64::consts::PI).cos())).collect();
        let step = (0..300).map(|i| if i < 200 { 3e-4 } else { 1e-4 }).collect();
        let up = (0..50).map(|i| 1e-5 * f64::from(1 + i % 13)).collect();
        [cosine, step, up]
    }

    const CASES: [(Functional, &[f64]); 4] = [
        (Functional::Sum, &[]),
        (Functional::Anneal, &[0.99]),
        (Functional::MultiPower, &[2.1, 0.6, 0.65]),
        (Functional::MultiPower, &[400.0, 0.05, 0.2]),
    ];

    fn table() -> (Vec<Vec<f64>>, Vec<(usize, usize)>, Schedules) {
        let curves = curves();
        let prefixes: Vec<(usize, usize)> =
            vec![(1, 300), (0, 7), (2, 50), (0, 400), (0, 1), (1, 201), (1, 100), (0, 123)];
        let slices: Vec<&[f64]> = curves.iter().map(Vec::as_slice).collect();
        let schedules = Schedules::new(&slices, &prefixes).unwrap();
        (curves.to_vec(), prefixes, schedules)
    }

    #[test]
    fn every_prefix_has_its_value() {
        let (curves, prefixes, schedules) = table();
        let kernels = kernels().unwrap();
        for (which, arguments) in CASES {
            let mut out = vec![Values::default(); schedules.len()];
            Scanner::default().all(&schedules, which, arguments, true, kernels, &mut out);
            for (i, &(curve, length)) in prefixes.iter().enumerate() {
                let expected = plain(which, &curves[curve][..length], arguments);
                assert!((out[i][0] - expected).abs() <= 1e-13 * expected.abs().max(1e-5), "{which:?} {i}");
                let one = Scanner::default().one(&schedules, i, which, arguments, true, kernels);
                assert_eq!(one, out[i], "{which:?} {i}");
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_differences() {
        let (curves, prefixes, schedules) = table();
        for (which, arguments) in CASES {
            for (i, &(curve, length)) in prefixes.iter().enumerate() {
                let found = Scanner::default().one(&schedules, i, which, arguments, true, kernels().unwrap());
                for k in 0..arguments.len() {
                    let at = |share: f64| {
                        let mut moved = arguments.to_vec();
                        moved[k] *= 1.0 + share;
                        plain(which, &curves[curve][..length], &moved)
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / (2e-5 * arguments[k]);
                    assert!(
                        (found[1 + k] - slope).abs() <= 1e-6 * slope.abs() + 1e-11,
                        "{which:?} {i} {k}: {found:?} {slope}"
                    );
                }
            }
        }
    }

    /// A rate of zero at the end adds what the limit from above adds: nothing for gamma below 1.
    #[test]
    fn a_schedule_may_end_at_zero() {
        let rates = [1e-3, 5e-4, 0.0];
        let schedules = Schedules::new(&[&rates], &[(0, 3)]).unwrap();
        let found =
            Scanner::default().one(&schedules, 0, Functional::MultiPower, &[2.0, 0.6, 0.7], true, kernels().unwrap());
        let expected = plain(Functional::MultiPower, &rates[..2], &[2.0, 0.6, 0.7]);
        assert!(found.iter().all(|x| x.is_finite()));
        assert!((found[0] - expected).abs() < 1e-15);
    }

    #[test]
    fn bad_schedules_are_refused() {
        let refused = |rates: &[f64], prefix| Schedules::new(&[rates], &[prefix]).is_err();
        assert!(refused(&[1.0, -1.0], (0, 2)) && refused(&[1.0, f64::NAN], (0, 2)));
        assert!(refused(&[0.0, 1.0], (0, 1)) && refused(&[1.0], (0, 2)) && refused(&[1.0], (1, 1)));
    }
}
