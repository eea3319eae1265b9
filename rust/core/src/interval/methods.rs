//! One call for every kind of interval of a fit.

use super::boundary::{far_end, is_at_bound, leave_zero};
use super::ends::{Ends, Reading, Sample, ends};
use super::profile::{End, Profile};
use super::quantity::Quantity;
use super::replicates::{Errors, is_sound, replicates, standard_error};
use crate::bootstrap::Bootstrap;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::fit::{Problem, Recipe, Workspace};
use crate::inference::covariance::{hc3, kappa, pooled};
use crate::inference::gls::{Gls, gls, members};
use crate::inference::matrix::Square;
use crate::inference::special::t_quantile;
use crate::inference::state::State;
use crate::resample::{Responder, Sampler, Scheme};

/// Stands for the logarithm of zero.
const LOWEST: f64 = -1e300;

/// Kinds of intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Estimate ± t × standard error, pooled variance.
    Delta,
    /// The same with the variance of heteroscedastic rows.
    Hc3,
    /// Where the objective has risen by κ F/2.
    Profile,
    /// Generalised least squares with an effect for each group.
    Gls,
    /// The same with neighbouring rows of a group correlated.
    GlsSerial,
    /// Studentised wild bootstrap of groups.
    WildCluster,
    /// Leave out one group (or row) at a time.
    Jackknife,
    /// Draws by a scheme, read in a way.
    Draws(Scheme, Reading),
}

/// What all methods need to know beside the fit.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Nominal coverage.
    pub level: f64,
    /// Group of each row of the table.
    pub groups: Option<&'a [u32]>,
    /// What rows of a group are put in order by; the table's order where there is none.
    pub order: Option<&'a [f64]>,
    /// Strata that resampling stays within.
    pub strata: Option<&'a [u32]>,
    /// Resamples, where the method draws.
    pub n_resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
    /// Rescue starts only for refits that do not converge.
    pub quick: bool,
}

/// Which sides of an interval are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    /// Both.
    Two = 0,
    /// It begins at a boundary: only the upper end says something.
    Upper = 1,
    /// It ends at a boundary: only the lower end says something.
    Lower = 2,
}

/// An interval on the native scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The value that the interval is around.
    pub estimate: f64,
    /// Lower end; 0 or −∞ where the interval is open.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Monte-Carlo standard error of the lower end, zero where nothing was drawn.
    pub low_error: f64,
    /// Monte-Carlo standard error of the upper end.
    pub high_error: f64,
    /// Its sides.
    pub side: Side,
}

/// Intervals, and what the method has to say beside them.
#[derive(Debug, Clone, Default)]
pub struct Intervals {
    /// One for each quantity.
    pub list: Vec<Interval>,
    /// Degrees of freedom, where the method has them.
    pub df: f64,
    /// The fit with correlated errors, where there is one.
    pub gls: Option<Gls>,
    /// Resamples that were drawn and left out as unsound.
    pub n_failed: usize,
}

/// Intervals of quantities of a fit that ended at `theta` (internal).
///
/// # Errors
/// Settings that the method cannot use; rows that do not determine the parameters; cancelled.
pub fn intervals(
    problem: &Problem,
    recipe: &Recipe,
    theta: &[f64],
    quantities: &[Quantity],
    method: Method,
    settings: &Settings<'_>,
    cancel: &Cancel,
) -> Result<Intervals> {
    if !(settings.level > 0.0 && settings.level < 1.0) {
        return Err(Error::Setting(format!("level is {}, expected a number between 0 and 1", settings.level)));
    }
    let state = State::of(problem, recipe, theta, cancel);
    let job = Job { problem, recipe, quantities, method, settings, cancel, state };
    let mut found = job.run()?;
    job.put_at_bounds(&mut found)?;
    Ok(found)
}

/// One call of `intervals`.
struct Job<'a> {
    problem: &'a Problem,
    recipe: &'a Recipe,
    quantities: &'a [Quantity],
    method: Method,
    settings: &'a Settings<'a>,
    cancel: &'a Cancel,
    state: State,
}

impl Job<'_> {
    fn run(&self) -> Result<Intervals> {
        let df = self.state.n() - self.state.q() as f64;
        match self.method {
            Method::Delta => self.by_covariance(&self.state, pooled(&self.state), self.positive(df)?),
            Method::Hc3 => self.by_covariance(&self.state, hc3(&self.state), self.positive(df)?),
            Method::Profile => self.by_profile(self.positive(df)?),
            Method::Gls | Method::GlsSerial => self.by_gls(),
            Method::WildCluster => self.by_replicates(Scheme::WildGroups, Errors::Groups(self.groups()?)),
            Method::Jackknife => self.by_jackknife(),
            Method::Draws(scheme, Reading::Studentised) => {
                let errors = match (scheme, self.settings.groups) {
                    (Scheme::Groups | Scheme::WildGroups, Some(groups)) => Errors::Groups(groups),
                    _ => Errors::Rows,
                };
                self.by_replicates(scheme, errors)
            }
            Method::Draws(scheme, reading) => self.by_draws(scheme, reading),
        }
    }

    fn positive(&self, df: f64) -> Result<f64> {
        if df >= 1.0 {
            return Ok(df);
        }
        let (n, q) = (self.state.n(), self.state.q());
        Err(Error::Setting(format!("{n} rows leave no degree of freedom beside {q} parameters")))
    }

    fn groups(&self) -> Result<&[u32]> {
        self.settings.groups.ok_or_else(|| Error::Setting("this method needs groups".into()))
    }

    fn singular() -> Error {
        Error::Setting("the rows do not determine the parameters, so they have no standard errors".into())
    }

    /// Value ± t × standard error, from a covariance of the parameters that move.
    fn by_covariance(&self, state: &State, covariance: Option<Square>, df: f64) -> Result<Intervals> {
        let covariance = covariance.ok_or_else(Self::singular)?;
        let t = t_quantile(0.5 * (1.0 + self.settings.level), df);
        let around = |q: &Quantity| {
            let (value, error) = standard_error(q, state, &covariance);
            native(q, value, Ends { low: value - t * error, high: value + t * error, low_error: 0.0, high_error: 0.0 })
        };
        Ok(Intervals { list: self.quantities.iter().map(around).collect(), df, ..Intervals::default() })
    }

    fn by_profile(&self, df: f64) -> Result<Intervals> {
        let t = t_quantile(0.5 * (1.0 + self.settings.level), df);
        let mut ws = Workspace::new(self.problem, self.cancel);
        ws.set_free(&self.recipe.free());
        // A parameter at zero may leave it where another value of the quantity asks for that: the interval is then
        // the union of those with it held there and with it moving.
        let left = leave_zero(&mut ws, self.recipe, &self.state.theta);
        let moved = State::at(&mut ws, self.recipe, &left);
        let starts = if moved.q() > self.state.q() { vec![&self.state, &moved] } else { vec![&self.state] };
        let mut list = vec![];
        for quantity in self.quantities {
            self.cancel.check()?;
            let value = quantity.value(&self.state.theta);
            let mut ends = flat(value);
            for start in &starts {
                let Some(mut profile) = Profile::new(&mut ws, self.recipe, quantity, &self.state, start) else {
                    continue;
                };
                let end = |end: End, open: f64| if let End::At(x) = end { x } else { open };
                ends.low = ends.low.min(end(profile.end(-t), f64::NEG_INFINITY));
                ends.high = ends.high.max(end(profile.end(t), f64::INFINITY));
            }
            list.push(native(quantity, value, ends));
        }
        Ok(Intervals { list, df, ..Intervals::default() })
    }

    fn by_gls(&self) -> Result<Intervals> {
        let groups = members(&self.state, self.groups()?, self.settings.order);
        let mut ws = Workspace::new(self.problem, self.cancel);
        ws.set_free(&self.recipe.free());
        let serial = self.method == Method::GlsSerial;
        let fitted = gls(&mut ws, self.recipe, &self.state, &groups, serial)?.ok_or_else(|| {
            Error::Setting(format!(
                "{} groups do not determine the parameters and an effect for each group",
                groups.len()
            ))
        })?;
        let state = State { theta: fitted.theta.clone(), ..self.state.clone() };
        let found = self.by_covariance(&state, Some(fitted.covariance.clone()), fitted.df)?;
        Ok(Intervals { gls: Some(fitted), ..found })
    }

    fn sampler(&self, scheme: Scheme) -> Result<Sampler> {
        let s = self.settings;
        let weights = &self.problem.table().weights;
        let sampler = Sampler::new(scheme, weights, s.groups, s.strata, s.seed, 0)?;
        if !scheme.draws_response() {
            return Ok(sampler);
        }
        let responder = Responder::new(scheme, &self.state, self.problem.response(), s.groups, s.seed)?;
        Ok(sampler.with_responder(responder))
    }

    fn by_replicates(&self, scheme: Scheme, errors: Errors<'_>) -> Result<Intervals> {
        let (s, theta) = (self.settings, &self.state.theta);
        let sampler = self.sampler(scheme)?;
        let covariance = errors.covariance(&self.state).ok_or_else(Self::singular)?;
        let drawn = replicates(
            self.problem,
            self.recipe,
            theta,
            &sampler,
            self.quantities,
            errors,
            s.n_resamples,
            s.threads,
            !s.quick,
            self.cancel,
        )?;
        let read = |(k, quantity): (usize, &Quantity)| {
            let (estimate, error) = standard_error(quantity, &self.state, &covariance);
            let sample =
                Sample { estimate, error, values: &drawn.values[k], errors: &drawn.errors[k], ..Sample::default() };
            Ok(native(quantity, estimate, ends(Reading::Studentised, &sample, s.level)?))
        };
        let list = self.quantities.iter().enumerate().map(read).collect::<Result<_>>()?;
        Ok(Intervals { list, n_failed: drawn.n_failed, ..Intervals::default() })
    }

    /// Values of each quantity over sound refits.
    fn values(&self, scheme: Scheme, count: usize) -> Result<(Vec<Vec<f64>>, usize)> {
        let sampler = self.sampler(scheme)?;
        let count = if scheme == Scheme::Jackknife { sampler.n_units() } else { count };
        let boot =
            Bootstrap { problem: self.problem, recipe: self.recipe, theta: &self.state.theta, sampler: &sampler };
        let run = if self.settings.quick { Bootstrap::run_quick } else { Bootstrap::run };
        let drawn = run(&boot, 0, count, self.settings.threads, self.cancel)?;
        let p = self.problem.p();
        let sound: Vec<f64> = drawn
            .draws
            .chunks_exact(p)
            .zip(&drawn.status)
            .filter(|(_, code)| is_sound(**code))
            .flat_map(|(row, _)| row.iter().copied())
            .collect();
        let failed = count - sound.len() / p;
        // Zero lies at −∞ on the log scale, where quantiles cannot be interpolated.
        let over = |q: &Quantity| q.over(&sound, p).into_iter().map(|x| x.max(LOWEST)).collect();
        Ok((self.quantities.iter().map(over).collect(), failed))
    }

    fn by_draws(&self, scheme: Scheme, reading: Reading) -> Result<Intervals> {
        let (values, n_failed) = self.values(scheme, self.settings.n_resamples)?;
        let left_out = match reading {
            Reading::Bca => self.values(Scheme::Jackknife, 0)?.0,
            Reading::Calibrated => return Err(Error::Setting("this method needs a double bootstrap".into())),
            _ => vec![vec![]; values.len()],
        };
        let read = |((quantity, values), jackknife): ((&Quantity, &Vec<f64>), &Vec<f64>)| {
            let estimate = quantity.value(&self.state.theta);
            let sample = Sample { estimate, values, jackknife, ..Sample::default() };
            Ok(native(quantity, estimate, ends(reading, &sample, self.settings.level)?))
        };
        let list = self.quantities.iter().zip(&values).zip(&left_out).map(read).collect::<Result<_>>()?;
        Ok(Intervals { list, n_failed, ..Intervals::default() })
    }

    /// (G − 1)/G Σ (g₍ᵢ₎ − ḡ)², with t of G − 1 (CR3 for groups).
    fn by_jackknife(&self) -> Result<Intervals> {
        let (values, n_failed) = self.values(Scheme::Jackknife, 0)?;
        let mut df = 0.0_f64;
        let read = |(quantity, values): (&Quantity, &Vec<f64>)| {
            let g = values.len() as f64;
            df = df.max(g - 1.0);
            let mean = values.iter().sum::<f64>() / g;
            let error = ((g - 1.0) / g * values.iter().map(|x| (x - mean).powi(2)).sum::<f64>()).sqrt();
            let estimate = quantity.value(&self.state.theta);
            let reach = t_quantile(0.5 * (1.0 + self.settings.level), g - 1.0) * error;
            native(quantity, estimate, Ends { low: estimate - reach, high: estimate + reach, ..flat(estimate) })
        };
        let list = self.quantities.iter().zip(&values).map(read).collect();
        Ok(Intervals { list, df, n_failed, ..Intervals::default() })
    }

    /// Parameters at zero or at a bound: one-sided, whatever the method.
    fn put_at_bounds(&self, found: &mut Intervals) -> Result<()> {
        let theta = &self.state.theta;
        let domains = self.problem.domains();
        for (quantity, interval) in self.quantities.iter().zip(&mut found.list) {
            let Some(j) = quantity.parameter.filter(|&j| is_at_bound(self.recipe, theta, j)) else { continue };
            // Quantiles of draws end at the boundary by themselves.
            if matches!(self.method, Method::Draws(_, reading) if reading != Reading::Studentised) {
                continue;
            }
            let df = self.positive(self.state.n() - self.state.q() as f64)?;
            let t = t_quantile(self.settings.level, df);
            let mut ws = Workspace::new(self.problem, self.cancel);
            let end = far_end(&mut ws, self.recipe, theta, j, 0.5 * kappa(&self.state) * t * t);
            self.cancel.check()?;
            let (at, end) = (domains[j].outward(theta[j]), domains[j].outward(end));
            let side = if end >= at { Side::Upper } else { Side::Lower };
            *interval = Interval { estimate: at, low: at.min(end), high: at.max(end), side, ..*interval };
        }
        Ok(())
    }
}

fn flat(value: f64) -> Ends {
    Ends { low: value, high: value, low_error: 0.0, high_error: 0.0 }
}

/// From the working scale to the native one, errors by the slope there.
fn native(quantity: &Quantity, value: f64, ends: Ends) -> Interval {
    let slope = |x: f64| if quantity.log { x } else { 1.0 };
    let (low, high) = (quantity.outward(ends.low), quantity.outward(ends.high));
    Interval {
        estimate: quantity.outward(value),
        low,
        high,
        low_error: ends.low_error * slope(low),
        high_error: ends.high_error * slope(high),
        side: Side::Two,
    }
}
