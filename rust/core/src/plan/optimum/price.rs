//! What a run costs: `fixed(N) + per_token(N) · D^q`, from a formula or a table over N.
//!
//! From a budget this gives ln D and its derivatives by ln N, which is all that the search needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::convex::{Role, is_convex};
use super::surface::LOG_SIZE;
use crate::error::{Error, Result};
use crate::expr::{Bind, Columns, Id, Law, Machine, Node, Program, Spec, Symbol};
use crate::predict::run_numbers;
use crate::simd::{Arg, Kernels};

/// A value with its first and second derivative by ln N, one of each per lane.
pub(super) type Jet = [Vec<f64>; 3];

/// A smooth curve over ln N, by the coefficients of its cubic pieces.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    /// c0 + c1 t + c2 t² + c3 t³, with t from the piece's first knot.
    pub coefficients: Vec<[f64; 4]>,
}

impl Pieces {
    fn at(&self, piece: usize, t: f64) -> [f64; 3] {
        let [c0, c1, c2, c3] = self.coefficients[piece];
        [c0 + t * (c1 + t * (c2 + t * c3)), c1 + t * (2.0 * c2 + t * 3.0 * c3), 2.0 * c2 + 6.0 * c3 * t]
    }
}

/// A price list over sizes.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// ln N, rising.
    pub knots: Vec<f64>,
    /// ln of the price of a token.
    pub per_token: Pieces,
    /// What is paid whatever D is, or its logarithm; none where it is nothing.
    pub fixed: Option<Pieces>,
    /// Whether `fixed` holds logarithms.
    pub fixed_is_log: bool,
}

/// A cost formula: which tape, and how D enters.
#[derive(Debug, Clone)]
pub struct Formula {
    program: Program,
    numbers: Vec<f64>,
    /// Whether a price of D = 0 is among the outputs.
    has_fixed: bool,
    power: f64,
    /// Whether ln D under a budget is concave in ln N.
    is_concave: bool,
}

/// What a run of a size costs, and how many tokens a budget buys.
#[derive(Debug, Clone)]
pub enum Price {
    /// From a formula.
    Formula(Box<Formula>),
    /// From a table.
    Table(Table),
}

impl Price {
    /// Reads a cost formula over the coordinates, `size` among its parts and `tokens` its last variable.
    ///
    /// # Errors
    /// A formula that cannot be read, or in which D enters neither as `a + b·D` nor as `b·D**q`.
    pub fn formula(
        text: &str,
        coordinates: &[String],
        parts: &BTreeMap<String, String>,
        tokens: &str,
        kernels: &'static Kernels,
    ) -> Result<Self> {
        let (mut law, d) = read(text, coordinates, parts, tokens, true)?;
        let log = law.graph.ln(law.value);
        let power = law.graph.derivatives(log, &[d])[0];
        if let Some(power) = law.graph.value(power).filter(|q| *q > 0.0) {
            return Ok(Self::compiled(law, log, None, power, coordinates, kernels));
        }
        let (mut law, d) = read(text, coordinates, parts, tokens, false)?;
        let value = law.value;
        let slope = law.graph.derivatives(value, &[d])[0];
        if law.graph.value(slope) == Some(0.0) || law.graph.reached(&[slope])[d] {
            return Err(Error::Law(format!(
                "in the cost '{text}' {tokens} enters neither as a + b*{tokens} nor as b*{tokens}**q"
            )));
        }
        let log = law.graph.ln(slope);
        Ok(Self::compiled(law, log, Some(value), 1.0, coordinates, kernels))
    }

    fn compiled(
        mut law: Law,
        log: Id,
        fixed: Option<Id>,
        power: f64,
        coordinates: &[String],
        kernels: &'static Kernels,
    ) -> Self {
        let moving = |s: usize| (law.variables[s] == LOG_SIZE).then_some(Role::Size);
        let is_concave = [Some(log), fixed].iter().flatten().all(|&root| is_convex(&law.graph, root, &moving));
        let mut roots = jet(&mut law, log);
        if let Some(fixed) = fixed {
            roots.extend(jet(&mut law, fixed));
        }
        let program = Program::new(&law.graph, &roots, |leaf| match *leaf {
            Node::Symbol(s) => match law.symbol(s) {
                Symbol::Variable(v) => match coordinates.iter().position(|c| *c == law.variables[v]) {
                    Some(place) => Bind::Row(place),
                    None => Bind::Number(0),
                },
                Symbol::Parameter(_) => unreachable!("a cost has no parameters"),
            },
            _ => unreachable!("a cost has no levels"),
        });
        let numbers = run_numbers(&program, kernels, &Arc::from([]), &[0.0]);
        Price::Formula(Box::new(Formula { program, numbers, has_fixed: fixed.is_some(), power, is_concave }))
    }

    /// Refuses tables that hold no curve.
    pub(super) fn check(&self) -> Result<()> {
        let Price::Table(t) = self else { return Ok(()) };
        let pieces = [Some(&t.per_token), t.fixed.as_ref()].into_iter().flatten();
        let fits = t.knots.len() >= 2 && pieces.into_iter().all(|p| p.coefficients.len() + 1 == t.knots.len());
        if fits && t.knots.is_sorted_by(|a, b| a < b) {
            return Ok(());
        }
        Err(Error::Setting("a table of costs needs two rising sizes or more, and a piece between each two".into()))
    }

    /// Whether something is paid whatever D is.
    pub(super) fn has_fixed(&self) -> bool {
        match self {
            Price::Formula(f) => f.has_fixed,
            Price::Table(t) => t.fixed.is_some(),
        }
    }

    /// The power of D.
    pub(super) fn power(&self) -> f64 {
        match self {
            Price::Formula(f) => f.power,
            Price::Table(_) => 1.0,
        }
    }

    /// Whether ln D is concave in ln N, which makes a convex law convex under the budget.
    pub(super) fn is_certified(&self) -> bool {
        match self {
            Price::Formula(f) => f.is_concave,
            Price::Table(_) => false,
        }
    }

    /// Writes ln per_token and the fixed part, with derivatives, at the coordinates of `n` lanes.
    pub(super) fn at(&self, machine: &mut Machine, rows: Columns<'_>, z: &[f64], log_price: &mut Jet, fixed: &mut Jet) {
        match self {
            Price::Formula(f) => {
                machine.run(&f.program.rows, rows, &f.numbers);
                for (k, &output) in f.program.rows.outputs.iter().enumerate() {
                    let jet = if k < 3 { &mut *log_price } else { &mut *fixed };
                    let to = &mut jet[k % 3][..rows.n];
                    match machine.arg(output, rows, &f.numbers) {
                        Arg::V(values) => to.copy_from_slice(values),
                        Arg::S(value) => to.fill(value),
                    }
                }
            }
            Price::Table(t) => t.at(&z[..rows.n], log_price, fixed),
        }
    }
}

impl Table {
    fn at(&self, z: &[f64], log_price: &mut Jet, fixed: &mut Jet) {
        let last = self.knots.len() - 2;
        for (i, &x) in z.iter().enumerate() {
            let piece = self.knots.partition_point(|k| *k <= x).saturating_sub(1).min(last);
            let t = x - self.knots[piece];
            for (to, value) in log_price.iter_mut().zip(self.per_token.at(piece, t)) {
                to[i] = value;
            }
            if let Some(curve) = &self.fixed {
                let [mut value, mut first, mut second] = curve.at(piece, t);
                if self.fixed_is_log {
                    value = libm::exp(value);
                    (first, second) = (value * first, value * (second + first * first));
                }
                (fixed[0][i], fixed[1][i], fixed[2][i]) = (value, first, second);
            }
        }
    }
}

/// A cost as a law without parameters, and its node of D (or of ln D).
fn read(
    text: &str,
    coordinates: &[String],
    parts: &BTreeMap<String, String>,
    tokens: &str,
    log: bool,
) -> Result<(Law, Id)> {
    let mut parts = parts.clone();
    let name = if log { format!("ln_{tokens}_") } else { tokens.to_string() };
    if log {
        parts.insert(tokens.to_string(), format!("exp({name})"));
    }
    let variables = coordinates.iter().chain([&name]).cloned().collect();
    let mut law = Law::new(&Spec { formula: text.into(), variables, parts, ..Spec::default() })?;
    if let Some(unknown) = law.parameters.first() {
        return Err(Error::Law(format!("the cost '{text}' uses '{}', which has no value", unknown.name)));
    }
    let Some(place) = law.variables.iter().position(|v| *v == name) else {
        return Err(Error::Law(format!("the cost '{text}' does not depend on {tokens}")));
    };
    let leaf = law.graph.symbol(place);
    Ok((law, leaf))
}

/// A node with its first and second derivative by ln N.
fn jet(law: &mut Law, root: Id) -> Vec<Id> {
    let Some(place) = law.variables.iter().position(|v| v == LOG_SIZE) else {
        let zero = law.graph.constant(0.0);
        return vec![root, zero, zero];
    };
    let leaf = law.graph.symbol(law.parameters.len() + place);
    let first = law.graph.derivatives(root, &[leaf])[0];
    let second = law.graph.derivatives(first, &[leaf])[0];
    vec![root, first, second]
}
