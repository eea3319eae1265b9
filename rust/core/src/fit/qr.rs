//! Orthogonal factors of the Jacobian in hand: least squares without the squares of a Gram matrix.
//!
//! Modified Gram–Schmidt on the columns and the right side together, which is as stable for least
//! squares as Householder's way (Björck 1967).

use super::sample::Workspace;

/// Columns of which less than this share (squared) is their own depend on the others.
const DEPENDENT: f64 = 1e-20;

pub(crate) type Dot = fn(&[f64], &[f64]) -> f64;

/// Factorises the weighted Jacobian of the current rows, each column times its `scale` (all ones
/// where that is empty), and takes the residuals along: R goes to `upper` (p × p, row major), Qᵀr to
/// `along`, what no column explains to the workspace's next residuals. Returns whether all columns
/// are independent; those that are not count as zero.
pub(crate) fn factorise_rows(
    ws: &mut Workspace<'_>,
    scale: &[f64],
    upper: &mut Vec<f64>,
    along: &mut Vec<f64>,
) -> bool {
    let (n, p) = (ws.n, ws.free.len());
    let v = &mut ws.vectors;
    for ((root, w), (left, r)) in v.psi.iter_mut().zip(&ws.w).zip(v.next_r.iter_mut().zip(&v.r)).take(n) {
        *root = w.sqrt();
        *left = r * *root;
    }
    for (k, (column, jac)) in v.next_jac.iter_mut().zip(&v.jac).take(p).enumerate() {
        let by = scale.get(k).copied().unwrap_or(1.0);
        column.iter_mut().zip(jac).zip(&v.psi[..n]).for_each(|((q, j), root)| *q = j * root * by);
    }
    for list in [&mut *upper, &mut *along] {
        list.clear();
    }
    upper.resize(p * p, 0.0);
    along.resize(p, 0.0);
    factorise(&mut v.next_jac[..p], &mut v.next_r[..n], upper, along, ws.problem.kernels.dot)
}

/// Makes columns orthonormal (their first rows, as many as `left` has), with R in `upper`, and takes
/// their share `along` each off `left`. Columns that depend on others become zero; returns whether
/// there are none.
pub(crate) fn factorise(
    columns: &mut [Vec<f64>],
    left: &mut [f64],
    upper: &mut [f64],
    along: &mut [f64],
    dot: Dot,
) -> bool {
    let (n, p) = (left.len(), along.len());
    let mut independent = true;
    for j in 0..p {
        let (head, tail) = columns.split_at_mut(j + 1);
        let q = &mut head[j][..n];
        let own = dot(q, q);
        let shared: f64 = (0..j).map(|k| upper[k * p + j] * upper[k * p + j]).sum();
        if !(own > DEPENDENT * (own + shared)) || !own.is_finite() {
            independent = false;
            q.fill(0.0);
            continue;
        }
        let norm = own.sqrt();
        upper[j * p + j] = norm;
        q.iter_mut().for_each(|x| *x /= norm);
        for (k, column) in tail.iter_mut().enumerate().take(p - j - 1) {
            upper[j * p + j + 1 + k] = take_off(q, &mut column[..n], dot);
        }
        along[j] = take_off(q, left, dot);
    }
    independent
}

/// Takes the part along the unit vector `q` off `v`; returns its length.
fn take_off(q: &[f64], v: &mut [f64], dot: Dot) -> f64 {
    let share = dot(q, v);
    v.iter_mut().zip(q).for_each(|(v, q)| *v -= share * q);
    share
}

/// Solves R x = b in place.
pub(crate) fn solve_upper(upper: &[f64], x: &mut [f64]) {
    let p = x.len();
    for j in (0..p).rev() {
        let known: f64 = (j + 1..p).map(|k| upper[j * p + k] * x[k]).sum();
        x[j] = (x[j] - known) / upper[j * p + j];
    }
}

/// Solves Rᵀ x = b in place.
pub(crate) fn solve_lower(upper: &[f64], x: &mut [f64]) {
    let p = x.len();
    for j in 0..p {
        let known: f64 = (0..j).map(|k| upper[k * p + j] * x[k]).sum();
        x[j] = (x[j] - known) / upper[j * p + j];
    }
}

/// The smallest share (squared) of a column that the columns before it do not explain.
pub(crate) fn smallest_share(upper: &[f64], p: usize) -> f64 {
    let whole = |j: usize| (0..=j).map(|k| upper[k * p + j] * upper[k * p + j]).sum::<f64>();
    (0..p).map(|j| upper[j * p + j] * upper[j * p + j] / whole(j)).fold(1.0, f64::min)
}

/// The inverse of RᵀR (p × p), from the rows of the inverse of R.
pub(crate) fn inverse_gram(upper: &[f64], p: usize) -> Vec<f64> {
    let columns: Vec<Vec<f64>> = (0..p)
        .map(|j| {
            let mut x = vec![0.0; p];
            x[j] = 1.0;
            solve_upper(upper, &mut x);
            x
        })
        .collect();
    (0..p * p).map(|i| columns.iter().map(|c| c[i / p] * c[i % p]).sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    /// Columns of the Hilbert matrix: nearly dependent.
    fn hilbert(n: usize, p: usize) -> Vec<Vec<f64>> {
        (0..p).map(|j| (0..n).map(|i| 1.0 / (i + j + 1) as f64).collect()).collect()
    }

    #[test]
    fn nearly_dependent_columns_keep_their_digits() {
        let (n, p) = (8, 6);
        let mut columns = hilbert(n, p);
        let mut left: Vec<f64> = (0..n).map(|i| columns.iter().map(|c| c[i]).sum()).collect();
        let (mut upper, mut along) = (vec![0.0; p * p], vec![0.0; p]);
        assert!(factorise(&mut columns, &mut left, &mut upper, &mut along, plain));
        solve_upper(&upper, &mut along);
        // The condition number is 3e6: normal equations would leave 3 digits.
        along.iter().for_each(|x| assert!((x - 1.0).abs() < 1e-9, "{along:?}"));
    }

    #[test]
    fn the_inverse_gram_matrix_undoes_the_gram_matrix() {
        let (n, p) = (9, 3);
        let columns = hilbert(n, p);
        let gram = |a: usize, b: usize| plain(&columns[a], &columns[b]);
        let (mut upper, mut along) = (vec![0.0; p * p], vec![0.0; p]);
        factorise(&mut columns.clone(), &mut vec![0.0; n], &mut upper, &mut along, plain);
        let inverse = inverse_gram(&upper, p);
        for i in 0..p {
            for j in 0..p {
                let product: f64 = (0..p).map(|k| gram(i, k) * inverse[k * p + j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn dependent_columns_are_told() {
        let mut columns = vec![vec![1.0, 2.0, 3.0], vec![2.0, 4.0, 6.0]];
        assert!(!factorise(&mut columns, &mut [0.0; 3], &mut [0.0; 4], &mut [0.0; 2], plain));
    }

    #[test]
    fn triangles_are_solved_from_both_ends() {
        let upper = [2.0, 1.0, 0.0, 4.0];
        let (mut x, mut y) = ([4.0, 8.0], [4.0, 10.0]);
        solve_upper(&upper, &mut x);
        solve_lower(&upper, &mut y);
        assert_eq!((x, y), ([1.0, 2.0], [2.0, 2.0]));
    }
}
