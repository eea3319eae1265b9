//! Resampling schemes: each turns a stream into row weights; `response` draws responses.

use std::sync::Arc;

use super::response::Responder;
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};

/// How a resample is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Rows with replacement (Efron 1979).
    Rows,
    /// Whole groups with replacement.
    Groups,
    /// Exponential weights of mean one for rows, or for groups where there are any (Rubin 1981).
    Bayesian,
    /// Resample `i` leaves out row `i`, or group `i` where there are any.
    Jackknife,
    /// Fitted values plus or minus r/(1 − h) (Wu 1986).
    Wild,
    /// The same for whole groups, with six weights (Cameron, Gelbach and Miller 2008; Webb 2023).
    WildGroups,
    /// Fitted values plus residuals drawn with replacement (Efron 1979).
    Residual,
    /// Fitted values plus normal noise, with an effect for each group where there are any.
    Parametric,
}

impl Scheme {
    /// Whether every row keeps its weight and the response is drawn.
    pub fn draws_response(self) -> bool {
        matches!(self, Scheme::Wild | Scheme::WildGroups | Scheme::Residual | Scheme::Parametric)
    }
}

/// Draws the resamples of one table.
#[derive(Debug, Clone)]
pub struct Sampler {
    pub(super) scheme: Scheme,
    pub(super) seed: u64,
    pub(super) outer: u64,
    pub(super) base: Vec<f64>,
    /// The rows of each unit (one each without groups); a stratum is a range of units.
    pub(super) units: Vec<Vec<u32>>,
    pub(super) strata: Vec<(usize, usize)>,
    /// The rows, where every unit is one row and there is one stratum: the fast way.
    singles: Vec<u32>,
    /// Draws the responses of schemes that have them.
    responder: Option<Arc<Responder>>,
}

/// Scratch of a thread that draws.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    pub(super) bytes: Vec<u8>,
}

impl Sampler {
    /// A sampler over rows with base weights, units (`groups`: a code for each row) and strata
    /// (a code for each row; resampling stays within them, so that no level loses its rows).
    ///
    /// # Errors
    /// Groups or strata of the wrong length; a group that lies in several strata; one unit only.
    pub fn new(
        scheme: Scheme,
        base: &[f64],
        groups: Option<&[u32]>,
        strata: Option<&[u32]>,
        seed: u64,
        outer: u64,
    ) -> Result<Self> {
        let n = base.len();
        for (list, what) in [(groups, "groups"), (strata, "strata")] {
            if let Some(list) = list.filter(|l| l.len() != n) {
                return Err(Error::Shape { what: what.into(), found: list.len(), expected: n });
            }
        }
        if scheme == Scheme::Groups && groups.is_none() {
            return Err(Error::Setting("scheme 'groups' needs groups".into()));
        }
        let by_group = groups.filter(|_| scheme != Scheme::Rows && !scheme.draws_response());
        let (units, strata) = sort_units(n, base, by_group, strata)?;
        if units.len() < 2 {
            return Err(Error::Setting(format!("resampling needs at least 2 units, found {}", units.len())));
        }
        let plain = strata.len() == 1 && units.iter().all(|u| u.len() == 1);
        let singles = if plain { units.iter().map(|u| u[0]).collect() } else { vec![] };
        Ok(Sampler { scheme, seed, outer, base: base.to_vec(), units, strata, singles, responder: None })
    }

    /// The same with the responses of a scheme that draws them.
    pub fn with_responder(mut self, responder: Responder) -> Self {
        self.responder = Some(Arc::new(responder));
        self
    }

    /// Whether resamples have responses of their own.
    pub fn draws_response(&self) -> bool {
        self.responder.is_some()
    }

    /// Writes the response of resample `index`, where the scheme draws one; says whether it did.
    pub fn draw_response(&self, index: u64, response: &mut [f64]) -> bool {
        let Some(responder) = &self.responder else { return false };
        responder.draw((Purpose::Response, self.outer, index), response);
        true
    }

    /// How many units there are: rows of weight above zero, or groups of them.
    pub fn n_units(&self) -> usize {
        self.units.len()
    }

    /// The seed of its streams.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Writes the row weights of resample `index`.
    pub fn draw(&self, index: u64, scratch: &mut Scratch, weights: &mut [f64]) {
        match self.scheme {
            Scheme::Rows | Scheme::Groups => self.draw_units(index, scratch, weights),
            Scheme::Bayesian => self.draw_exponential(index, weights),
            scheme if scheme.draws_response() => weights.copy_from_slice(&self.base),
            _ => {
                weights.copy_from_slice(&self.base);
                for &row in &self.units[index as usize % self.units.len()] {
                    weights[row as usize] = 0.0;
                }
            }
        }
    }

    fn draw_units(&self, index: u64, scratch: &mut Scratch, weights: &mut [f64]) {
        weights.fill(0.0);
        let mut stream = Stream::new(self.seed, Purpose::Resample, self.outer, index);
        scratch.bytes.resize(4 * self.units.len(), 0);
        stream.bytes(&mut scratch.bytes);
        let words = scratch.bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        if !self.singles.is_empty() {
            let n = self.singles.len() as u64;
            for word in words {
                let row = self.singles[((u64::from(word) * n) >> 32) as usize] as usize;
                weights[row] += self.base[row];
            }
            return;
        }
        let places = self.strata.iter().flat_map(|&(first, count)| (0..count).map(move |_| (first, count as u64)));
        for (word, (first, count)) in words.zip(places) {
            for &row in &self.units[first + ((u64::from(word) * count) >> 32) as usize] {
                weights[row as usize] += self.base[row as usize];
            }
        }
    }

    fn draw_exponential(&self, index: u64, weights: &mut [f64]) {
        weights.fill(0.0);
        let mut stream = Stream::new(self.seed, Purpose::Resample, self.outer, index);
        for &(first, count) in &self.strata {
            let drawn: Vec<f64> = (0..count).map(|_| -libm::log(stream.open_unit())).collect();
            let mean = drawn.iter().sum::<f64>() / count as f64;
            for (unit, x) in self.units[first..first + count].iter().zip(&drawn) {
                for &row in unit {
                    weights[row as usize] = self.base[row as usize] * x / mean;
                }
            }
        }
    }
}

/// Units in order of stratum, then of first row; rows of weight zero belong to none.
#[allow(clippy::type_complexity)]
fn sort_units(
    n: usize,
    base: &[f64],
    groups: Option<&[u32]>,
    strata: Option<&[u32]>,
) -> Result<(Vec<Vec<u32>>, Vec<(usize, usize)>)> {
    let mut units: Vec<(u32, u32, Vec<u32>)> = vec![];
    let mut place = std::collections::HashMap::new();
    for row in (0..n).filter(|&i| base[i] > 0.0) {
        let stratum = strata.map_or(0, |s| s[row]);
        let key = groups.map_or(row as u32, |g| g[row]);
        let at = *place.entry(key).or_insert_with(|| {
            units.push((stratum, key, vec![]));
            units.len() - 1
        });
        if units[at].0 != stratum {
            return Err(Error::Setting(format!(
                "a group has rows of several levels (row {row}), so resampling whole groups could leave a level empty"
            )));
        }
        units[at].2.push(row as u32);
    }
    units.sort_by_key(|u| u.0);
    let mut ranges: Vec<(usize, usize)> = vec![];
    for (i, unit) in units.iter().enumerate() {
        if i == 0 || units[i - 1].0 != unit.0 {
            ranges.push((i, 0));
        }
        ranges.last_mut().expect("just pushed").1 += 1;
    }
    Ok((units.into_iter().map(|u| u.2).collect(), ranges))
}
