//! Small dense linear algebra: the factors L D Lᵀ of a few parameters, in place.

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

/// Factorises the symmetric `a` (p × p, row major, lower triangle used) as L D Lᵀ in place: L below
/// the diagonal (its own is 1), the reciprocals of D on it. Pivots that fall below `floor` times
/// their diagonal are lifted to it; returns the smallest ratio of pivot to diagonal (zero for a
/// singular matrix).
pub(crate) fn factorise(a: &mut [f64], p: usize, floor: f64) -> f64 {
    sized!(factor(p; a, floor))
}

/// Solves L D Lᵀ x = b in place, with the factors as [`factorise`] leaves them.
pub(crate) fn solve_factored(l: &[f64], p: usize, b: &mut [f64]) {
    sized!(solve(p; l, b));
}

// No square root: the reciprocal of a pivot is all that the next one waits for.
#[inline(always)]
fn factor<const P: usize>(p: usize, a: &mut [f64], floor: f64) -> f64 {
    let p = if P == 0 { p } else { P };
    let a = &mut a[..p * p];
    let mut smallest = 1.0_f64;
    for j in 0..p {
        let diagonal = a[j * p + j];
        let mut pivot = diagonal;
        for k in 0..j {
            pivot -= a[j * p + k] * a[k * p + j];
        }
        let ratio = if diagonal > 0.0 { pivot / diagonal } else { 0.0 };
        smallest = smallest.min(ratio);
        let lowest = (floor * diagonal).max(f64::MIN_POSITIVE);
        let inverse = 1.0 / if pivot > lowest { pivot } else { lowest };
        a[j * p + j] = inverse;
        for i in j + 1..p {
            let mut sum = a[i * p + j];
            for k in 0..j {
                sum -= a[i * p + k] * a[k * p + j];
            }
            // Above the diagonal D Lᵀ is kept: the products above then need no third factor.
            a[j * p + i] = sum;
            a[i * p + j] = sum * inverse;
        }
    }
    smallest
}

#[inline(always)]
fn solve<const P: usize>(p: usize, l: &[f64], b: &mut [f64]) {
    let p = if P == 0 { p } else { P };
    let (l, b) = (&l[..p * p], &mut b[..p]);
    for i in 1..p {
        let mut sum = b[i];
        for k in 0..i {
            sum -= l[i * p + k] * b[k];
        }
        b[i] = sum;
    }
    for i in (0..p).rev() {
        let mut sum = b[i] * l[i * p + i];
        for k in i + 1..p {
            sum -= l[k * p + i] * b[k];
        }
        b[i] = sum;
    }
}

/// The inverse of L D Lᵀ (p × p, row major).
pub(crate) fn inverse_factored(l: &[f64], p: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; p * p];
    let mut column = vec![0.0; p];
    for j in 0..p {
        column.fill(0.0);
        column[j] = 1.0;
        solve_factored(l, p, &mut column);
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
        assert!(factorise(&mut l, 3, 0.0) > 0.1);
        let mut x = [1.0, -2.0, 0.5];
        solve_factored(&l, 3, &mut x);
        for (i, b) in [1.0, -2.0, 0.5].iter().enumerate() {
            let product: f64 = (0..3).map(|k| a[i * 3 + k] * x[k]).sum();
            assert!((product - b).abs() < 1e-14);
        }
        let inverse = inverse_factored(&l, 3);
        let unit: f64 = (0..3).map(|k| a[k] * inverse[k * 3]).sum();
        assert!((unit - 1.0).abs() < 1e-14);
    }

    #[test]
    fn singular_matrices_are_told() {
        let mut a = [1.0, 1.0, 1.0, 1.0];
        assert!(factorise(&mut a, 2, 1e-12) <= 1e-15);
    }
}
