//! Schemes that keep every row and draw another response: fitted values with disturbed residuals.

use super::schemes::Scheme;
use crate::error::{Error, Result};
use crate::inference::gls::{members, variance_components};
use crate::inference::matrix::Square;
use crate::inference::state::State;
use crate::random::{Purpose, Stream};

/// Draws responses of one fit, on the residual's scale.
#[derive(Debug, Clone)]
pub struct Responder {
    scheme: Scheme,
    seed: u64,
    /// Fitted values of all rows of the table.
    fitted: Vec<f64>,
    /// Residuals (observed minus predicted) as they are drawn.
    residuals: Vec<f64>,
    /// The rows that are in use.
    rows: Vec<u32>,
    /// The group of each row in use, and their number.
    groups: Vec<u32>,
    n_groups: usize,
    /// Standard deviations within and between groups (parametric).
    within: f64,
    between: f64,
}

/// Webb's six weights (Webb 2023).
const WEBB: [f64; 6] = [
    -1.224_744_871_391_589,
    -1.0,
    -std::f64::consts::FRAC_1_SQRT_2,
    std::f64::consts::FRAC_1_SQRT_2,
    1.0,
    1.224_744_871_391_589,
];

impl Responder {
    /// A responder for a response scheme, from a fit's state and the response that it was fitted to.
    ///
    /// # Errors
    /// A scheme that draws weights; groups that are missing; rows that do not determine the parameters.
    pub fn new(scheme: Scheme, state: &State, y: &[f64], groups: Option<&[u32]>, seed: u64) -> Result<Self> {
        if !scheme.draws_response() {
            return Err(Error::Setting("this scheme draws weights, not responses".into()));
        }
        let (_, inverse) = state.information(state.share()).ok_or_else(|| {
            Error::Setting("the rows do not determine the parameters, so residuals cannot be scaled".into())
        })?;
        let codes = group_codes(state, groups, scheme)?;
        let n_groups = codes.iter().max().map_or(0, |m| *m as usize + 1);
        let mut fitted = y.to_vec();
        for (&row, r) in state.rows.iter().zip(&state.r) {
            fitted[row as usize] += r;
        }
        let (within, between) = match (scheme, groups) {
            (Scheme::Parametric, Some(groups)) => variance_components(state, &members(state, groups, None)),
            _ => (state.variance(), 0.0),
        };
        let residuals = match scheme {
            Scheme::WildGroups => by_group(state, &inverse, &codes, n_groups),
            Scheme::Residual => centred(state, &inverse),
            _ => leave_one_out(state, &inverse),
        };
        let (within, between) = (within.sqrt(), between.sqrt());
        Ok(Responder {
            scheme,
            seed,
            fitted,
            residuals,
            rows: state.rows.clone(),
            groups: codes,
            n_groups,
            within,
            between,
        })
    }

    /// Writes the response of one resample; `key` = (purpose, outer, inner).
    pub fn draw(&self, (purpose, outer, inner): (Purpose, u64, u64), response: &mut [f64]) {
        let mut stream = Stream::new(self.seed, purpose, outer, inner);
        response.copy_from_slice(&self.fitted);
        let effects: Vec<f64> = match self.scheme {
            Scheme::WildGroups => (0..self.n_groups).map(|_| WEBB[stream.below(6)]).collect(),
            Scheme::Parametric if self.between > 0.0 => {
                (0..self.n_groups).map(|_| self.between * stream.normal()).collect()
            }
            _ => vec![],
        };
        for (i, &row) in self.rows.iter().enumerate() {
            response[row as usize] += match self.scheme {
                Scheme::WildGroups => effects[self.groups[i] as usize] * self.residuals[i],
                Scheme::Residual => self.residuals[stream.below(self.residuals.len())],
                Scheme::Parametric => {
                    self.within * stream.normal() + effects.get(self.groups[i] as usize).copied().unwrap_or(0.0)
                }
                _ => self.residuals[i] * if stream.below(2) == 0 { -1.0 } else { 1.0 },
            };
        }
    }
}

/// Group numbers 0, 1, ... of the rows in use; zeros without groups.
fn group_codes(state: &State, groups: Option<&[u32]>, scheme: Scheme) -> Result<Vec<u32>> {
    let Some(groups) = groups else {
        return match scheme {
            Scheme::WildGroups => Err(Error::Setting("scheme 'wild-groups' needs groups".into())),
            _ => Ok(vec![0; state.rows.len()]),
        };
    };
    let mut seen = std::collections::HashMap::new();
    let code = |&row: &u32| {
        let next = seen.len() as u32;
        *seen.entry(groups[row as usize]).or_insert(next)
    };
    Ok(state.rows.iter().map(code).collect())
}

/// −r/(1 − h).
fn leave_one_out(state: &State, inverse: &Square) -> Vec<f64> {
    let h = state.leverage(inverse);
    state.r.iter().zip(&h).map(|(r, h)| -r / (1.0 - h).max(1e-8)).collect()
}

/// −r/sqrt(1 − h), centred.
fn centred(state: &State, inverse: &Square) -> Vec<f64> {
    let h = state.leverage(inverse);
    let scaled: Vec<f64> = state.r.iter().zip(&h).map(|(r, h)| -r / (1.0 - h).max(1e-8).sqrt()).collect();
    let mean = scaled.iter().sum::<f64>() / scaled.len() as f64;
    scaled.iter().map(|x| x - mean).collect()
}

/// −(I − H_gg)⁻¹ r_g, group by group; a group that alone determines a parameter keeps its residuals there.
fn by_group(state: &State, inverse: &Square, codes: &[u32], n_groups: usize) -> Vec<f64> {
    let mut out = vec![0.0; state.r.len()];
    for g in 0..n_groups as u32 {
        let rows: Vec<usize> = (0..codes.len()).filter(|&i| codes[i] == g).collect();
        let m = rows.len();
        let lists: Vec<Vec<f64>> = rows.iter().map(|&i| state.row(i)).collect();
        let mut left = Square::zero(m);
        for a in 0..m {
            let times = inverse.times(&lists[a]);
            for b in 0..m {
                let h: f64 = times.iter().zip(&lists[b]).map(|(x, y)| x * y).sum();
                let root = (state.w[rows[a]] * state.w[rows[b]]).sqrt();
                left.set(a, b, f64::from(u8::from(a == b)) - root * h);
            }
        }
        let r: Vec<f64> = rows.iter().map(|&i| -state.r[i]).collect();
        let solved = left.solve_lifted(&r);
        rows.iter().zip(solved).for_each(|(&i, e)| out[i] = e);
    }
    out
}
