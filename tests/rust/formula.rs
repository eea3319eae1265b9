//! Random formulas as syntax trees, their text, and an interpreter that shares nothing with the tape.

use isoflop_core::expr::{Ast, Spec};
use proptest::prelude::*;

/// Names of random formulas.
pub const VARIABLES: [&str; 2] = ["X", "Y"];

/// How the names of a tree are declared: `a`, `b` positive, `r` real, `u` between 0 and 1.
pub fn spec(tree: &Ast) -> Spec {
    let list = |word: &str| if mentions(tree, word) { vec![word.into()] } else { vec![] };
    Spec {
        formula: text(tree),
        variables: VARIABLES.map(String::from).into(),
        real: list("r"),
        unit: list("u"),
        ..Spec::default()
    }
}

fn name(word: &str) -> Ast {
    Ast::Name(word.into(), 0)
}

fn call(word: &str, arguments: Vec<Ast>) -> Ast {
    Ast::Call(word.into(), arguments, 0)
}

fn join(op: char, a: Ast, b: Ast) -> Ast {
    Ast::Binary(op, Box::new(a), Box::new(b))
}

fn number() -> impl Strategy<Value = Ast> {
    prop::sample::select(vec![0.25, 0.5, 1.0, 1.7, 2.0, 3.0, 10.0]).prop_map(Ast::Number)
}

fn leaf(words: &'static [&'static str]) -> impl Strategy<Value = Ast> {
    prop::sample::select(words).prop_map(name)
}

/// Trees whose value is above 0 wherever their names are.
pub fn positive(depth: u32) -> BoxedStrategy<Ast> {
    let plain = prop_oneof![leaf(&["X", "Y"]), leaf(&["a", "b", "u"]), number()];
    if depth == 0 {
        return plain.boxed();
    }
    let inner = || positive(depth - 1);
    prop_oneof![
        2 => plain,
        3 => (prop::sample::select(vec!['+', '*', '/']), inner(), inner()).prop_map(|(op, a, b)| join(op, a, b)),
        2 => (inner(), prop_oneof![leaf(&["a", "b", "u", "r"]), number()]).prop_map(|(a, b)| join('^', a, b)),
        1 => (inner(), leaf(&["a", "b"])).prop_map(|(a, b)| join('^', a, Ast::Neg(Box::new(b)))),
        1 => anything(depth - 1).prop_map(|a| call("exp", vec![call("sin", vec![a])])),
        1 => (prop::sample::select(vec!["min", "max"]), inner(), inner()).prop_map(|(f, a, b)| call(f, vec![a, b])),
        1 => (prop::sample::select(vec!["sqrt", "log1p"]), inner()).prop_map(|(f, a)| call(f, vec![a])),
        1 => (prop::sample::select(vec!["logistic", "softplus"]), anything(depth - 1))
            .prop_map(|(f, a)| call(f, vec![call("atan", vec![a])])),
    ]
    .boxed()
}

/// Trees of any sign.
pub fn anything(depth: u32) -> BoxedStrategy<Ast> {
    let plain = prop_oneof![leaf(&["X", "Y", "r"]), leaf(&["a", "b", "u"]), number()];
    if depth == 0 {
        return plain.boxed();
    }
    let inner = || anything(depth - 1);
    let of_any = vec!["sin", "cos", "atan", "logistic", "softplus", "abs"];
    prop_oneof![
        2 => plain,
        3 => (prop::sample::select(vec!['+', '-', '*']), inner(), inner()).prop_map(|(op, a, b)| join(op, a, b)),
        1 => (inner(), positive(depth - 1)).prop_map(|(a, b)| join('/', a, b)),
        1 => inner().prop_map(|a| Ast::Neg(Box::new(a))),
        1 => (inner(), prop::sample::select(vec![2.0, 3.0])).prop_map(|(a, p)| join('^', a, Ast::Number(p))),
        1 => (prop::sample::select(vec!["log", "log10"]), positive(depth - 1)).prop_map(|(f, a)| call(f, vec![a])),
        2 => (prop::sample::select(of_any), inner()).prop_map(|(f, a)| call(f, vec![a])),
        1 => inner().prop_map(|a| call("expm1", vec![call("sin", vec![a])])),
        1 => (prop::sample::select(vec!["min", "max", "logsumexp"]), prop::collection::vec(inner(), 2..4))
            .prop_map(|(f, parts)| call(f, parts)),
        1 => positive(depth - 1),
    ]
    .boxed()
}

/// Whether a name stands in a tree.
pub fn mentions(tree: &Ast, word: &str) -> bool {
    match tree {
        Ast::Number(_) => false,
        Ast::Name(name, _) | Ast::Level(name, _, _) => name == word,
        Ast::Neg(a) => mentions(a, word),
        Ast::Binary(_, a, b) => mentions(a, word) || mentions(b, word),
        Ast::Call(_, parts, _) => parts.iter().any(|part| mentions(part, word)),
    }
}

/// The text of a tree, with no more brackets than Python needs, and how tightly its outermost operator binds.
fn print(tree: &Ast) -> (String, u8) {
    let wrap = |part: &Ast, least: u8| {
        let (text, level) = print(part);
        if level >= least { text } else { format!("({text})") }
    };
    match tree {
        Ast::Number(x) => (format!("{x}"), 4),
        Ast::Name(word, _) => (word.clone(), 4),
        Ast::Level(word, factor, _) => (format!("{word}[{factor}]"), 4),
        Ast::Neg(a) => (format!("-{}", wrap(a, 2)), 2),
        Ast::Binary('^', a, b) => (format!("{}**{}", wrap(a, 4), wrap(b, 2)), 3),
        Ast::Binary(op, a, b) => {
            let level = u8::from(matches!(op, '*' | '/'));
            (format!("{} {op} {}", wrap(a, level), wrap(b, level + 1)), level)
        }
        Ast::Call(word, parts, _) => {
            let parts: Vec<String> = parts.iter().map(|part| print(part).0).collect();
            (format!("{word}({})", parts.join(", ")), 4)
        }
    }
}

/// The text of a tree.
pub fn text(tree: &Ast) -> String {
    print(tree).0
}

/// The same tree with every position 0, for comparisons.
pub fn without_positions(tree: &Ast) -> Ast {
    let inner = |a: &Ast| Box::new(without_positions(a));
    match tree {
        Ast::Number(x) => Ast::Number(*x),
        Ast::Name(word, _) => name(word),
        Ast::Level(word, factor, _) => Ast::Level(word.clone(), factor.clone(), 0),
        Ast::Neg(a) => Ast::Neg(inner(a)),
        Ast::Binary(op, a, b) => Ast::Binary(*op, inner(a), inner(b)),
        Ast::Call(word, parts, _) => call(word, parts.iter().map(without_positions).collect()),
    }
}

/// A value and a bound on what rounding may have done to it, in units of about one rounding.
#[derive(Debug, Clone, Copy)]
pub struct Value {
    pub value: f64,
    pub error: f64,
}

fn rounded(value: f64, error: f64) -> Value {
    Value { value, error: error + f64::EPSILON * value.abs() }
}

/// The value of a tree by recursion in f64, with a running error bound.
pub fn interpret(tree: &Ast, at: &dyn Fn(&str) -> f64) -> Value {
    match tree {
        Ast::Number(x) => Value { value: *x, error: 0.0 },
        Ast::Name(word, _) | Ast::Level(word, _, _) => rounded(at(word), 0.0),
        Ast::Neg(a) => {
            let a = interpret(a, at);
            Value { value: -a.value, ..a }
        }
        Ast::Binary(op, a, b) => binary(*op, interpret(a, at), interpret(b, at)),
        Ast::Call(word, parts, _) => {
            let parts: Vec<Value> = parts.iter().map(|part| interpret(part, at)).collect();
            function(word, &parts)
        }
    }
}

fn binary(op: char, a: Value, b: Value) -> Value {
    let (x, y) = (a.value, b.value);
    match op {
        '+' => rounded(x + y, a.error + b.error),
        '-' => rounded(x - y, a.error + b.error),
        '*' => rounded(x * y, x.abs() * b.error + y.abs() * a.error),
        '/' => rounded(x / y, (a.error + (x / y).abs() * b.error) / y.abs()),
        _ => {
            let value = x.powf(y);
            let by_base = (y * value / x).abs() * a.error;
            let log = x.abs().ln();
            // exp(y ln x): the logarithm's own rounding is magnified by y.
            let by_exponent = (value * log).abs() * (b.error + f64::EPSILON * y.abs());
            rounded(value, if y == 0.0 { 0.0 } else { by_base } + by_exponent)
        }
    }
}

fn function(word: &str, parts: &[Value]) -> Value {
    let Value { value: x, error } = parts[0];
    match word {
        "exp" => rounded(x.exp(), x.exp() * error),
        "log" => rounded(x.ln(), error / x),
        "log10" => rounded(x.log10(), error / x),
        "log1p" => rounded(x.ln_1p(), error / (1.0 + x)),
        "expm1" => rounded(x.exp_m1(), x.exp() * error),
        "sqrt" => rounded(x.sqrt(), 0.5 * error / x.sqrt()),
        "abs" => Value { value: x.abs(), error },
        "sin" => rounded(x.sin(), error),
        "cos" => rounded(x.cos(), error),
        "atan" => rounded(x.atan(), error),
        "logistic" => rounded(1.0 / (1.0 + (-x).exp()), error),
        "softplus" => rounded(x.max(0.0) + (-x.abs()).exp().ln_1p(), error + f64::EPSILON * x.abs()),
        "min" | "max" => {
            let pick = |a: f64, b: f64| if word == "min" { a.min(b) } else { a.max(b) };
            let value = parts.iter().fold(x, |best, part| pick(best, part.value));
            Value { value, error: parts.iter().fold(0.0, |worst, part| worst.max(part.error)) }
        }
        "logsumexp" => {
            let top = parts.iter().fold(f64::NEG_INFINITY, |best, part| best.max(part.value));
            let sum: f64 = parts.iter().map(|part| (part.value - top).exp()).sum();
            let error = parts.iter().fold(0.0, |worst: f64, part| worst.max(part.error));
            rounded(top + sum.ln(), error + f64::EPSILON * top.abs())
        }
        other => panic!("no function {other}"),
    }
}
