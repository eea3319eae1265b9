//! Random-effect generalised least squares: rows of one group share an effect, and may be an AR(1) series.
//!
//! Ω = s_w² R + s_u² Z Zᵀ. Without serial correlation the two variances come from the expectations of the
//! squares within and between groups (Henderson's third method), which subtracts in each place what was
//! estimated there; with it, variance ratio and correlation are those of the restricted likelihood
//! (Patterson and Thompson 1971).

use super::matrix::Square;
use super::state::State;
use crate::error::Result;
use crate::fit::{Recipe, Workspace};

/// A fit with correlated rows.
#[derive(Debug, Clone)]
pub struct Gls {
    /// Internal parameters.
    pub theta: Vec<f64>,
    /// Covariance of the parameters that move.
    pub covariance: Square,
    /// Degrees of freedom: groups less the parameters that are estimated between them.
    pub df: f64,
    /// Variances within and between groups, and the correlation of neighbours in a group.
    pub within: f64,
    /// Variance between groups.
    pub between: f64,
    /// Correlation of neighbouring rows of a group.
    pub phi: f64,
    /// Whether the estimate between groups was negative and is taken as zero.
    pub clipped: bool,
}

/// Gauss–Newton steps at most, and after how many they are halved: then they go to and fro.
const STEPS: usize = 100;
const WHOLE: usize = 10;

/// The rows of each group, in order.
pub fn members(state: &State, groups: &[u32], order: Option<&[f64]>) -> Vec<Vec<usize>> {
    let mut sorted: std::collections::BTreeMap<u32, Vec<usize>> = std::collections::BTreeMap::new();
    for (i, &row) in state.rows.iter().enumerate() {
        sorted.entry(groups[row as usize]).or_default().push(i);
    }
    let mut lists: Vec<Vec<usize>> = sorted.into_values().collect();
    for list in &mut lists {
        list.sort_by(|&a, &b| {
            let (a, b) = (state.rows[a] as usize, state.rows[b] as usize);
            order.map_or(std::cmp::Ordering::Equal, |x| x[a].total_cmp(&x[b])).then(a.cmp(&b))
        });
    }
    lists
}

/// Fits by generalised least squares, starting at a fit; none where the rows or the groups do not determine it.
/// The variances are those of residuals of plain least squares, whatever the fit minimised.
///
/// # Errors
/// Cancelled.
pub fn gls(
    ws: &mut Workspace<'_>,
    recipe: &Recipe,
    base: &State,
    groups: &[Vec<usize>],
    serial: bool,
) -> Result<Option<Gls>> {
    let plain = Errors { within: base.variance().max(f64::MIN_POSITIVE), between: 0.0, phi: 0.0, clipped: false };
    let Some((squares, _)) = converge(ws, recipe, base, groups, &plain)? else { return Ok(None) };
    let Some(mut errors) = variances(&squares, groups) else { return Ok(None) };
    if serial {
        errors = restricted_likelihood(&squares, groups, errors);
    }
    let Some((state, covariance)) = converge(ws, recipe, &squares, groups, &errors)? else { return Ok(None) };
    let df = (groups.len() as f64 - between_share(&state, groups, &errors, &covariance).round()).max(1.0);
    let Errors { within, between, phi, clipped } = errors;
    Ok(Some(Gls { theta: state.theta, covariance, df, within, between, phi, clipped }))
}

/// Gauss–Newton steps under given errors; the end and (JᵀΩ⁻¹J)⁻¹ there.
fn converge(
    ws: &mut Workspace<'_>,
    recipe: &Recipe,
    start: &State,
    groups: &[Vec<usize>],
    errors: &Errors,
) -> Result<Option<(State, Square)>> {
    let mut state = start.clone();
    for k in 0..STEPS {
        ws.cancel.check()?;
        let Some((inverse, g)) = normal_equations(&state, groups, errors) else { return Ok(None) };
        let step = inverse.times(&g);
        let size = step.iter().zip(0..).map(|(d, k)| d * d / inverse.get(k, k)).fold(0.0, f64::max);
        if size.sqrt() < 1e-6 {
            return Ok(Some((state, inverse)));
        }
        let share = if k < WHOLE { 1.0 } else { 0.5 };
        let mut theta = state.theta.clone();
        for (d, &j) in step.iter().zip(&state.free) {
            theta[j] = (theta[j] - share * d.clamp(-1.0, 1.0)).clamp(recipe.lower[j], recipe.upper[j]);
        }
        state = State::at(ws, recipe, &theta);
        if state.free != start.free {
            return Ok(None);
        }
    }
    Ok(None)
}

/// The covariance of rows of a group.
#[derive(Debug, Clone, Copy)]
struct Errors {
    within: f64,
    between: f64,
    phi: f64,
    clipped: bool,
}

/// (JᵀΩ⁻¹J)⁻¹ and JᵀΩ⁻¹r.
fn normal_equations(state: &State, groups: &[Vec<usize>], errors: &Errors) -> Option<(Square, Vec<f64>)> {
    let q = state.q();
    let (mut h, mut g) = (Square::zero(q), vec![0.0; q]);
    for group in groups {
        let whitened = Whitened::new(state, group, errors);
        whitened.add_to(&mut h, &mut g);
    }
    for (k, precision) in state.precision.iter().enumerate() {
        // Precisions are κ/sd² and the objective is in units of the noise here.
        let plain = precision / state.variance().max(f64::MIN_POSITIVE);
        h.add(k, k, plain);
        g[k] += plain * (state.theta[state.free[k]] - state.centre[k]);
    }
    Some((h.inverse()?, g))
}

/// Variances within and between groups, the second not below zero.
pub fn variance_components(state: &State, groups: &[Vec<usize>]) -> (f64, f64) {
    variances(state, groups).map_or((state.variance(), 0.0), |e| (e.within, e.between))
}

/// One group, multiplied by Ω^(−1/2).
struct Whitened {
    columns: Vec<Vec<f64>>,
    r: Vec<f64>,
    log_det: f64,
}

impl Whitened {
    fn new(state: &State, group: &[usize], errors: &Errors) -> Self {
        let pick = |column: &[f64]| group.iter().map(|&i| column[i] * state.w[i].sqrt()).collect::<Vec<f64>>();
        let ones: Vec<f64> = group.iter().map(|&i| state.w[i].sqrt()).collect();
        let mut columns: Vec<Vec<f64>> = state.jac.iter().map(|c| prewhiten(&pick(c), errors.phi)).collect();
        let mut r = prewhiten(&pick(&state.r), errors.phi);
        let ones = prewhiten(&ones, errors.phi);
        // Now s_w² I + s_u² z zᵀ with z the whitened ones: its inverse root shortens the part along z.
        let size = dot(&ones, &ones);
        let keep = (1.0 + errors.between * size / errors.within).sqrt().recip();
        let m = group.len() as f64;
        for column in columns.iter_mut().chain([&mut r]) {
            let along = dot(column, &ones) / size;
            for (x, z) in column.iter_mut().zip(&ones) {
                *x = (*x - (1.0 - keep) * along * z) / errors.within.sqrt();
            }
        }
        let log_det = m * errors.within.ln() - 2.0 * keep.ln() + (m - 1.0) * libm::log1p(-errors.phi * errors.phi);
        Whitened { columns, r, log_det }
    }

    /// Adds the group's part of JᵀΩ⁻¹J and of JᵀΩ⁻¹r.
    fn add_to(&self, h: &mut Square, g: &mut [f64]) {
        for (a, (column, sum)) in self.columns.iter().zip(g).enumerate() {
            *sum += dot(column, &self.r);
            self.columns.iter().enumerate().for_each(|(b, other)| h.add(a, b, dot(column, other)));
        }
    }
}

/// A stationary AR(1) series made white, of variance one.
fn prewhiten(x: &[f64], phi: f64) -> Vec<f64> {
    let scale = (1.0 - phi * phi).sqrt();
    (0..x.len()).map(|i| if i == 0 { x[0] } else { (x[i] - phi * x[i - 1]) / scale }).collect()
}

/// Variances from the squares within and between groups.
fn variances(state: &State, groups: &[Vec<usize>]) -> Option<Errors> {
    let q = state.q();
    let (_, p) = state.information(1.0)?;
    let (mut inside, mut outside, mut sums) = (Square::zero(q), Square::zero(q), Square::zero(q));
    let (mut within, mut between, mut n) = (0.0, 0.0, 0.0);
    for group in groups {
        let weight: f64 = group.iter().map(|&i| state.w[i]).sum();
        let mean = |column: &[f64]| group.iter().map(|&i| state.w[i] * column[i]).sum::<f64>() / weight;
        let means: Vec<f64> = state.jac.iter().map(|c| mean(c)).collect();
        let centre = mean(&state.r);
        for &i in group {
            let row: Vec<f64> = state.jac.iter().zip(&means).map(|(c, m)| c[i] - m).collect();
            inside.add_outer(state.w[i], &row);
            within += state.w[i] * (state.r[i] - centre).powi(2);
        }
        outside.add_outer(weight, &means);
        sums.add_outer(weight * weight, &means);
        between += weight * centre * centre;
        n += weight;
    }
    let g = groups.len() as f64;
    let pqp = p.around(&sums);
    let a = [
        [n - g - p.trace_with(&inside), pqp.trace_with(&inside)],
        [g - p.trace_with(&outside), n - 2.0 * p.trace_with(&sums) + pqp.trace_with(&outside)],
    ];
    let det = a[0][0] * a[1][1] - a[0][1] * a[1][0];
    let s_w = (within * a[1][1] - between * a[0][1]) / det;
    let s_u = (between * a[0][0] - within * a[1][0]) / det;
    if !(s_u > 0.0) || !(s_w > 0.0) || !s_u.is_finite() || a[0][0] < 0.5 {
        let pooled = state.variance().max(f64::MIN_POSITIVE);
        return Some(Errors { within: pooled, between: 0.0, phi: 0.0, clipped: true });
    }
    Some(Errors { within: s_w, between: s_u, phi: 0.0, clipped: false })
}

/// Ratio of variances and correlation of neighbours that maximise the restricted likelihood: a grid, and
/// then a finer one around its best point, three times.
fn restricted_likelihood(state: &State, groups: &[Vec<usize>], first: Errors) -> Errors {
    let mut best = (f64::INFINITY, 0.0, 0.0, 1.0);
    let (mut ratio, mut phi, mut width) = (0.0, 0.45, 1.0);
    for round in 0..4 {
        let points = if round == 0 { 5 } else { 2 };
        for i in -points..=points {
            for j in -points..=points {
                let lr: f64 = ratio + 5.0 * width * f64::from(i) / f64::from(points);
                let f = (phi + 0.54 * width * f64::from(j) / f64::from(points)).clamp(-0.5, 0.99);
                if let Some((value, s)) = criterion(state, groups, lr.exp(), f)
                    && value < best.0
                {
                    best = (value, lr, f, s);
                }
            }
        }
        (ratio, phi) = (best.1, best.2);
        width *= if round == 0 { 0.2 } else { 0.5 };
    }
    if !best.0.is_finite() {
        return first;
    }
    let (_, lr, phi, within) = best;
    Errors { within, between: within * lr.exp(), phi, clipped: lr < -4.9 }
}

/// −2 ln of the restricted likelihood with the scale taken out, and that scale.
fn criterion(state: &State, groups: &[Vec<usize>], ratio: f64, phi: f64) -> Option<(f64, f64)> {
    let q = state.q();
    let errors = Errors { within: 1.0, between: ratio, phi, clipped: false };
    let (mut h, mut g, mut rr, mut log_det, mut n) = (Square::zero(q), vec![0.0; q], 0.0, 0.0, 0.0);
    for group in groups {
        let whitened = Whitened::new(state, group, &errors);
        whitened.add_to(&mut h, &mut g);
        rr += dot(&whitened.r, &whitened.r);
        log_det += whitened.log_det;
        n += group.len() as f64;
    }
    let (inverse, log_h) = h.inverse_and_log_det()?;
    let left = n - q as f64;
    let scale = (rr - inverse.form(&g)) / left;
    (scale > 0.0).then(|| (left * scale.ln() + log_det + log_h, scale))
}

/// How many parameters are estimated between groups: the trace of their share of the information.
fn between_share(state: &State, groups: &[Vec<usize>], errors: &Errors, covariance: &Square) -> f64 {
    let q = state.q();
    let mut outside = Square::zero(q);
    for group in groups {
        let whitened = Whitened::new(state, group, errors);
        let pick: Vec<f64> = group.iter().map(|&i| state.w[i].sqrt()).collect();
        let ones = prewhiten(&pick, errors.phi);
        let size = dot(&ones, &ones);
        let along: Vec<f64> = whitened.columns.iter().map(|c| dot(c, &ones)).collect();
        outside.add_outer(1.0 / size, &along);
    }
    covariance.trace_with(&outside)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
