//! Logarithms of sums: no overflow, whatever the parameters.

use isoflop_core::expr::{Law, Scale, Spec};
use isoflop_core::simd::{Arg, LANES, kernels};
use proptest::prelude::*;

use crate::config;
use crate::evaluator::{Point, Way, run};

/// Laws that are sums of positive terms, in the shapes that are published.
const SUMS: [&str; 6] = [
    "E + A / X**alpha + B / Y**beta",
    "E + (A / X**alpha + B / Y**beta)**gamma",
    "E + ((A * X**-alpha)**p + (B * Y**-beta)**p)**(1 / p)",
    "((A / X)**(alpha / beta) + B / Y**gamma)**beta",
    "exp(logsumexp(log(E), log(A) - alpha * log(X), log(B) - beta * log(Y)))",
    "E * (1 + A / X**alpha) * (1 + B / Y**beta) + C / (X * Y)**0.3",
];

fn law(formula: &str) -> Law {
    let variables = vec!["X".into(), "Y".into()];
    Law::new(&Spec { formula: formula.into(), variables, ..Spec::default() }).expect("these are laws")
}

proptest! {
    #![proptest_config(config(400))]

    /// Amplitudes from 1e-300 to 1e300 and exponents up to thousands: the logarithm of the law stays a number.
    #[test]
    fn the_logarithm_of_a_sum_is_always_a_number(
        which in 0..SUMS.len(),
        amplitudes in prop::collection::vec(-690.0..690.0_f64, 8),
        exponents in prop::collection::vec(-8.0..8.0_f64, 8),
        x in prop::collection::vec(1.0..60.0_f64, 8),
        y in prop::collection::vec(1.0..60.0_f64, 8),
    ) {
        let mut law = law(SUMS[which]);
        let root = law.response(Scale::Log);
        let leaves: Vec<_> = (0..law.parameters.len()).map(|p| law.leaf(p)).collect();
        let mut roots = law.graph.derivatives(root, &leaves);
        roots.push(root);
        let is_amplitude = |name: &str| matches!(name, "E" | "A" | "B" | "C");
        let inner = |(k, name): (usize, &str)| if is_amplitude(name) { amplitudes[k] } else { exponents[k] };
        let parameters = law.parameters.iter().enumerate().map(|(k, p)| inner((k, &p.name))).collect();
        let variables = [x, y].map(|list| list.into_iter().map(f64::exp).collect()).into();
        let values = run(&law, &roots, Way::Rows, &Point { parameters, variables }, kernels().expect("a level"));
        for (root, column) in values.iter().enumerate() {
            prop_assert!(column.iter().all(|v| v.is_finite()), "root {root} of {}: {column:?}", SUMS[which]);
        }
    }

    /// ln Σ exp lies between the largest term and that plus ln n; weights are shares.
    #[test]
    fn a_log_sum_exp_holds_its_bounds(terms in prop::collection::vec(prop::collection::vec(-1e308..1e308_f64, LANES), 1..8), small in any::<bool>()) {
        let scale = if small { 1e-306 } else { 1.0 };
        let terms: Vec<Vec<f64>> = terms.iter().map(|t| t.iter().map(|x| x * scale).collect()).collect();
        let args: Vec<Arg> = terms.iter().map(|t| Arg::V(t)).collect();
        let (mut out, mut held) = ([0.0; LANES], vec![[0.0; LANES]; terms.len()]);
        let mut weights: Vec<&mut [f64]> = held.iter_mut().map(|w| &mut w[..]).collect();
        (kernels().expect("a level").lse)(&args, &mut out, &mut weights);
        for i in 0..LANES {
            let top = terms.iter().fold(f64::NEG_INFINITY, |best, t| best.max(t[i]));
            prop_assert!(out[i] >= top && out[i] <= top + (terms.len() as f64).ln() + 1e-14 * top.abs(), "{} at {top}", out[i]);
            let sum: f64 = held.iter().map(|w| w[i]).sum();
            prop_assert!((sum - 1.0).abs() < 1e-14);
            prop_assert!(held.iter().all(|w| (0.0..=1.0).contains(&w[i])));
        }
    }

    /// The value of exp(log-sum-exp) is the sum itself where that is a number.
    #[test]
    fn both_scales_agree(which in 0..SUMS.len(), inner in prop::collection::vec(-2.0..2.0_f64, 8), x in prop::collection::vec(1.0..20.0_f64, 8)) {
        let mut law = law(SUMS[which]);
        let log = law.response(Scale::Log);
        let parameters = (0..law.parameters.len()).map(|k| inner[k]).collect();
        let point = Point { parameters, variables: vec![x.clone(), x.iter().rev().copied().collect()] };
        let values = run(&law, &[log, law.value], Way::Rows, &point, kernels().expect("a level"));
        for (log, plain) in values[0].iter().zip(&values[1]) {
            prop_assume!(plain.abs() < 1e100 && plain.abs() > 1e-100);
            prop_assert!((log.exp() - plain).abs() <= 1e-11 * plain.abs() * (1.0 + log.abs()), "{log} and {plain}");
        }
    }
}
