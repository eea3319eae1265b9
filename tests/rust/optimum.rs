//! The optimum under a budget: closed forms at random parameters, inverse questions, the same bits.

use std::collections::BTreeMap;

use isoflop_core::cancel::Cancel;
use isoflop_core::expr::Spec;
use isoflop_core::plan::optimum::{Draws, End, Optima, Pieces, Price, Question, Surface, Table};
use isoflop_core::simd::kernels;
use proptest::prelude::*;

const CHINCHILLA: &str = "E + A / N**alpha + B / D**beta";
const ANYWHERE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

fn parts() -> BTreeMap<String, String> {
    [("N", "exp(ln_size_)"), ("D", "exp(ln_tokens_)")].map(|(k, v)| (k.into(), v.into())).into()
}

fn question(formula: &str) -> Question {
    let spec = Spec { formula: formula.into(), parts: parts(), ..Spec::default() };
    Question { spec, boxes: vec![(0.0, 42.0)], tokens: ANYWHERE, ratio: ANYWHERE, ..Question::default() }
}

fn price(cost: &str) -> Result<Price, String> {
    let sizes = BTreeMap::from([("N".to_string(), "exp(ln_size_)".to_string())]);
    Price::formula(cost, &["ln_size_".into()], &sizes, "D", kernels().unwrap()).map_err(|e| e.to_string())
}

fn surface(question: Question, cost: &str) -> Surface {
    Surface::new(question, price(cost).unwrap(), kernels().unwrap()).unwrap()
}

fn solve(surface: &Surface, draws: &[f64], budgets: &[f64], threads: usize) -> Optima {
    let draws = Draws { values: draws, p: surface.parameters() };
    surface.at_budgets(draws, budgets, &vec![f64::NAN; budgets.len()], threads, &Cancel::default()).unwrap()
}

/// ln N of the closed form for kappa N D: E, A, alpha, B, beta.
fn best([_, a, alpha, b, beta]: [f64; 5], log_budget: f64) -> f64 {
    ((alpha * a / (beta * b)).ln() + beta * (log_budget - 6f64.ln())) / (alpha + beta)
}

fn parameters() -> impl Strategy<Value = [f64; 5]> {
    (0.0..3.0, 3.0..9.0, 0.1..0.8, 3.0..9.0, 0.1..0.8)
        .prop_map(|(e, a, alpha, b, beta): (f64, f64, f64, f64, f64)| [e, a.exp(), alpha, b.exp(), beta])
}

proptest! {
    #![proptest_config(crate::config(64))]

    #[test]
    fn newton_finds_the_closed_form(theta in parameters(), log_budget in 40.0..60.0) {
        let z = best(theta, log_budget);
        prop_assume!(z > 1.0 && z < 41.0);
        let found = solve(&surface(question(CHINCHILLA), "6*N*D"), &theta, &[log_budget], 1);
        prop_assert_eq!(found.end[0], End::Interior as u8);
        prop_assert!((found.size[0] - z).abs() < 1e-10, "{} {z}", found.size[0]);
        prop_assert!((found.size[0] + found.tokens[0] + 6f64.ln() - log_budget).abs() < 1e-12);
    }

    #[test]
    fn a_scan_finds_what_the_certificate_promises(theta in parameters(), log_budget in 42.0..58.0) {
        let z = best(theta, log_budget);
        prop_assume!(z > 1.0 && z < 41.0);
        // The same law written so that its convexity is not seen.
        let hidden = "E + A / N**alpha + B / D**beta + sin(log(N)) - sin(log(N))";
        let found = solve(&surface(question(hidden), "6*N*D"), &theta, &[log_budget], 1);
        prop_assert!((found.size[0] - z).abs() < 1e-8, "{} {z}", found.size[0]);
    }

    #[test]
    fn a_loss_leads_back_to_its_budget(theta in parameters(), log_budget in 42.0..58.0) {
        let z = best(theta, log_budget);
        prop_assume!(z > 1.0 && z < 41.0);
        let of = surface(question(CHINCHILLA), "6*N*D + 2*N*1e10");
        let there = solve(&of, &theta, &[log_budget], 1);
        prop_assume!(there.end[0] == End::Interior as u8 && there.loss[0] > theta[0] * (1.0 + 1e-6));
        let draw = Draws { values: &theta, p: 5 };
        let back = of.at_losses(draw, &[there.loss[0]], &[f64::NAN], &[50.0], 1, &Cancel::default()).unwrap();
        prop_assert!((back.budget[0] - log_budget).abs() < 1e-7, "{} {log_budget}", back.budget[0]);
    }

    #[test]
    fn around_an_optimum_both_sides_reach_its_loss(theta in parameters(), share in 0.001..0.5f64) {
        let z = best(theta, 50.0);
        prop_assume!(z > 4.0 && z < 38.0);
        let of = surface(question(CHINCHILLA), "6*N*D");
        let found = solve(&of, &theta, &[50.0], 1);
        let draw = Draws { values: &theta, p: 5 };
        let budget = 50.0 + share.ln_1p();
        let (low, high) = of.around(draw, &found.size, &[budget], &found.loss, &Cancel::default()).unwrap();
        prop_assert!(low[0] < z && z < high[0]);
        for end in [low[0], high[0]] {
            let [e, a, alpha, b, beta] = theta;
            let loss = e + a * (-alpha * end).exp() + b * (-beta * (budget - 6f64.ln() - end)).exp();
            prop_assert!((loss - found.loss[0]).abs() < 1e-12 * loss || end == 0.0 || end == 42.0);
        }
    }
}

/// Draws around a centre, three hundred of them: more than a block.
fn many() -> Vec<f64> {
    let wave = |i: usize, k: f64| 1.0 + 0.1 * (i as f64 * k).sin();
    (0..300).flat_map(|i| [1.8 * wave(i, 1.0), 480.0 * wave(i, 2.0), 0.35, 2000.0, 0.36 * wave(i, 3.0)]).collect()
}

#[test]
fn bits_do_not_depend_on_threads_or_other_draws() {
    let of = surface(question(CHINCHILLA), "6*N*D + 1e9*N");
    let (draws, budgets) = (many(), [45.0, 50.0, 55.0]);
    let (one, three) = (solve(&of, &draws, &budgets, 1), solve(&of, &draws, &budgets, 3));
    assert_eq!(one.size, three.size);
    assert_eq!(one.loss, three.loss);
    let alone = solve(&of, &draws[5 * 7..5 * 8], &budgets, 1);
    for t in 0..3 {
        assert_eq!(alone.size[t], one.size[t * 300 + 7]);
    }
    let losses = |draws: &[f64], threads| {
        let draws = Draws { values: draws, p: 5 };
        of.at_losses(draws, &[2.5, 2.2], &[20.0; 2], &[48.0; 2], threads, &Cancel::default()).unwrap()
    };
    let (all, some) = (losses(&draws, 2), losses(&draws[5 * 7..5 * 8], 1));
    assert_eq!(some.budget[1], all.budget[300 + 7]);
    assert_eq!(some.size[0], all.size[7]);
}

#[test]
fn a_cost_is_affine_or_a_power_of_tokens() {
    assert!(price("6*N*D + 2*N").is_ok());
    assert!(price("5*N**1.1*D**0.9").is_ok());
    assert!(price("6*N*D*log(N)").is_ok());
    for (cost, words) in [
        ("6*N*D + D**2", "neither as a + b*D nor as b*D**q"),
        ("6*N", "does not depend on D"),
        ("6*N*D*x", "uses 'x', which has no value"),
        ("6*N/D", "neither"),
    ] {
        assert!(price(cost).unwrap_err().contains(words), "{cost}");
    }
}

#[test]
fn limits_and_floors_have_their_ends() {
    let theta = [1.8, 480.0, 0.35, 2000.0, 0.36];
    let free = solve(&surface(question(CHINCHILLA), "6*N*D"), &theta, &[50.0], 1);
    let (z, v) = (free.size[0], free.tokens[0]);
    let end = |change: fn(&mut Question, f64, f64)| {
        let mut asked = question(CHINCHILLA);
        change(&mut asked, z, v);
        let found = solve(&surface(asked, "6*N*D"), &theta, &[50.0], 1);
        (found.end[0], found.size[0], found.tokens[0])
    };
    let (low, high) = (End::Low as u8, End::High as u8);
    let found = end(|q, z, _| q.boxes = vec![(z + 1.0, 40.0)]);
    assert_eq!((found.0, found.1), (low, z + 1.0));
    let found = end(|q, z, _| q.boxes = vec![(1.0, z - 1.0)]);
    assert_eq!((found.0, found.1), (high, z - 1.0));
    let found = end(|q, _, v| q.tokens = (0.0, v - 1.0));
    assert!(found.0 == low && (found.2 - (v - 1.0)).abs() < 1e-9);
    let found = end(|q, z, v| q.ratio = (v - z + 1.0, 60.0));
    assert!(found.0 == high && (found.2 - found.1 - (v - z + 1.0)).abs() < 1e-9);
    assert_eq!(end(|q, z, v| (q.boxes, q.tokens) = (vec![(z, z)], (v + 1.0, 60.0))).0, End::Infeasible as u8);

    let of = surface(question(CHINCHILLA), "6*N*D");
    let draw = Draws { values: &theta, p: 5 };
    let below = of.at_losses(draw, &[1.79], &[f64::NAN], &[50.0], 1, &Cancel::default()).unwrap();
    assert_eq!(below.end[0], End::Unreachable as u8);
    let tokens = of.tokens_at(draw, &[20.0, 20.0], &[2.5, 1.9], 1, &Cancel::default()).unwrap();
    let exact = (2000.0 / (0.7 - 480.0 * (-0.35f64 * 20.0).exp())).ln() / 0.36;
    assert!((tokens[0] - exact).abs() < 1e-9 && tokens[1] == f64::INFINITY);
}

#[test]
fn a_table_of_straight_lines_is_the_formula() {
    let theta = [1.8, 480.0, 0.35, 2000.0, 0.36];
    let line = |c0: f64| Pieces { coefficients: vec![[c0, 1.0, 0.0, 0.0], [c0 + 10.0, 1.0, 0.0, 0.0]] };
    let served = Pieces { coefficients: vec![[(2e10f64).ln() + 10.0, 1.0, 0.0, 0.0]; 2] };
    for (fixed, cost) in [(None, "6*N*D"), (Some(served), "6*N*D + 2e10*N")] {
        let (fixed, fixed_is_log) = match fixed {
            Some(mut pieces) => {
                pieces.coefficients[1][0] += 10.0;
                (Some(pieces), true)
            }
            None => (None, false),
        };
        let knots = vec![10.0, 20.0, 30.0];
        let table = Table { knots, per_token: line(6f64.ln() + 10.0), fixed, fixed_is_log };
        let mut asked = question(CHINCHILLA);
        asked.boxes = vec![(10.0, 30.0)];
        let of = Surface::new(asked, Price::Table(table), kernels().unwrap()).unwrap();
        let (table, formula) =
            (solve(&of, &theta, &[52.0], 1), solve(&surface(question(CHINCHILLA), cost), &theta, &[52.0], 1));
        assert!((table.size[0] - formula.size[0]).abs() < 1e-9, "{cost}");
        assert!((table.loss[0] - formula.loss[0]).abs() < 1e-13);
    }
}

#[test]
fn a_further_variable_finds_its_best_value() {
    // The best x is 3 whatever N and D are, and then the law is Chinchilla's.
    let theta = [1.8, 480.0, 0.35, 2000.0, 0.36];
    let mut asked = question("E + A / N**alpha + B / D**beta + (x - 3)**2");
    asked.over = vec![("x".into(), 0.0, 10.0)];
    let cost = Price::formula("6*N*D", &Surface::coordinates(&asked), &parts_of_size(), "D", kernels().unwrap());
    let of = Surface::new(asked, cost.unwrap(), kernels().unwrap()).unwrap();
    let found = solve(&of, &theta, &[50.0], 1);
    let plain = solve(&surface(question(CHINCHILLA), "6*N*D"), &theta, &[50.0], 1);
    assert!((found.over[0][0] - 3.0).abs() < 1e-6);
    assert!((found.size[0] - plain.size[0]).abs() < 1e-9);
}

fn parts_of_size() -> BTreeMap<String, String> {
    BTreeMap::from([("N".to_string(), "exp(ln_size_)".to_string())])
}

#[test]
fn questions_and_tables_that_cannot_be_are_refused() {
    let refused = |change: fn(&mut Question)| {
        let mut asked = question(CHINCHILLA);
        change(&mut asked);
        Surface::new(asked, price("6*N*D").unwrap(), kernels().unwrap()).is_err()
    };
    assert!(refused(|q| q.boxes = vec![]));
    assert!(refused(|q| q.boxes = vec![(42.0, 41.0)]));
    assert!(refused(|q| q.boxes = vec![(0.0, f64::NAN)]));
    assert!(refused(|q| q.tokens = (2.0, 1.0)));
    assert!(refused(|q| q.over = vec![("x".into(), 1.0, f64::INFINITY)]));
    let table = |knots: &[f64], pieces: usize| {
        let per_token = Pieces { coefficients: vec![[1.0, 1.0, 0.0, 0.0]; pieces] };
        let table = Table { knots: knots.to_vec(), per_token, ..Table::default() };
        Surface::new(question(CHINCHILLA), Price::Table(table), kernels().unwrap()).is_ok()
    };
    assert!(table(&[1.0, 2.0, 3.0], 2));
    assert!(!table(&[1.0], 0) && !table(&[1.0, 2.0, 3.0], 1) && !table(&[1.0, 1.0], 1));
}

#[test]
fn first_guesses_may_lie_anywhere() {
    let theta = [1.8, 480.0, 0.35, 2000.0, 0.36];
    let of = surface(question(CHINCHILLA), "6*N*D");
    let draw = Draws { values: &theta, p: 5 };
    let budget = |guess: f64| {
        let found = of.at_losses(draw, &[2.2], &[f64::NAN], &[guess], 1, &Cancel::default()).unwrap();
        (found.budget[0], found.end[0])
    };
    for guess in [-1e3, -20.0, 140.0, 1e3] {
        assert!((budget(guess).0 - budget(48.0).0).abs() < 1e-8 && budget(guess).1 == End::Interior as u8, "{guess}");
    }
    // Sizes beyond every budget: ln D begins at ln N + 3.
    let tokens = of.tokens_at(draw, &[150.0, -30.0], &[1.7, 1.9], 1, &Cancel::default()).unwrap();
    assert_eq!(tokens, [f64::INFINITY; 2]);
    assert!(of.around(draw, &[20.0], &[50.0], &[], &Cancel::default()).is_err());
}

#[test]
fn why_a_draw_has_no_optimum_does_not_depend_on_the_others() {
    // Half of the draws have no finite loss wherever they look.
    let mut asked = question("E + A / N**alpha + B / D**beta + (x - 3)**2");
    asked.over = vec![("x".into(), 0.0, 10.0)];
    let cost = Price::formula("6*N*D", &Surface::coordinates(&asked), &parts_of_size(), "D", kernels().unwrap());
    let of = Surface::new(asked, cost.unwrap(), kernels().unwrap()).unwrap();
    let fine = [1.8, 480.0, 0.35, 2000.0, 0.36];
    let bad = [1.8, 480.0, 0.35, f64::INFINITY, 0.36];
    let together = solve(&of, &[fine, bad].concat(), &[50.0, 52.0], 1);
    let alone = solve(&of, &bad, &[50.0, 52.0], 1);
    assert_eq!([together.end[1], together.end[3]], [End::Infeasible as u8; 2]);
    assert_eq!([together.end[1], together.end[3]], alone.end[..]);
    assert_eq!(together.end[0], End::Interior as u8);
}

#[test]
fn a_raised_flag_stops_a_search_inside_a_search() {
    // Three further variables: left alone it takes minutes.
    let mut asked = question("E + A / N**alpha + B / D**beta + (x - 3)**2 + (y - 3)**2 + (w - 3)**2");
    asked.over = ["x", "y", "w"].map(|name| (name.to_string(), 0.0, 10.0)).into();
    let cost = Price::formula("6*N*D", &Surface::coordinates(&asked), &parts_of_size(), "D", kernels().unwrap());
    let of = Surface::new(asked, cost.unwrap(), kernels().unwrap()).unwrap();
    let cancel = Cancel::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            cancel.stop();
        });
        let theta = [1.8, 480.0, 0.35, 2000.0, 0.36];
        let found = of.at_losses(Draws { values: &theta, p: 5 }, &[2.2], &[f64::NAN], &[48.0], 1, &cancel);
        assert_eq!(found.unwrap_err(), isoflop_core::error::Error::Cancelled);
    });
}
