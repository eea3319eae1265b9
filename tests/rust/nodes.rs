//! The implicit node: its value solves the equation it stands for, its derivatives are those of differences,
//! however its leaves are bound.

use isoflop_core::expr::{Id, Law, Scale, Spec};
use isoflop_core::simd::{Level, kernels, kernels_for};
use proptest::prelude::*;

use crate::config;
use crate::evaluator::{Point, Way, run};

const FORMULA: &str = "implicit_m4(low, high, alpha, log(beta) - c * log(X))";

fn law(formula: &str) -> Law {
    let spec = Spec { formula: formula.into(), variables: vec!["X".into()], ..Spec::default() };
    Law::new(&spec).expect("a law")
}

fn values(parameters: &[f64], x: &[f64], way: Way, scale: Scale, level: Option<Level>) -> Vec<Vec<f64>> {
    let mut law = law(FORMULA);
    let root = law.response(scale);
    let leaves: Vec<Id> = (0..law.parameters.len()).map(|p| law.leaf(p)).collect();
    let mut roots = vec![root];
    roots.extend(law.graph.derivatives(root, &leaves));
    let kernels = level.and_then(kernels_for).unwrap_or_else(|| kernels().expect("a level"));
    run(&law, &roots, way, &Point { parameters: parameters.to_vec(), variables: vec![x.to_vec()] }, kernels)
}

/// ln low, ln high, ln alpha, ln beta, ln c.
fn parameters() -> impl Strategy<Value = Vec<f64>> {
    (-3.0..0.0_f64, 0.05..2.0_f64, -2.0..2.0_f64, -2.0..4.0_f64, -3.0..0.0_f64)
        .prop_map(|(low, gap, alpha, beta, c)| vec![low, low + gap, alpha, beta, c])
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn the_value_solves_its_equation(p in parameters(), x in prop::collection::vec(1.0..1e6_f64, 9)) {
        let [low, high, alpha, beta, c] = p.iter().map(|v| v.exp()).collect::<Vec<_>>()[..] else { unreachable!() };
        let found = values(&p, &x, Way::Rows, Scale::Linear, None);
        for (e, x) in found[0].iter().zip(&x) {
            prop_assert!(*e >= low * (1.0 - 1e-15) && *e <= high * (1.0 + 1e-15));
            // Where the value is so near an end that the difference has no digits, there is nothing to compare.
            if e - low > 1e-6 * low && high - e > 1e-6 * high {
                let left = (e - low).ln() - alpha * (high - e).ln();
                prop_assert!((left - beta.ln() + c * x.ln()).abs() < 1e-8 * (1.0 + alpha), "{left} at {x}");
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_differences(p in parameters(), x in prop::collection::vec(1.0..1e6_f64, 9)) {
        for scale in [Scale::Linear, Scale::Log] {
            let here = values(&p, &x, Way::Rows, scale, None);
            for k in 0..p.len() {
                let at = |by: f64| {
                    let mut moved = p.clone();
                    moved[k] += by;
                    values(&moved, &x, Way::Rows, scale, None).swap_remove(0)
                };
                for (i, (up, down)) in at(1e-5).iter().zip(at(-1e-5)).enumerate() {
                    let slope = (up - down) / 2e-5;
                    prop_assert!((here[1 + k][i] - slope).abs() < 1e-7, "{k}: {} {slope}", here[1 + k][i]);
                }
            }
        }
    }

    #[test]
    fn every_way_and_fused_level_agrees(p in parameters(), x in 1.0..1e6_f64) {
        let rows = values(&p, &[x], Way::Rows, Scale::Log, None);
        for way in [Way::Draws, Way::All] {
            for (a, b) in rows.iter().zip(values(&p, &[x], way, Scale::Log, None)) {
                prop_assert!((a[0] - b[0]).abs() <= 1e-13 * a[0].abs().max(1e-3));
            }
        }
        let fused: Vec<Level> = Level::available().into_iter().filter(|level| level.has_fma()).collect();
        for level in &fused {
            let other = values(&p, &[x], Way::Rows, Scale::Log, Some(*level));
            let first = values(&p, &[x], Way::Rows, Scale::Log, Some(fused[0]));
            prop_assert!(other.iter().zip(&first).all(|(a, b)| a[0].to_bits() == b[0].to_bits()));
        }
    }
}

/// Constants are folded to the same value.
#[test]
fn constants_fold() {
    let mut constant = law("implicit_m4(0.12, 0.95, 0.5, log(7.5) - 0.35 * log(100)) + 0 * X");
    let node = constant.response(Scale::Linear);
    let value = constant.graph.value(node).expect("a constant");
    assert!((value - 0.764_505_583_552_482_5).abs() < 1e-13, "{value}");
}

#[test]
fn schedules_stand_in_their_functions_only() {
    let read = |formula: &str| {
        let names = vec!["lr".to_string()];
        Law::new(&Spec { formula: formula.into(), schedules: names, ..Spec::default() })
    };
    let found = read("A * lr_sum(lr)**-alpha - C * anneal(lr, lam)").expect("a law");
    assert_eq!((found.schedules, found.variables), (vec!["lr".to_string()], vec!["lr".to_string()]));
    for (formula, message) in [
        ("A * lr", "'lr' is a schedule"),
        ("A * log(lr)", "'lr' is a schedule"),
        ("lr_sum(A)", "the first argument of 'lr_sum' is the name of a schedule variable"),
        ("lr_sum(2 * lr)", "the first argument of 'lr_sum' is the name of a schedule variable"),
        ("anneal(lr)", "'anneal' takes 2 argument(s), 1 given"),
        ("multi_power(lr, A, B)", "'multi_power' takes 4 argument(s), 3 given"),
    ] {
        let error = read(formula).expect_err(formula).to_string();
        assert!(error.contains(message), "{formula}: {error}");
    }
}

/// Sums of terms that the rows show to be positive stay on the log scale under a power: no overflow.
#[test]
fn sums_under_powers_do_not_overflow() {
    let spec = |positive: &[&str]| Spec {
        formula: "(A / X + B / Y)**beta".into(),
        variables: vec!["X".into(), "Y".into()],
        positive: positive.iter().map(ToString::to_string).collect(),
        ..Spec::default()
    };
    let at = |positive: &[&str]| {
        let mut law = Law::new(&spec(positive)).expect("a law");
        let root = law.response(Scale::Log);
        // ln A, ln B, ln beta: beta is 2, its logarithm twice ln A and more.
        let point = Point { parameters: vec![600.0, 500.0, 2.0_f64.ln()], variables: vec![vec![2.0], vec![4.0]] };
        assert_eq!(law.parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["A", "B", "beta"]);
        run(&law, &[root], Way::Rows, &point, kernels().expect("a level"))[0][0]
    };
    assert!((at(&["X", "Y"]) - 2.0 * (600.0 - 2.0_f64.ln())).abs() < 1e-9);
    assert!(!at(&[]).is_finite());
}
