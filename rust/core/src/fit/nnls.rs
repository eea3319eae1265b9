//! Least squares with some coefficients not negative (Lawson and Hanson 1974, chapter 23),
//! from normal equations: a handful of amplitudes, solved thousands of times while seeding.

use super::linear::{factorise, solve_factored};

/// Minimises xᵀ G x − 2 bᵀ x with x_j ≥ 0 where `positive[j]`; `g` is m × m, row major.
/// Returns x and the value of the quadratic form there.
pub(crate) fn nnls(g: &[f64], b: &[f64], positive: &[bool]) -> (Vec<f64>, f64) {
    let m = b.len();
    let scale: Vec<f64> = (0..m).map(|j| if g[j * m + j] > 0.0 { g[j * m + j].sqrt() } else { 1.0 }).collect();
    let gram = |i: usize, j: usize| g[i * m + j] / (scale[i] * scale[j]);
    let rhs: Vec<f64> = (0..m).map(|j| b[j] / scale[j]).collect();
    let mut active: Vec<bool> = positive.iter().map(|p| !p).collect();
    let mut x = vec![0.0; m];
    for _ in 0..4 * m + 4 {
        let (set, target) = solve_on(&gram, &rhs, &active);
        if let Some((share, blocked)) = first_block(&set, &target, &x, positive) {
            for (k, &j) in set.iter().enumerate() {
                x[j] += share * (target[k] - x[j]);
            }
            x[blocked] = 0.0;
            active[blocked] = false;
            continue;
        }
        for (k, &j) in set.iter().enumerate() {
            x[j] = target[k];
        }
        let slope = |j: usize| rhs[j] - (0..m).map(|k| gram(j, k) * x[k]).sum::<f64>();
        let best = (0..m).filter(|&j| !active[j]).map(|j| (slope(j), j)).max_by(|a, b| a.0.total_cmp(&b.0));
        match best {
            Some((s, j)) if s > 1e-12 * rhs.iter().fold(0.0, |a: f64, v| a.max(v.abs())) => active[j] = true,
            _ => break,
        }
    }
    let value = (0..m).map(|i| x[i] * ((0..m).map(|j| gram(i, j) * x[j]).sum::<f64>() - 2.0 * rhs[i])).sum();
    for (x, s) in x.iter_mut().zip(&scale) {
        *x /= s;
    }
    (x, value)
}

fn solve_on(gram: &impl Fn(usize, usize) -> f64, rhs: &[f64], active: &[bool]) -> (Vec<usize>, Vec<f64>) {
    let set: Vec<usize> = (0..rhs.len()).filter(|&j| active[j]).collect();
    let q = set.len();
    let mut a: Vec<f64> = set.iter().flat_map(|&i| set.iter().map(move |&j| (i, j))).map(|(i, j)| gram(i, j)).collect();
    let mut x: Vec<f64> = set.iter().map(|&j| rhs[j]).collect();
    factorise(&mut a, q, 1e-12);
    solve_factored(&a, q, &mut x);
    (set, x)
}

/// The first sign-bound coefficient that the way to `target` would drive below zero.
fn first_block(set: &[usize], target: &[f64], x: &[f64], positive: &[bool]) -> Option<(f64, usize)> {
    let falling = set.iter().zip(target).filter(|(j, t)| positive[**j] && **t <= 0.0);
    let shares = falling.map(|(&j, &t)| (if x[j] > t { x[j] / (x[j] - t) } else { 0.0 }, j));
    shares.min_by(|a, b| a.0.total_cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against all subsets of active coefficients, by brute force.
    #[test]
    fn equals_the_best_subset() {
        let mut seed = 1_u64;
        let mut uniform = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        for _ in 0..200 {
            let rows: Vec<[f64; 3]> = (0..6).map(|_| [uniform(), uniform(), uniform()]).collect();
            let y: Vec<f64> = (0..6).map(|_| uniform()).collect();
            let mut g = [0.0; 9];
            let mut b = [0.0; 3];
            for (row, y) in rows.iter().zip(&y) {
                for i in 0..3 {
                    b[i] += row[i] * y;
                    for j in 0..3 {
                        g[i * 3 + j] += row[i] * row[j];
                    }
                }
            }
            let (x, value) = nnls(&g, &b, &[true, true, false]);
            assert!(x[0] >= 0.0 && x[1] >= 0.0);
            let mut best = f64::INFINITY;
            for mask in 0..4 {
                let active = [mask & 1 == 1, mask & 2 == 2, true];
                let (set, t) = solve_on(&|i, j| g[i * 3 + j], &b, &active);
                if set.iter().zip(&t).all(|(&j, &t)| j == 2 || t >= 0.0) {
                    let v: f64 = set
                        .iter()
                        .zip(&t)
                        .map(|(&i, ti)| {
                            ti * (set.iter().zip(&t).map(|(&j, tj)| g[i * 3 + j] * tj).sum::<f64>() - 2.0 * b[i])
                        })
                        .sum();
                    best = best.min(v);
                }
            }
            assert!((value - best).abs() < 1e-9, "{value} {best}");
        }
    }
}
