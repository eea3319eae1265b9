//! Parser, graph, derivatives and tapes over random formulas.

use isoflop_core::error::Error;
use isoflop_core::expr::{Ast, Law, parse};
use isoflop_core::simd::{Level, kernels, kernels_for};
use proptest::prelude::*;

use crate::config;
use crate::evaluator::{Point, Way, run};
use crate::formula::{VARIABLES, Value, anything, interpret, mentions, spec, text, without_positions};

const ROWS: usize = 11;

/// Native values: columns of X and Y, then a, b, r, u.
#[derive(Debug, Clone)]
struct At {
    columns: [Vec<f64>; 2],
    parameters: [f64; 4],
}

impl At {
    fn native(&self, word: &str, row: usize) -> f64 {
        match word {
            "pi" => std::f64::consts::PI,
            "X" => self.columns[0][row],
            "Y" => self.columns[1][row],
            "a" => self.parameters[0],
            "b" => self.parameters[1],
            "r" => self.parameters[2],
            _ => self.parameters[3],
        }
    }

    fn point(&self, law: &Law) -> Point {
        let parameters = law.parameters.iter().map(|p| p.domain.inward(self.native(&p.name, 0))).collect();
        let column = |name: &String| self.columns[usize::from(name == "Y")].clone();
        Point { parameters, variables: law.variables.iter().map(column).collect() }
    }

    /// The same, with one parameter moved on the internal scale.
    fn moved(&self, law: &Law, k: usize, by: f64) -> At {
        let mut out = self.clone();
        let p = &law.parameters[k];
        let place = ["a", "b", "r", "u"].iter().position(|n| *n == p.name).expect("these are all parameters");
        out.parameters[place] = p.domain.outward(p.domain.inward(self.parameters[place]) + by);
        out
    }
}

fn at() -> impl Strategy<Value = At> {
    let column = || prop::collection::vec(0.3..20.0_f64, ROWS);
    ((column(), column()), (0.2..3.0_f64, 0.2..3.0_f64, -2.0..2.0_f64, 0.05..0.95_f64))
        .prop_map(|((x, y), (a, b, r, u))| At { columns: [x, y], parameters: [a, b, r, u] })
}

fn trees() -> impl Strategy<Value = Ast> {
    anything(4).prop_filter("uses a variable", |tree| VARIABLES.iter().any(|v| mentions(tree, v)))
}

fn exact(tree: &Ast, at: &At, row: usize) -> Value {
    interpret(tree, &|word| at.native(word, row))
}

/// What tapes may differ by: a hundred roundings where the interpreter counts one.
fn tolerance(v: Value) -> f64 {
    100.0 * v.error + 1e-13
}

fn tame(v: Value) -> bool {
    v.value.abs() < 1e8 && v.error < 1e-4
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn text_and_back(tree in anything(5)) {
        let again = parse(&text(&tree)).map_err(|e| TestCaseError::fail(format!("{}: {e}", text(&tree))))?;
        prop_assert_eq!(without_positions(&again), tree);
    }

    #[test]
    fn positions_point_at_names(tree in anything(4)) {
        let text = text(&tree);
        check_positions(&parse(&text).expect("printed trees are readable"), &text)?;
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in "[-+*/()., \\[\\]a-cXY0-9eE^=éα]{0,40}") {
        if let Err(Error::Formula { position, .. }) = parse(&text) {
            prop_assert!(position <= text.len());
            prop_assert!(text.is_char_boundary(position));
        }
    }

    #[test]
    fn every_way_of_binding_gives_the_value_of_the_formula(tree in trees(), at in at()) {
        let law = Law::new(&spec(&tree)).expect("random formulas are laws");
        let kernels = kernels().expect("a level");
        for way in [Way::Rows, Way::All, Way::Draws] {
            let values = &run(&law, &[law.value], way, &at.point(&law), kernels)[0];
            let rows = if way == Way::Draws { 1 } else { ROWS };
            for (row, &found) in values[..rows].iter().enumerate() {
                let v = exact(&tree, &at, row);
                prop_assume!(tame(v));
                prop_assert!((found - v.value).abs() <= tolerance(v), "{way:?}, row {row}: {found} is not {v:?}");
            }
        }
    }

    #[test]
    fn derivatives_are_differences(tree in trees(), at in at()) {
        let mut law = Law::new(&spec(&tree)).expect("random formulas are laws");
        let leaves: Vec<_> = (0..law.parameters.len()).map(|p| law.leaf(p)).collect();
        let roots = law.graph.derivatives(law.value, &leaves);
        prop_assume!(!roots.is_empty());
        let found = run(&law, &roots, Way::Rows, &at.point(&law), kernels().expect("a level"));
        for (k, column) in found.iter().enumerate() {
            for (row, &by_tape) in column[..ROWS].iter().enumerate() {
                let Some((slope, off)) = difference(&tree, &law, &at, k, row) else { continue };
                let name = &law.parameters[k].name;
                prop_assert!((by_tape - slope).abs() <= off, "by {name}: {by_tape} is not {slope} within {off}");
            }
        }
    }

    #[test]
    fn derivatives_do_not_depend_on_the_way_of_binding(tree in trees(), at in at()) {
        let mut law = Law::new(&spec(&tree)).expect("random formulas are laws");
        let leaves: Vec<_> = (0..law.parameters.len()).map(|p| law.leaf(p)).collect();
        let roots = law.graph.derivatives(law.value, &leaves);
        let (point, kernels) = (at.point(&law), kernels().expect("a level"));
        prop_assume!(tame(exact(&tree, &at, 0)) && !roots.is_empty());
        let ways = [Way::Rows, Way::All, Way::Draws].map(|way| run(&law, &roots, way, &point, kernels));
        for (rows, others) in ways[0].iter().zip(ways[1].iter().zip(&ways[2])) {
            let (rows, all, draws) = (rows[0], others.0[0], others.1[0]);
            let size = 1.0 + rows.abs();
            prop_assume!(size < 1e6);
            prop_assert!((rows - draws).abs() <= 1e-7 * size, "{rows} and {draws}");
            prop_assert!((rows - all).abs() <= 1e-7 * size, "{rows} and {all}");
        }
    }

    #[test]
    fn levels_with_fused_multiply_add_have_the_same_bits(tree in trees(), at in at()) {
        let mut law = Law::new(&spec(&tree)).expect("random formulas are laws");
        let leaves: Vec<_> = (0..law.parameters.len()).map(|p| law.leaf(p)).collect();
        let mut roots = law.graph.derivatives(law.value, &leaves);
        roots.push(law.value);
        let levels: Vec<Level> = Level::available().into_iter().filter(|l| l.has_fma()).collect();
        let bits = |level: &Level| {
            let values = run(&law, &roots, Way::Rows, &at.point(&law), kernels_for(*level).expect("it is available"));
            values.concat().into_iter().map(f64::to_bits).collect::<Vec<u64>>()
        };
        for pair in levels.windows(2) {
            prop_assert_eq!(bits(&pair[0]), bits(&pair[1]), "{} and {}", pair[0], pair[1]);
        }
    }
}

fn check_positions(tree: &Ast, text: &str) -> Result<(), TestCaseError> {
    match tree {
        Ast::Number(_) => Ok(()),
        Ast::Name(word, at) | Ast::Level(word, _, at) => {
            prop_assert!(text[*at..].starts_with(word.as_str()));
            Ok(())
        }
        Ast::Neg(a) => check_positions(a, text),
        Ast::Binary(_, a, b) => check_positions(a, text).and_then(|()| check_positions(b, text)),
        Ast::Call(word, parts, at) => {
            let found = text[*at..].strip_prefix(word.as_str());
            prop_assert!(found.is_some_and(|rest| rest.starts_with('(')));
            parts.iter().try_for_each(|part| check_positions(part, text))
        }
    }
}

/// The derivative by an internal parameter from differences, and how far off it may be; none where the steps
/// disagree: at a corner, or where the function turns faster than they see.
fn difference(tree: &Ast, law: &Law, at: &At, k: usize, row: usize) -> Option<(f64, f64)> {
    let step = 1e-4;
    let middle = exact(tree, at, row);
    let mut noise = middle.error;
    let mut slope = |by: f64| {
        let (up, down) = (exact(tree, &at.moved(law, k, by), row), exact(tree, &at.moved(law, k, -by), row));
        noise = noise.max(up.error).max(down.error);
        let bend = (up.value - 2.0 * middle.value + down.value).abs() / by;
        (tame(up) && tame(down)).then_some(((up.value - down.value) / (2.0 * by), bend))
    };
    let ((near, bend), (far, _), (fine, _)) = (slope(step)?, slope(2.0 * step)?, slope(step / 7.0)?);
    let noise = 200.0 * noise / step;
    let corner = bend > 1e-2 * (near.abs() + middle.value.abs() * 1e-2 + 1e-3);
    if corner || (fine - near).abs() > 1e-3 * near.abs() + noise + 1e-6 {
        return None;
    }
    Some(((4.0 * near - far) / 3.0, 1e-5 * near.abs() + 3.0 * (near - far).abs() + noise + 1e-7))
}
