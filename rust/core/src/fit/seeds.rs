//! Where a global search begins.
//!
//! Given its exponents, most laws are linear in their amplitudes: the exponents are scanned and
//! the amplitudes found by non-negative least squares (variable projection, Golub and Pereyra
//! 1973). Which parameters are linear is found by trying, not by looking at the formula.
//! Laws without such structure are scanned at quasi-random points of their box.

use super::link::{Link, find_links};
use super::location::location;
use super::nnls::nnls;
use super::problem::Problem;
use super::recipe::Recipe;
use super::sample::Workspace;
use crate::expr::{Domain, Scale};
use crate::random::Stream;

/// The structure of a law that seeding uses; found once per problem.
#[derive(Debug, Clone, Default)]
pub struct Seeder {
    /// Parameters (of the law, not expanded) that enter linearly, all others given.
    linear: Vec<usize>,
    /// Points to scan: internal values of all expanded parameters.
    points: Vec<Vec<f64>>,
    /// Parameters that are scanned.
    scanned: Vec<usize>,
    /// Arguments of links: where their parameters are looked for depends on the data.
    links: Vec<Link>,
}

/// Rows that tell which parameters are linear, and rows that seeds are scored on, at most.
const PROBE: usize = 64;
const SCAN: usize = 4096;
/// Points of a wider scan, for each scanned parameter (of the first; every later one doubles it).
const WIDER: usize = 160;
/// Farther than this from its interval (internal scale) a parameter has run away.
const FAR: f64 = 20.0;

/// Exponents that are scanned where a law declares no box.
const EXPONENTS: (f64, f64) = (0.06, 1.6);

impl Seeder {
    /// Finds the structure with all rows of the problem in hand.
    pub fn new(ws: &mut Workspace<'_>, recipe: &Recipe) -> Self {
        let problem = ws.problem;
        let held = ws.thin(PROBE);
        let links = find_links(problem);
        let linear = find_linear(ws, recipe, &links);
        ws.restore(held);
        let scanned: Vec<usize> = (0..problem.spans.len())
            .filter(|p| !linear.contains(p) && recipe.fixed[problem.spans[*p].0].is_nan())
            .collect();
        let units = unit_points(open(problem, &scanned).len(), linear.is_empty());
        let points = scan(problem, recipe, &links, &scanned, &units);
        Seeder { linear, points, scanned, links }
    }

    /// The best `count` seeds of a wider scan: that of round 1, 2, ... covers as many points that no
    /// earlier round did, each time more.
    pub fn wider(&self, ws: &mut Workspace<'_>, recipe: &Recipe, round: usize, count: usize) -> Vec<Vec<f64>> {
        let k = open(ws.problem, &self.scanned).len();
        let (first, last) = (WIDER * k * ((1 << round) - 1), WIDER * k * ((2 << round) - 1));
        let units: Vec<Vec<f64>> = (first..last).map(|i| halton(i + 1, k)).collect();
        let points = scan(ws.problem, recipe, &self.links, &self.scanned, &units);
        self.best_of(ws, recipe, &points, count)
    }

    /// The best `count` seeds for the rows in hand, best first.
    pub fn seeds(&self, ws: &mut Workspace<'_>, recipe: &Recipe, count: usize) -> Vec<Vec<f64>> {
        self.best_of(ws, recipe, &self.points, count)
    }

    fn best_of(&self, ws: &mut Workspace<'_>, recipe: &Recipe, points: &[Vec<f64>], count: usize) -> Vec<Vec<f64>> {
        let held = ws.thin(SCAN);
        let mut scored: Vec<(f64, Vec<f64>)> = points.iter().map(|point| self.project(ws, recipe, point)).collect();
        ws.restore(held);
        scored.retain(|(score, _)| score.is_finite());
        scored.sort_by(|a, b| a.0.total_cmp(&b.0));
        scored.truncate(count);
        let mut seeds: Vec<Vec<f64>> = scored.into_iter().map(|(_, theta)| theta).collect();
        for p in 0..ws.problem.spans.len() {
            let Some(values) = frozen_at(ws.problem, p) else { continue };
            let (first, levels) = ws.problem.spans[p];
            let copies: Vec<Vec<f64>> = values[1..]
                .iter()
                .flat_map(|v| seeds.iter().take(count / 2 + 1).map(move |s| (s.clone(), *v)))
                .map(|(mut s, v)| {
                    s[first..first + levels].fill(ws.problem.domains[first].inward(v));
                    s
                })
                .collect();
            seeds.extend(copies);
        }
        seeds.iter_mut().for_each(|s| hold_fixed(ws.problem, recipe, s));
        seeds
    }

    /// A seed at a random point of the box, with the best amplitudes there; none where the law is
    /// not finite.
    ///
    /// `reach` goes beyond the box for positive parameters that move by their value, such as
    /// exponents: by so much on the log scale.
    pub fn random(&self, ws: &mut Workspace<'_>, recipe: &Recipe, stream: &mut Stream, reach: f64) -> Option<Vec<f64>> {
        let problem = ws.problem;
        let mut point = reference(problem, recipe, &self.links);
        for p in (0..problem.spans.len()).filter(|p| !self.linear.contains(p)) {
            let (low, high) = narrowed(problem, recipe, &self.links, p);
            let (first, levels) = problem.spans[p];
            let steep = problem.by_value[first] && problem.domains[first] == Domain::Positive;
            let high = if steep { high + reach } else { high };
            point[first..first + levels].fill(low + stream.open_unit() * (high - low));
        }
        self.links.iter().for_each(|link| link.centre(problem, &mut point));
        hold_fixed(problem, recipe, &mut point);
        let (score, theta) = self.project(ws, recipe, &point);
        score.is_finite().then_some(theta)
    }

    /// Fits the amplitudes at one point; returns the squared error and the whole vector.
    fn project(&self, ws: &mut Workspace<'_>, recipe: &Recipe, point: &[f64]) -> (f64, Vec<f64>) {
        let problem = ws.problem;
        let mut theta = point.to_vec();
        ws.evaluate(&theta);
        if ws.cancelled() {
            return (f64::INFINITY, theta);
        }
        if self.linear.is_empty() {
            return (squares(ws), theta);
        }
        let columns: Vec<usize> = self.columns(problem, recipe);
        let (values, mut basis) = native_values(ws, &columns, &theta);
        let mut target: Vec<f64> = observed(ws);
        for (i, t) in target.iter_mut().enumerate() {
            let amplitudes: f64 =
                columns.iter().enumerate().map(|(c, &j)| basis[c][i] * problem.domains[j].outward(theta[j])).sum();
            *t -= values[i] - amplitudes;
        }
        let weights = row_weights(ws);
        let total: f64 = weights.iter().zip(&target).map(|(w, t)| w * t * t).sum();
        let m = columns.len();
        let mut gram = vec![0.0; m * m];
        let mut rhs = vec![0.0; m];
        for c in 0..m {
            let weighted: Vec<f64> = basis[c].iter().zip(&weights).map(|(x, w)| x * w).collect();
            rhs[c] = weighted.iter().zip(&target).map(|(x, t)| x * t).sum();
            for d in 0..=c {
                gram[c * m + d] = weighted.iter().zip(&basis[d]).map(|(x, y)| x * y).sum();
                gram[d * m + c] = gram[c * m + d];
            }
        }
        let positive: Vec<bool> = columns.iter().map(|&j| problem.domains[j] == Domain::Positive).collect();
        let (mut x, value) = nnls(&gram, &rhs, &positive);
        lift_zeros(&mut x, &mut basis, &positive, &observed(ws));
        for (&j, &x) in columns.iter().zip(&x) {
            theta[j] = problem.domains[j].inward(x).clamp(recipe.lower[j], recipe.upper[j]);
        }
        (total + value, theta)
    }

    fn columns(&self, problem: &Problem, recipe: &Recipe) -> Vec<usize> {
        let all = self.linear.iter().flat_map(|&p| problem.spans[p].0..problem.spans[p].0 + problem.spans[p].1);
        all.filter(|&j| recipe.fixed[j].is_nan()).collect()
    }
}

/// A positive amplitude that came out as zero starts at a thousandth of the response.
fn lift_zeros(x: &mut [f64], basis: &mut [Vec<f64>], positive: &[bool], y: &[f64]) {
    let mean = y.iter().map(|v| v.abs()).sum::<f64>() / y.len() as f64;
    for ((x, column), _) in x.iter_mut().zip(basis).zip(positive).filter(|(_, p)| **p) {
        let size = column.iter().map(|v| v.abs()).sum::<f64>() / column.len() as f64;
        let least = if size > 0.0 { 1e-3 * mean / size } else { 1.0 };
        if *x < least {
            *x = least;
        }
    }
}

/// Sum of squared residuals of the last evaluation.
fn squares(ws: &Workspace<'_>) -> f64 {
    ws.vectors.next_r[..ws.n].iter().zip(&ws.w).map(|(r, w)| if *w > 0.0 { w * r * r } else { 0.0 }).sum()
}

fn observed(ws: &Workspace<'_>) -> Vec<f64> {
    let y = &ws.y[..ws.n];
    match ws.problem.scale {
        Scale::Linear => y.to_vec(),
        Scale::Log => y.iter().map(|v| v.exp()).collect(),
    }
}

/// Row weights that make squared native residuals comparable with the residual's scale.
fn row_weights(ws: &Workspace<'_>) -> Vec<f64> {
    let w = &ws.w[..ws.n];
    match ws.problem.scale {
        Scale::Linear => w.to_vec(),
        Scale::Log => w.iter().zip(&ws.y).map(|(w, y)| w * (-2.0 * y).exp()).collect(),
    }
}

/// Native values of the last evaluation, and their derivatives by native parameters.
fn native_values(ws: &Workspace<'_>, columns: &[usize], theta: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let problem = ws.problem;
    let mu = ws.vectors.next_r[..ws.n].iter().zip(&ws.y).map(|(r, y)| r + y);
    let values: Vec<f64> = match problem.scale {
        Scale::Linear => mu.collect(),
        Scale::Log => mu.map(f64::exp).collect(),
    };
    let derivative = |&j: &usize| {
        let k = ws.free.iter().position(|&f| f == j);
        let domain = problem.domains[j];
        let slope = domain.slope(domain.outward(theta[j]));
        let column = k.map(|k| &ws.vectors.next_jac[k][..ws.n]);
        (0..ws.n)
            .map(|i| {
                let raw = column.map_or(0.0, |c| c[i]) / slope;
                if problem.scale == Scale::Log { raw * values[i] } else { raw }
            })
            .collect()
    };
    let basis = columns.iter().map(derivative).collect();
    (values, basis)
}

/// Parameters of the law whose native derivatives do not move when they, or each other, move.
fn find_linear(ws: &mut Workspace<'_>, recipe: &Recipe, links: &[Link]) -> Vec<usize> {
    let problem = ws.problem;
    let free: Vec<usize> = (0..problem.spans.len())
        .filter(|&p| recipe.fixed[problem.spans[p].0].is_nan() && problem.domains[problem.spans[p].0] != Domain::Unit)
        .collect();
    let base = reference(problem, recipe, links);
    let span = |p: usize| problem.spans[p].0..problem.spans[p].0 + problem.spans[p].1;
    let at = |ws: &mut Workspace<'_>, theta: &[f64], p: usize| {
        ws.evaluate(theta);
        let columns: Vec<usize> = span(p).filter(|&j| recipe.fixed[j].is_nan()).collect();
        native_values(ws, &columns, theta).1
    };
    let mut linear: Vec<usize> = vec![];
    for &p in &free {
        let mut moved = base.clone();
        span(p).for_each(|j| moved[j] += 0.7);
        let same = |ws: &mut Workspace<'_>, q: usize| agree(&at(ws, &base, q), &at(ws, &moved, q));
        let fits = same(ws, p) && linear.clone().iter().all(|&q| same(ws, q));
        if fits {
            linear.push(p);
        }
    }
    linear
}

fn agree(a: &[Vec<f64>], b: &[Vec<f64>]) -> bool {
    a.iter()
        .flatten()
        .zip(b.iter().flatten())
        .all(|(x, y)| x.is_finite() && (x - y).abs() <= 1e-7 * x.abs().max(y.abs()))
        && a.iter().flatten().any(|x| *x != 0.0)
}

/// A point in the middle of the box.
fn reference(problem: &Problem, recipe: &Recipe, links: &[Link]) -> Vec<f64> {
    let mut theta = vec![0.0; problem.p()];
    for p in 0..problem.spans.len() {
        let (low, high) = narrowed(problem, recipe, links, p);
        let (first, levels) = problem.spans[p];
        let middle = match frozen_at(problem, p) {
            Some(values) => problem.domains[first].inward(values[0]),
            None => 0.5 * (low + high),
        };
        theta[first..first + levels].fill(middle);
    }
    links.iter().for_each(|link| link.centre(problem, &mut theta));
    hold_fixed(problem, recipe, &mut theta);
    theta
}

/// The values at which a parameter of the law is frozen while seeds are sought.
fn frozen_at(problem: &Problem, p: usize) -> Option<&Vec<f64>> {
    problem.start.seed_at.get(&problem.law.parameters[p].name).filter(|values| !values.is_empty())
}

/// Puts fixed parameters at their values.
pub(crate) fn hold_fixed(problem: &Problem, recipe: &Recipe, theta: &mut [f64]) {
    for (j, x) in theta.iter_mut().enumerate() {
        if !recipe.fixed[j].is_nan() {
            *x = problem.domains[j].inward(recipe.fixed[j]);
        }
    }
}

/// The internal interval that is scanned for a parameter of the law.
fn interval(problem: &Problem, recipe: &Recipe, p: usize) -> (f64, f64) {
    let (first, _) = problem.spans[p];
    let (domain, name) = (problem.domains[first], &problem.law.parameters[p].name);
    let (mut low, mut high) = match (problem.start.search_box.get(name), domain) {
        (Some(&(a, b)), _) => (domain.inward(a), domain.inward(b)),
        (None, Domain::Positive) if problem.by_value[first] => (EXPONENTS.0.ln(), EXPONENTS.1.ln()),
        (None, Domain::Positive) => problem.data_range,
        (None, Domain::Unit) => (-3.0, 3.0),
        (None, Domain::Real) => location(problem, p).unwrap_or((-2.0, 2.0)),
    };
    if let Some(prior) = recipe.priors[first] {
        (low, high) = (prior.mean - 1.5 * prior.sd, prior.mean + 1.5 * prior.sd);
    }
    let (low, high) = (low.max(recipe.lower[first]), high.min(recipe.upper[first]));
    if low <= high { (low, high) } else { (high, high) }
}

/// Whether a parameter has left its interval so far that the optimum may be one at infinity.
pub(crate) fn runs_away(problem: &Problem, recipe: &Recipe, theta: &[f64]) -> bool {
    (0..problem.spans.len()).any(|p| {
        let ((low, high), (first, levels)) = (interval(problem, recipe, p), problem.spans[p]);
        let far = |j: usize| recipe.fixed[j].is_nan() && (theta[j] < low - FAR || theta[j] > high + FAR);
        (first..first + levels).any(far)
    })
}

/// The same, narrowed to slopes that leave a link within its bend over the data, and to locations among the data.
fn narrowed(problem: &Problem, recipe: &Recipe, links: &[Link], p: usize) -> (f64, f64) {
    let (low, high) = interval(problem, recipe, p);
    let place = || problem.law.parameters[p].domain == Domain::Real && recipe.priors[problem.spans[p].0].is_none();
    let among = || place().then(|| location(problem, p)).flatten();
    match links.iter().find_map(|link| link.slope_range(p)).or_else(among) {
        Some((a, b)) if low.max(a) < high.min(b) => (low.max(a), high.min(b)),
        _ => (low, high),
    }
}

/// Scan points; parameters that the law wants frozen while seeding stay at their first value.
fn scan(problem: &Problem, recipe: &Recipe, links: &[Link], scanned: &[usize], units: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let open = open(problem, scanned);
    let mut points = vec![];
    for unit in units {
        let mut theta = reference(problem, recipe, links);
        for (&p, u) in open.iter().zip(unit) {
            let (low, high) = narrowed(problem, recipe, links, p);
            let (first, levels) = problem.spans[p];
            theta[first..first + levels].fill(low + u * (high - low));
        }
        links.iter().for_each(|link| link.centre(problem, &mut theta));
        points.push(theta);
    }
    points.iter_mut().for_each(|t| hold_fixed(problem, recipe, t));
    points
}

/// Those of the scanned parameters that the law does not want frozen while seeding.
fn open(problem: &Problem, scanned: &[usize]) -> Vec<usize> {
    scanned.iter().copied().filter(|&p| frozen_at(problem, p).is_none()).collect()
}

/// Points of the unit cube: a grid over one or two parameters, a Halton sequence over more.
fn unit_points(k: usize, blind: bool) -> Vec<Vec<f64>> {
    let grid = |m: usize| (0..m).map(move |i| i as f64 / (m - 1) as f64);
    match (k, blind) {
        (0, _) => vec![vec![]],
        (1, false) => grid(12).map(|u| vec![u]).collect(),
        (2, false) => grid(5).flat_map(|u| grid(5).map(move |v| vec![u, v])).collect(),
        _ => (1..=if blind { 128 * k } else { 40 * k }).map(|i| halton(i, k)).collect(),
    }
}

/// Point `i` of the Halton sequence in `k` dimensions.
fn halton(i: usize, k: usize) -> Vec<f64> {
    const PRIMES: [usize; 24] =
        [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89];
    let radical = |base: usize| {
        let (mut n, mut digit, mut value) = (i, 1.0 / base as f64, 0.0);
        while n > 0 {
            value += digit * (n % base) as f64;
            n /= base;
            digit /= base as f64;
        }
        value
    };
    (0..k).map(|j| (radical(PRIMES[j % PRIMES.len()]) + 0.618 * (j / PRIMES.len()) as f64).fract()).collect()
}
