//! Named parts of a law, and derivatives of predictions by native parameters.

use std::collections::BTreeMap;

use isoflop_core::cancel::Cancel;
use isoflop_core::expr::{Law, Spec};
use isoflop_core::predict::{Points, Predictor};
use isoflop_core::simd::kernels;

fn spec(formula: &str, parts: &[(&str, &str)]) -> Spec {
    Spec {
        formula: formula.into(),
        variables: ["N", "D", "U"].map(String::from).into(),
        parts: parts.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect::<BTreeMap<_, _>>(),
        ..Spec::default()
    }
}

/// Parts are the same nodes as their text: graph and value agree with the law written out.
#[test]
fn parts_are_their_text() {
    let parts = [("U_D", "min(U, D)"), ("D_eff", "U_D * (1 + r * log(D / U_D + 1))")];
    let short = Law::new(&spec("E + A / N**alpha + B / D_eff**beta", &parts)).unwrap();
    let long = "E + A / N**alpha + B / (min(U, D) * (1 + r * log(D / min(U, D) + 1)))**beta";
    let long = Law::new(&spec(long, &[])).unwrap();
    assert_eq!(short.value, long.value);
    assert_eq!(short.parameters, long.parameters);
    assert_eq!((&short.variables, &short.logged), (&long.variables, &long.logged));
    assert_eq!(short.logged, [true, true, true]);
}

#[test]
fn parts_without_end_are_refused() {
    for parts in [vec![("x", "x + N")], vec![("x", "y"), ("y", "2 * x")]] {
        let error = Law::new(&spec("E * x", &parts)).unwrap_err().to_string();
        assert!(error.contains("is defined by itself"), "{error}");
    }
    let names: Vec<(String, String)> = (1..200).map(|i| (format!("p{i}"), format!("p{} + 1", i - 1))).collect();
    let mut deep: Vec<(&str, &str)> = names.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    deep.push(("p0", "N"));
    let error = Law::new(&spec("E * p199", &deep)).unwrap_err().to_string();
    assert!(error.contains("named parts inside each other"), "{error}");
}

#[test]
fn parameters_that_change_nothing_are_known() {
    assert_eq!(Law::new(&spec("E + A / N + 0 * q", &[])).unwrap().unused(), ["q"]);
    assert!(Law::new(&spec("E[f] + A / N**alpha", &[])).unwrap().unused().is_empty());
}

/// Derivatives by native values of positive, unit, real and levelled parameters, over more than one block of points.
#[test]
fn jacobians_are_differences() {
    let mut spec = spec("E[f] + u * A / N**alpha - r * x", &[("x", "log(D)")]);
    spec.unit = vec!["u".into()];
    spec.real = vec!["r".into()];
    let kernels = kernels().expect("a level");
    let made = Predictor::with_derivatives(&spec, kernels).unwrap();
    let n = 300;
    let columns = [2.0, 5.0].map(|scale| (0..n).map(|i| scale + f64::from(i)).collect::<Vec<f64>>());
    let codes: Vec<u32> = (0..n).map(|i| i % 3).collect();
    let points = Points { columns: &[&columns[0], &columns[1]], codes: &[&codes] };
    let native = vec![vec![0.5, 1.5, 2.5], vec![0.3], vec![7.0], vec![0.4], vec![-0.2]];
    let by = made.jacobian(&native, points, n as usize, &Cancel::default()).unwrap();
    assert_eq!(by.len(), 5);
    assert_eq!(
        made.law().parameters.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["E", "u", "A", "alpha", "r"]
    );
    let value = |native: &[Vec<f64>]| {
        let mut out = vec![0.0; n as usize];
        made.predict(native, points, &mut out, &Cancel::default()).unwrap();
        out
    };
    for (p, slopes) in by.iter().enumerate() {
        let moved = |step: f64| {
            native
                .iter()
                .enumerate()
                .map(|(q, x)| x.iter().map(|x| if q == p { x + step } else { *x }).collect())
                .collect::<Vec<Vec<f64>>>()
        };
        let (up, down) = (value(&moved(1e-5)), value(&moved(-1e-5)));
        for (i, slope) in slopes.iter().enumerate() {
            let difference = (up[i] - down[i]) / 2e-5;
            assert!((slope - difference).abs() < 1e-8 * (1.0 + slope.abs()), "{p} {i}: {slope} and {difference}");
        }
    }
    let plain = Predictor::new(&spec, kernels).unwrap();
    assert!(plain.jacobian(&native, points, n as usize, &Cancel::default()).is_err());
}
