//! Small dense linear algebra: Cholesky of a few parameters, in place.

/// Calls a function with the size as a constant where it is small, so that loops unroll.
macro_rules! sized {
    ($f:ident($p:expr; $($x:expr),*)) => {
        match $p {
            2 => $f::<2>($p, $($x),*),
            3 => $f::<3>($p, $($x),*),
            4 => $f::<4>($p, $($x),*),
            5 => $f::<5>($p, $($x),*),
            6 => $f::<6>($p, $($x),*),
            7 => $f::<7>($p, $($x),*),
            _ => $f::<0>($p, $($x),*),
        }
    };
}

/// Factorises the symmetric `a` (p × p, row major, lower triangle used) as L Lᵀ in place, with
/// the reciprocals of L's diagonal on the diagonal. Pivots that fall below `floor` times their
/// diagonal are lifted to it; returns the smallest ratio of pivot to diagonal (zero for a
/// singular matrix).
pub(crate) fn cholesky(a: &mut [f64], p: usize, floor: f64) -> f64 {
    sized!(factor(p; a, floor))
}

/// Solves L Lᵀ x = b in place, with L as [`cholesky`] leaves it.
pub(crate) fn cholesky_solve(l: &[f64], p: usize, b: &mut [f64]) {
    sized!(solve(p; l, b));
}

#[inline]
fn factor<const P: usize>(p: usize, a: &mut [f64], floor: f64) -> f64 {
    let p = if P == 0 { p } else { P };
    let a = &mut a[..p * p];
    let mut smallest = 1.0_f64;
    for j in 0..p {
        let diagonal = a[j * p + j];
        let mut pivot = diagonal;
        for k in 0..j {
            pivot -= a[j * p + k] * a[j * p + k];
        }
        let ratio = if diagonal > 0.0 { pivot / diagonal } else { 0.0 };
        smallest = smallest.min(ratio);
        let lowest = (floor * diagonal).max(f64::MIN_POSITIVE);
        let inverse = 1.0 / if pivot > lowest { pivot } else { lowest }.sqrt();
        a[j * p + j] = inverse;
        for i in j + 1..p {
            let mut sum = a[i * p + j];
            for k in 0..j {
                sum -= a[i * p + k] * a[j * p + k];
            }
            a[i * p + j] = sum * inverse;
        }
    }
    smallest
}

#[inline]
fn solve<const P: usize>(p: usize, l: &[f64], b: &mut [f64]) {
    let p = if P == 0 { p } else { P };
    let (l, b) = (&l[..p * p], &mut b[..p]);
    for i in 0..p {
        let mut sum = b[i];
        for k in 0..i {
            sum -= l[i * p + k] * b[k];
        }
        b[i] = sum * l[i * p + i];
    }
    for i in (0..p).rev() {
        let mut sum = b[i];
        for k in i + 1..p {
            sum -= l[k * p + i] * b[k];
        }
        b[i] = sum * l[i * p + i];
    }
}

/// The inverse of L Lᵀ (p × p, row major).
pub(crate) fn cholesky_inverse(l: &[f64], p: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; p * p];
    let mut column = vec![0.0; p];
    for j in 0..p {
        column.fill(0.0);
        column[j] = 1.0;
        cholesky_solve(l, p, &mut column);
        for i in 0..p {
            inverse[i * p + j] = column[i];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_and_inverts() {
        let a = [4.0, 2.0, 0.6, 2.0, 5.0, 1.5, 0.6, 1.5, 3.0];
        let mut l = a;
        assert!(cholesky(&mut l, 3, 0.0) > 0.1);
        let mut x = [1.0, -2.0, 0.5];
        cholesky_solve(&l, 3, &mut x);
        for (i, b) in [1.0, -2.0, 0.5].iter().enumerate() {
            let product: f64 = (0..3).map(|k| a[i * 3 + k] * x[k]).sum();
            assert!((product - b).abs() < 1e-14);
        }
        let inverse = cholesky_inverse(&l, 3);
        let unit: f64 = (0..3).map(|k| a[k] * inverse[k * 3]).sum();
        assert!((unit - 1.0).abs() < 1e-14);
    }

    #[test]
    fn singular_matrices_are_told() {
        let mut a = [1.0, 1.0, 1.0, 1.0];
        assert!(cholesky(&mut a, 2, 1e-12) <= 1e-15);
    }
}
