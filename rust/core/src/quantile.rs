//! Exact quantiles of a million numbers without sorting them.
//!
//! A small sample brackets each quantile, one pass keeps what lies inside, and only that is
//! searched. Where the bracket misses, everything is searched: the result is the same.

/// Quantile at `p (n + 1)` with linear interpolation (Hyndman and Fan 1996, type 6), for each p.
/// NaN for an empty list; `scratch` is reused.
pub fn quantiles(values: &[f64], probabilities: &[f64], scratch: &mut Vec<f64>, out: &mut [f64]) {
    let sample = sorted_sample(values);
    for (q, &p) in out.iter_mut().zip(probabilities) {
        *q = quantile(values, p, &sample, scratch);
    }
}

/// Below this size a plain search is as fast.
const SMALL: usize = 20_000;
const SAMPLE: usize = 4096;

fn sorted_sample(values: &[f64]) -> Vec<f64> {
    if values.len() < SMALL {
        return vec![];
    }
    let step = values.len() / SAMPLE;
    let mut sample: Vec<f64> = values.iter().step_by(step).copied().collect();
    sample.sort_unstable_by(f64::total_cmp);
    sample
}

fn quantile(values: &[f64], p: f64, sample: &[f64], scratch: &mut Vec<f64>) -> f64 {
    let n = values.len();
    if n == 0 {
        return f64::NAN;
    }
    let place = (p * (n as f64 + 1.0) - 1.0).clamp(0.0, n as f64 - 1.0);
    let (k, share) = (place.floor() as usize, place.fract());
    let (low, high) = order_pair(values, k, sample, scratch);
    if share == 0.0 { low } else { low + share * (high - low) }
}

/// The k-th smallest value and the next one.
fn order_pair(values: &[f64], k: usize, sample: &[f64], scratch: &mut Vec<f64>) -> (f64, f64) {
    let n = values.len();
    if !sample.is_empty() {
        let m = sample.len() as f64;
        let share = (k as f64 + 1.0) / n as f64;
        let spread = 5.0 * (share * (1.0 - share) * m).sqrt() + 4.0;
        let (a, b) = (share * m - spread, share * m + spread);
        let low = if a < 0.0 { f64::NEG_INFINITY } else { sample[a as usize] };
        let high = if b as usize >= sample.len() { f64::INFINITY } else { sample[b as usize] };
        let below = keep_between(values, low, high, scratch);
        if k >= below && k + 1 < below + scratch.len() {
            return pair(scratch, k - below);
        }
    }
    scratch.clear();
    scratch.extend_from_slice(values);
    pair(scratch, k)
}

/// Collects the values in [low, high]; returns how many lie below.
fn keep_between(values: &[f64], low: f64, high: f64, scratch: &mut Vec<f64>) -> usize {
    scratch.clear();
    let mut below = 0;
    for block in values.chunks(256) {
        let under = block.iter().map(|x| u32::from(*x < low)).sum::<u32>();
        let inside = block.iter().map(|x| u32::from(*x >= low && *x <= high)).sum::<u32>();
        below += under as usize;
        if inside > 0 {
            scratch.extend(block.iter().filter(|x| **x >= low && **x <= high));
        }
    }
    below
}

fn pair(list: &mut [f64], k: usize) -> (f64, f64) {
    let (_, low, rest) = list.select_nth_unstable_by(k, f64::total_cmp);
    let low = *low;
    let high = rest.iter().copied().fold(f64::INFINITY, f64::min);
    (low, if rest.is_empty() { low } else { high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_sorting() {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 40) as f64 / 1e4).floor()
        };
        for n in [1, 2, 7, 1000, 19_999, 20_000, 123_457] {
            let values: Vec<f64> = (0..n).map(|_| next()).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let probabilities = [0.0, 0.001, 0.025, 0.5, 0.975, 1.0];
            let mut out = [0.0; 6];
            quantiles(&values, &probabilities, &mut vec![], &mut out);
            for (p, q) in probabilities.iter().zip(out) {
                let h = (p * (n as f64 + 1.0) - 1.0).clamp(0.0, n as f64 - 1.0);
                let (a, b) = (sorted[h as usize], sorted[(h as usize + 1).min(n - 1)]);
                assert_eq!(q, if h.fract() == 0.0 { a } else { a + h.fract() * (b - a) }, "n {n} p {p}");
            }
        }
    }

    #[test]
    fn constant_lists_and_none() {
        let mut out = [0.0];
        quantiles(&[3.0; 50_000], &[0.3], &mut vec![], &mut out);
        assert_eq!(out, [3.0]);
        quantiles(&[], &[0.3], &mut vec![], &mut out);
        assert!(out[0].is_nan());
    }
}
