//! The loss of a size under a budget, with its derivatives by ln N, for a block of draws at once.

use std::sync::Arc;

use super::convex::{Role, is_certified};
use super::price::{Jet, Price};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::expr::{Bind, Columns, Id, Law, Layout, Machine, Node, Program, Spec, Symbol};
use crate::predict::run_numbers;
use crate::simd::Kernels;

/// Draws in one run of the tape.
pub(super) const BLOCK: usize = 256;
/// The coordinates that every search has: ln N and ln D.
pub(super) const LOG_SIZE: &str = "ln_size_";
const LOG_TOKENS: &str = "ln_tokens_";

/// What is asked: a law over coordinates, and where the answer may lie.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The law; its parts must say what size, tokens and all other variables are in terms of
    /// `ln_size_`, `ln_tokens_` and the further coordinates.
    pub spec: Spec,
    /// Coordinates beside ln N, each with its ends.
    pub over: Vec<(String, f64, f64)>,
    /// Where ln N may lie: stretches, or points where both ends agree.
    pub boxes: Vec<(f64, f64)>,
    /// Ends of ln D.
    pub tokens: (f64, f64),
    /// Ends of ln D − ln N.
    pub ratio: (f64, f64),
}

impl Question {
    fn check(&self) -> Result<()> {
        let over = self.over.iter().map(|(_, low, high)| (low, high));
        let finite = over.chain(self.boxes.iter().map(|(low, high)| (low, high)));
        let mut fine = !self.boxes.is_empty();
        fine &= finite.into_iter().all(|(low, high)| low.is_finite() && high.is_finite() && low <= high);
        // These may be infinite.
        fine &= [self.tokens, self.ratio].iter().all(|(low, high)| low <= high);
        if fine { Ok(()) } else { Err(Error::Setting("a range of the search does not rise, or there is none".into())) }
    }
}

/// A question compiled.
#[derive(Debug)]
pub struct Surface {
    pub(super) question: Question,
    pub(super) price: Price,
    pub(super) kernels: &'static Kernels,
    pub(super) law: Law,
    program: Program,
    numbers: Vec<f64>,
    /// Whether one minimum is all there is in ln N.
    pub(super) is_convex: bool,
}

/// One thread's room for a block.
pub(super) struct Room<'a> {
    /// Looked at before every minimum.
    pub cancel: &'a Cancel,
    machine: Machine,
    /// Columns of the law's tape: those of the draws, then the coordinates, then ln D.
    block: Vec<f64>,
    /// Columns of the price's tape: the coordinates.
    coordinates: Vec<f64>,
    log_price: Jet,
    fixed: Jet,
    scratch: Vec<f64>,
    mixed: [Vec<f64>; 2],
    spare: [Vec<f64>; 4],
    /// Lanes in use, a multiple of the register's.
    pub n: usize,
}

/// What is known at the current size of every lane.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// ln D.
    pub tokens: Vec<f64>,
    /// The loss; infinite where the size cannot be paid for.
    pub value: Vec<f64>,
    /// Its first and second derivative by ln N, along the budget.
    pub slope: Vec<f64>,
    pub curve: Vec<f64>,
    /// Its derivative by the log of the budget, at a fixed size.
    pub gain: Vec<f64>,
    /// The derivative of ln D by ln N along the budget.
    pub trade: Vec<f64>,
    /// The derivative of the loss by ln D.
    pub by_tokens: Vec<f64>,
}

impl Point {
    pub fn new() -> Self {
        let lanes = || vec![0.0; BLOCK];
        Point {
            tokens: lanes(),
            value: lanes(),
            slope: lanes(),
            curve: lanes(),
            gain: lanes(),
            trade: lanes(),
            by_tokens: lanes(),
        }
    }
}

impl Surface {
    /// Compiles a question.
    ///
    /// # Errors
    /// What [`Law::new`] refuses; schedules; a law without size or tokens; ranges that do not rise; a table without
    /// a piece between each two knots.
    pub fn new(mut question: Question, price: Price, kernels: &'static Kernels) -> Result<Self> {
        question.check()?;
        price.check()?;
        let names = Self::coordinates(&question);
        question.spec.variables = names.iter().cloned().chain([LOG_TOKENS.to_string()]).collect();
        let mut law = Law::new(&question.spec)?;
        if !law.schedules.is_empty() {
            return Err(Error::Law("a law over schedules has no optimum under a budget".into()));
        }
        let place = |name: &str| law.variables.iter().position(|v| v == name);
        let (Some(size), Some(tokens)) = (place(LOG_SIZE), place(LOG_TOKENS)) else {
            return Err(Error::Law("the law does not depend on both size and tokens".into()));
        };
        let p = law.parameters.len();
        let role = |s: usize| match s {
            _ if s == p + size => Some(Role::Size),
            _ if s == p + tokens => Some(Role::Tokens),
            _ => None,
        };
        let is_convex = price.is_certified() && is_certified(&law.graph, law.value, &role);
        let leaves = [law.graph.symbol(p + size), law.graph.symbol(p + tokens)];
        let roots = derivatives(&mut law, leaves);
        let bind = |leaf: &Node| match *leaf {
            Node::Gather(p, _) => Bind::Data(p),
            Node::Symbol(s) => match law.symbol(s) {
                Symbol::Parameter(p) => Bind::Data(p),
                Symbol::Variable(v) => {
                    let row = names.iter().position(|n| *n == law.variables[v]);
                    Bind::Row(row.unwrap_or(names.len()))
                }
            },
            _ => unreachable!("only leaves are bound"),
        };
        let program = Program::new(&law.graph, &roots, bind);
        let numbers = run_numbers(&program, kernels, &Arc::from([]), &[]);
        Ok(Surface { question, price, kernels, program, numbers, is_convex, law })
    }

    /// The names of the coordinates: ln N and the further ones.
    pub fn coordinates(question: &Question) -> Vec<String> {
        std::iter::once(LOG_SIZE.to_string()).chain(question.over.iter().map(|o| o.0.clone())).collect()
    }

    /// How many parameters a draw has.
    pub fn parameters(&self) -> usize {
        self.law.parameters.len()
    }

    /// Room for one thread.
    pub(super) fn room<'a>(&self, cancel: &'a Cancel) -> Room<'a> {
        let (k, lanes) = (1 + self.question.over.len(), || vec![0.0; BLOCK]);
        let mut machine = Machine::new(self.kernels, BLOCK);
        machine.reserve(&self.program.rows);
        Room {
            cancel,
            machine,
            block: vec![0.0; (self.program.n_data + k + 1) * BLOCK],
            coordinates: vec![0.0; k * BLOCK],
            log_price: [lanes(), lanes(), lanes()],
            fixed: [lanes(), lanes(), lanes()],
            scratch: lanes(),
            mixed: [lanes(), lanes()],
            spare: [lanes(), lanes(), lanes(), lanes()],
            n: BLOCK,
        }
    }

    /// Reads the draws of a block (one column of internal values for each parameter).
    pub(super) fn load(&self, room: &mut Room, inner: &[f64], n: usize) {
        room.n = n;
        let columns = Columns { data: Layout::Together(inner, BLOCK), start: 0, n };
        room.machine.run(&self.program.data, columns, &[]);
        for (k, &place) in self.program.data.outputs.iter().enumerate() {
            room.machine.copy(place, columns, &[], &mut room.block[k * BLOCK..][..n]);
        }
    }

    /// Sets a further coordinate of every lane.
    pub(super) fn set(&self, room: &mut Room, which: usize, values: &[f64]) {
        let n = room.n;
        room.coordinates[(1 + which) * BLOCK..][..n].copy_from_slice(&values[..n]);
        room.block[(self.program.n_data + 1 + which) * BLOCK..][..n].copy_from_slice(&values[..n]);
    }

    /// ln D that a log budget buys at sizes `z`, with its derivatives by ln N in `room.log_price`.
    pub(super) fn tokens(&self, room: &mut Room, z: &[f64], budget: &[f64], to: &mut [f64]) {
        let (n, q) = (room.n, self.price.power());
        room.coordinates[..n].copy_from_slice(&z[..n]);
        let rows = Columns { data: Layout::Together(&room.coordinates, BLOCK), start: 0, n };
        self.price.at(&mut room.machine, rows, z, &mut room.log_price, &mut room.fixed);
        if self.price.has_fixed() {
            self.subtract(room, budget, to);
        } else {
            room.scratch[..n].fill(1.0);
            to[..n].copy_from_slice(&budget[..n]);
        }
        let [value, first, second] = &mut room.log_price;
        for i in 0..n {
            to[i] = (to[i] - value[i]) / q;
            (first[i], second[i]) = (first[i] / -q, second[i] / -q);
        }
    }

    /// Takes the fixed part off the budget: ln(B − fixed) to `to`, its derivatives (negated) onto those of
    /// the log price, and the share that is left to `scratch`.
    fn subtract(&self, room: &mut Room, budget: &[f64], to: &mut [f64]) {
        let n = room.n;
        to[..n].iter_mut().zip(budget).for_each(|(to, b)| *to = -b);
        (self.kernels.exp)(&to[..n], &mut room.scratch[..n]);
        for i in 0..n {
            let unit = room.scratch[i];
            let r = 1.0 - room.fixed[0][i] * unit;
            let (first, second) = (room.fixed[1][i] * unit / r, room.fixed[2][i] * unit / r);
            room.log_price[1][i] += first;
            room.log_price[2][i] += second + first * first;
            room.scratch[i] = r;
            room.fixed[0][i] = r.max(0.0);
        }
        (self.kernels.ln)(&room.fixed[0][..n], &mut to[..n]);
        to[..n].iter_mut().zip(budget).for_each(|(to, b)| *to += b);
    }

    /// The loss at sizes `z` under log budgets, with derivatives.
    pub(super) fn at(&self, room: &mut Room, z: &[f64], budget: &[f64], point: &mut Point) {
        self.tokens(room, z, budget, &mut point.tokens);
        let (n, q) = (room.n, self.price.power());
        let mut mixed = std::mem::take(&mut room.mixed);
        let [size_tokens, tokens_tokens] = &mut mixed;
        let Point { tokens, value, slope, curve, gain, trade, by_tokens } = point;
        self.law_at(room, z, tokens, [value, slope, by_tokens, curve, size_tokens, tokens_tokens]);
        let ([_, first, second], left) = (&room.log_price, &room.scratch);
        let lanes = slope[..n].iter_mut().zip(&mut curve[..n]).zip(&mut gain[..n]).zip(&mut trade[..n]);
        for (i, (((slope, curve), gain), trade)) in lanes.enumerate() {
            let (v1, v2, by) = (first[i], second[i], by_tokens[i]);
            *curve += 2.0 * size_tokens[i] * v1 + tokens_tokens[i] * v1 * v1 + by * v2;
            *slope += by * v1;
            *gain = by / (q * left[i]);
            *trade = v1;
        }
        for i in 0..n {
            if !(value[i].is_finite() && slope[i].is_finite() && tokens[i].is_finite()) {
                (value[i], slope[i], curve[i]) = (f64::INFINITY, f64::INFINITY, f64::NAN);
            }
        }
        room.mixed = mixed;
    }

    /// The loss and its derivative by ln D at sizes and tokens, whatever they cost.
    pub(super) fn at_tokens(&self, room: &mut Room, z: &[f64], tokens: &[f64], value: &mut [f64], slope: &mut [f64]) {
        let [mut a, mut b, mut c, mut d] = std::mem::take(&mut room.spare);
        self.law_at(room, z, tokens, [value, &mut a, slope, &mut b, &mut c, &mut d]);
        room.spare = [a, b, c, d];
    }

    /// The law and its derivatives by ln N, ln D, twice by each, as `derivatives` orders them.
    fn law_at(&self, room: &mut Room, z: &[f64], tokens: &[f64], to: [&mut [f64]; 6]) {
        let (n, n_data) = (room.n, self.program.n_data);
        room.block[n_data * BLOCK..][..n].copy_from_slice(&z[..n]);
        let last = n_data + 1 + self.question.over.len();
        room.block[last * BLOCK..][..n].copy_from_slice(&tokens[..n]);
        let columns = Columns { data: Layout::Together(&room.block, BLOCK), start: 0, n };
        room.machine.run(&self.program.rows, columns, &self.numbers);
        for (out, &output) in to.into_iter().zip(&self.program.rows.outputs) {
            room.machine.copy(output, columns, &self.numbers, &mut out[..n]);
        }
    }
}

/// The law with its first and second derivatives by ln N and ln D.
fn derivatives(law: &mut Law, leaves: [Id; 2]) -> [Id; 6] {
    let value = law.value;
    let first = law.graph.derivatives(value, &leaves);
    let by_size = law.graph.derivatives(first[0], &leaves);
    let by_tokens = law.graph.derivatives(first[1], &leaves[1..]);
    [value, first[0], first[1], by_size[0], by_size[1], by_tokens[0]]
}
