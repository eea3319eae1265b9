//! Straight-line code: a short list of vector operations on slots, slots reused.
//!
//! A tape does not know rows from draws or parameters from variables: it has columns
//! (vectors), numbers (scalars) and slots. Dispatch is paid once per block of rows.

use std::sync::Arc;

use super::graph::{MAX_TERMS, Unary};
use super::scan::{Scan, Scans};
use crate::schedule::{MAX_ARGUMENTS, Schedules};
use crate::simd::{Arg, Kernels, LANES};

/// Where an operation finds an argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input {
    /// A slot of the machine.
    Slot(usize),
    /// A column of the caller's.
    Column(usize),
    /// A number of the caller's.
    Number(usize),
    /// A constant.
    Constant(f64),
}

/// Operations of two arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Min,
    Max,
    Below,
    Gate,
    Unless,
    Root,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    Unary(Unary, Input, usize),
    Binary(Binary, Input, Input, usize),
    /// a · b + c.
    Fma([Input; 3], usize),
    /// Terms, value slot, weight slots (none or one a term).
    Lse(Box<[Input]>, usize, Box<[usize]>),
    /// What is scanned, its schedule and arguments, value slot, slots of derivatives (none or one an argument).
    Scan(Scan, Input, Box<[Input]>, usize, Box<[usize]>),
}

/// A compiled list of steps with its outputs.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    pub(super) ops: Vec<Op>,
    pub(super) n_slots: usize,
    /// Where each output is found after a run.
    pub outputs: Vec<Input>,
}

impl Tape {
    /// The number of steps.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

/// The columns that one run reads: column `i` is `data[i * stride + start ..][..n]`.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// All columns, one after the other.
    pub data: &'a [f64],
    /// Distance between columns.
    pub stride: usize,
    /// First row of this run.
    pub start: usize,
    /// Rows of this run: a multiple of [`LANES`].
    pub n: usize,
}

impl<'a> Columns<'a> {
    fn get(&self, i: usize) -> &'a [f64] {
        &self.data[i * self.stride + self.start..][..self.n]
    }
}

/// The slots that a tape runs on. One machine serves many tapes, one thread.
#[derive(Debug, Clone)]
pub struct Machine {
    kernels: &'static Kernels,
    slots: Vec<Vec<f64>>,
    /// A column for scalars where a kernel wants a vector.
    spread: Vec<f64>,
    block: usize,
    scans: Scans,
}

impl Machine {
    /// A machine whose runs have at most `block` rows.
    pub fn new(kernels: &'static Kernels, block: usize) -> Self {
        let block = block.next_multiple_of(LANES);
        Machine { kernels, slots: vec![], spread: vec![0.0; block], block, scans: Scans::default() }
    }

    /// The same with schedules at hand, one set for each schedule variable of the law.
    pub fn with_schedules(mut self, schedules: Arc<[Schedules]>) -> Self {
        self.scans = Scans::new(schedules);
        self
    }

    /// The vector operations in use.
    pub fn kernels(&self) -> &'static Kernels {
        self.kernels
    }

    /// Makes room for a tape; runs of it do not allocate after this.
    pub fn reserve(&mut self, tape: &Tape) {
        while self.slots.len() < tape.n_slots {
            self.slots.push(vec![0.0; self.block]);
        }
    }

    /// Runs a tape over one block.
    pub fn run(&mut self, tape: &Tape, columns: Columns<'_>, numbers: &[f64]) {
        self.reserve(tape);
        for op in &tape.ops {
            self.step(op, columns, numbers);
        }
    }

    /// The value of an output after a run, copied to `out`.
    pub fn copy(&self, output: Input, columns: Columns<'_>, numbers: &[f64], out: &mut [f64]) {
        match self.arg(output, columns, numbers) {
            Arg::V(values) => out.copy_from_slice(values),
            Arg::S(value) => out.fill(value),
        }
    }

    /// The value of an output after a run, where it is.
    #[inline]
    pub fn arg<'a>(&'a self, input: Input, columns: Columns<'a>, numbers: &[f64]) -> Arg<'a> {
        match input {
            Input::Slot(i) => Arg::V(&self.slots[i][..columns.n]),
            Input::Column(i) => Arg::V(columns.get(i)),
            Input::Number(i) => Arg::S(numbers[i]),
            Input::Constant(x) => Arg::S(x),
        }
    }

    fn step(&mut self, op: &Op, columns: Columns<'_>, numbers: &[f64]) {
        let k = self.kernels;
        match op {
            Op::Unary(f, a, out) => self.vector(*a, *out, columns, numbers, |a, to| unary(k, *f, a, to)),
            Op::Binary(f, a, b, out) => {
                let mut to = std::mem::take(&mut self.slots[*out]);
                let (a, b) = (self.arg(*a, columns, numbers), self.arg(*b, columns, numbers));
                binary(k, *f, a, b, &mut to[..columns.n]);
                self.slots[*out] = to;
            }
            Op::Fma([a, b, c], out) => {
                let (b, c) = (*b, *c);
                let mut to = std::mem::take(&mut self.slots[*out]);
                if let Arg::V(a) = self.arg(*a, columns, numbers) {
                    let (b, c) = (self.arg(b, columns, numbers), self.arg(c, columns, numbers));
                    (k.fma)(a, b, c, &mut to[..columns.n]);
                }
                self.slots[*out] = to;
            }
            Op::Lse(terms, out, weights) => self.lse(terms, *out, weights, columns, numbers),
            Op::Scan(scan, schedule, arguments, out, parts) => {
                self.scan(*scan, *schedule, arguments, *out, parts, columns, numbers);
            }
        }
    }

    /// Runs a kernel that takes a vector; a scalar argument is spread first.
    fn vector(&mut self, a: Input, out: usize, columns: Columns<'_>, numbers: &[f64], f: impl Fn(&[f64], &mut [f64])) {
        let mut to = std::mem::take(&mut self.slots[out]);
        let mut spread = std::mem::take(&mut self.spread);
        match self.arg(a, columns, numbers) {
            Arg::V(values) => f(values, &mut to[..columns.n]),
            Arg::S(value) => {
                spread[..columns.n].fill(value);
                f(&spread[..columns.n], &mut to[..columns.n]);
            }
        }
        self.spread = spread;
        self.slots[out] = to;
    }

    #[allow(clippy::too_many_arguments)]
    fn scan(
        &mut self,
        scan: Scan,
        schedule: Input,
        arguments: &[Input],
        out: usize,
        parts: &[usize],
        columns: Columns<'_>,
        numbers: &[f64],
    ) {
        let n = columns.n;
        let mut to = std::mem::take(&mut self.slots[out]);
        let mut held: [Vec<f64>; MAX_ARGUMENTS] = Default::default();
        for (hold, &slot) in held.iter_mut().zip(parts) {
            *hold = std::mem::take(&mut self.slots[slot]);
        }
        let mut scans = std::mem::take(&mut self.scans);
        let mut args = [Arg::S(0.0); MAX_ARGUMENTS];
        for (arg, &argument) in args.iter_mut().zip(arguments) {
            *arg = self.arg(argument, columns, numbers);
        }
        let prefixes = self.arg(schedule, columns, numbers);
        let mut slices = held.each_mut().map(|v| if v.is_empty() { &mut v[..] } else { &mut v[..n] });
        scans.run(scan, prefixes, &args[..arguments.len()], self.kernels, &mut to[..n], &mut slices[..parts.len()]);
        self.scans = scans;
        for (hold, &slot) in held.iter_mut().zip(parts) {
            self.slots[slot] = std::mem::take(hold);
        }
        self.slots[out] = to;
    }

    fn lse(&mut self, terms: &[Input], out: usize, weights: &[usize], columns: Columns<'_>, numbers: &[f64]) {
        let n = columns.n;
        let mut to = std::mem::take(&mut self.slots[out]);
        let mut held: [Vec<f64>; MAX_TERMS] = Default::default();
        for (hold, &slot) in held.iter_mut().zip(weights) {
            *hold = std::mem::take(&mut self.slots[slot]);
        }
        let mut args = [Arg::S(0.0); MAX_TERMS];
        for (arg, &term) in args.iter_mut().zip(terms) {
            *arg = self.arg(term, columns, numbers);
        }
        let mut parts = held.each_mut().map(|w| if w.is_empty() { &mut w[..] } else { &mut w[..n] });
        (self.kernels.lse)(&args[..terms.len()], &mut to[..n], &mut parts[..weights.len()]);
        for (hold, &slot) in held.iter_mut().zip(weights) {
            self.slots[slot] = std::mem::take(hold);
        }
        self.slots[out] = to;
    }
}

fn unary(k: &Kernels, f: Unary, a: &[f64], to: &mut [f64]) {
    let kernel = match f {
        Unary::Exp => k.exp,
        Unary::Ln => k.ln,
        Unary::Log1p => k.log1p,
        Unary::Expm1 => k.expm1,
        Unary::Sqrt => k.sqrt,
        Unary::Abs => k.abs,
        Unary::Neg => k.neg,
        Unary::Recip => k.recip,
        Unary::Sin => k.sin,
        Unary::Cos => k.cos,
        Unary::Atan => k.atan,
        Unary::Logistic => k.logistic,
        Unary::Softplus => k.softplus,
    };
    kernel(a, to);
}

fn binary(k: &Kernels, f: Binary, a: Arg<'_>, b: Arg<'_>, to: &mut [f64]) {
    let kernel = match f {
        Binary::Add => k.add,
        Binary::Sub => k.sub,
        Binary::Mul => k.mul,
        Binary::Div => k.div,
        Binary::Pow => k.pow,
        Binary::Min => k.min,
        Binary::Max => k.max,
        Binary::Root => k.root,
        Binary::Below => return plain(a, b, to, |a, b| f64::from(a < b)),
        Binary::Gate => return plain(a, b, to, |a, b| if a != 0.0 { b } else { 0.0 }),
        Binary::Unless => return plain(a, b, to, |a, b| if a == 0.0 { b } else { 0.0 }),
    };
    kernel(a, b, to);
}

/// Choices are exact on every level, so they need no kernel.
fn plain(a: Arg<'_>, b: Arg<'_>, to: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    let at = |x: Arg<'_>, i: usize| match x {
        Arg::V(values) => values[i],
        Arg::S(value) => value,
    };
    for (i, out) in to.iter_mut().enumerate() {
        *out = f(at(a, i), at(b, i));
    }
}
