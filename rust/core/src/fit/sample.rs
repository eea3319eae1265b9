//! The rows of one fit in hand: squeezed, gathered, and evaluated by the tape.
//!
//! A workspace belongs to one thread and is used for one resample after another; after the
//! first nothing in it allocates.

use super::descent::Small;
use super::problem::{BLOCK, NO_COLUMNS, Problem, number};
use crate::cancel::Cancel;
use crate::expr::{Columns, Layout, Machine};
use crate::simd::{Arg, LANES};

/// Scratch for fitting one problem again and again.
#[derive(Debug, Clone)]
pub struct Workspace<'a> {
    pub(crate) problem: &'a Problem,
    machine: Machine,
    scalars: Machine,
    /// Rows in hand (padded), and the distance between columns.
    pub(crate) n: usize,
    pub(crate) ld: usize,
    /// The order in which rows are taken in hand.
    pub(crate) order: Vec<u32>,
    /// Which rows of the table are in hand.
    rows: Vec<u32>,
    columns: Vec<f64>,
    codes: Vec<Vec<u32>>,
    pub(crate) y: Vec<f64>,
    pub(crate) w: Vec<f64>,
    /// The response of all rows where it is not the table's; empty where it is.
    response: Vec<f64>,
    numbers: Vec<f64>,
    /// Free parameters, and the place of each parameter among them.
    pub(crate) free: Vec<usize>,
    place: Vec<Option<usize>>,
    /// Rows in hand before padding.
    pub(crate) count: usize,
    /// Stops long fits.
    pub(crate) cancel: &'a Cancel,
    /// Runs of the tape so far.
    pub evaluations: usize,
    pub(crate) vectors: Vectors,
    pub(crate) small: Small,
}

/// Row vectors and Jacobians that the solver works on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vectors {
    pub r: Vec<f64>,
    pub jac: Vec<Vec<f64>>,
    pub next_r: Vec<f64>,
    pub next_jac: Vec<Vec<f64>>,
    pub held_r: Vec<f64>,
    pub held_jac: Vec<Vec<f64>>,
    pub linear: Vec<f64>,
    pub trial: Vec<f64>,
    pub psi: Vec<f64>,
    pub curv: Vec<f64>,
}

/// Rows that were in hand, with their weights.
#[derive(Debug)]
pub(crate) struct Held {
    rows: Vec<u32>,
    w: Vec<f64>,
}

/// Fitted values and their Jacobian on all rows at one parameter vector.
#[derive(Debug, Clone)]
pub struct Base {
    pub(crate) mu: Vec<f64>,
    pub(crate) jac: Vec<Vec<f64>>,
}

impl<'a> Workspace<'a> {
    /// Scratch for a problem, with all its rows in hand; `cancel` stops long work inside.
    pub fn new(problem: &'a Problem, cancel: &'a Cancel) -> Self {
        let (ld, p) = (problem.padded, problem.p());
        let mut machine = Machine::new(problem.kernels, BLOCK.min(ld)).with_schedules(problem.schedules.clone());
        machine.reserve(&problem.program.rows);
        let mut scalars = Machine::new(problem.kernels, LANES);
        scalars.reserve(&problem.program.numbers);
        let row = || vec![0.0; ld];
        let block = || vec![row(); p];
        let vectors = Vectors {
            r: row(),
            jac: block(),
            next_r: row(),
            next_jac: block(),
            held_r: row(),
            held_jac: block(),
            linear: row(),
            trial: row(),
            psi: row(),
            curv: row(),
        };
        let mut workspace = Workspace {
            machine,
            scalars,
            n: 0,
            ld,
            order: (0..problem.n as u32).collect(),
            rows: vec![0; ld],
            columns: vec![0.0; ld * (problem.program.n_data + problem.gathers.len())],
            codes: problem.codes.clone(),
            y: row(),
            w: row(),
            response: vec![],
            numbers: vec![0.0; problem.program.numbers.outputs.len()],
            free: (0..p).collect(),
            place: (0..p).map(Some).collect(),
            count: 0,
            cancel,
            evaluations: 0,
            vectors,
            small: Small::default(),
            problem,
        };
        workspace.load(&problem.w[..problem.n], None);
        workspace
    }

    /// Chooses which parameters may move.
    pub fn set_free(&mut self, free: &[usize]) {
        self.free.clear();
        self.free.extend_from_slice(free);
        self.place.fill(None);
        for (k, &j) in free.iter().enumerate() {
            self.place[j] = Some(k);
        }
    }

    /// Takes rows in hand: those with a weight that is not zero, and, where given, another
    /// response (on the residual's scale).
    pub fn load(&mut self, weights: &[f64], response: Option<&[f64]>) {
        let mut k = 0;
        for &row in &self.order {
            let weight = weights[row as usize];
            self.rows[k] = row;
            self.w[k] = weight;
            k += usize::from(weight != 0.0);
        }
        self.response.clear();
        self.response.extend_from_slice(response.unwrap_or(&[]));
        self.gather_rows(k);
    }

    /// Rows of the table that are in hand, in order.
    pub(crate) fn rows_in_hand(&self) -> &[u32] {
        &self.rows[..self.count]
    }

    /// Keeps at most `most` rows, evenly spaced, in hand; returns those that were.
    pub(crate) fn thin(&mut self, most: usize) -> Option<Held> {
        if self.count <= most {
            return None;
        }
        let held = Held { rows: self.rows[..self.count].to_vec(), w: self.w[..self.count].to_vec() };
        let step = self.count.div_ceil(most);
        let mut k = 0;
        for i in (0..held.rows.len()).step_by(step) {
            (self.rows[k], self.w[k]) = (held.rows[i], held.w[i]);
            k += 1;
        }
        self.gather_rows(k);
        Some(held)
    }

    /// Takes rows back in hand that [`Workspace::thin`] had put aside.
    pub(crate) fn restore(&mut self, held: Option<Held>) {
        if let Some(held) = held {
            self.rows[..held.rows.len()].copy_from_slice(&held.rows);
            self.w[..held.w.len()].copy_from_slice(&held.w);
            self.gather_rows(held.rows.len());
        }
    }

    fn gather_rows(&mut self, count: usize) {
        let p = self.problem;
        self.count = count;
        self.n = count.next_multiple_of(LANES).max(LANES);
        let filler = if count > 0 { self.rows[0] } else { 0 };
        self.rows[count..self.n].fill(filler);
        self.w[count..self.n].fill(0.0);
        let (n, rows) = (self.n, &self.rows[..self.n]);
        for c in 0..p.program.n_data {
            gather(&p.data[c * p.padded..][..p.padded], rows, &mut self.columns[c * self.ld..][..n]);
        }
        let response = if self.response.is_empty() { &p.y } else { &self.response };
        gather(response, rows, &mut self.y[..n]);
        for (to, from) in self.codes.iter_mut().zip(&p.codes) {
            for (code, &row) in to.iter_mut().zip(rows) {
                *code = from[row as usize];
            }
        }
    }

    /// Residuals and Jacobian at `theta` (internal, all parameters), into `next_r`, `next_jac`.
    pub(crate) fn evaluate(&mut self, theta: &[f64]) {
        self.evaluations += 1;
        self.prepare(theta);
        let mut start = 0;
        while start < self.n && !self.cancelled() {
            let n = BLOCK.min(self.n - start);
            self.evaluate_block(start, n);
            start += n;
        }
    }

    /// Whether the caller has asked to stop: results are then meaningless and not used.
    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.check().is_err()
    }

    /// The scalar stage, and one value a row for parameters with levels.
    fn prepare(&mut self, theta: &[f64]) {
        let p = self.problem;
        let mut heads = [0.0; 32];
        let many: Vec<f64>;
        let heads = if p.spans.len() <= heads.len() {
            for (head, span) in heads.iter_mut().zip(&p.spans) {
                *head = theta[span.0];
            }
            &heads[..p.spans.len()]
        } else {
            many = p.spans.iter().map(|span| theta[span.0]).collect();
            &many
        };
        self.scalars.run(&p.program.numbers, NO_COLUMNS, heads);
        for (value, &place) in self.numbers.iter_mut().zip(&p.program.numbers.outputs) {
            *value = number(&self.scalars, place, heads);
        }
        for (g, &parameter) in p.gathers.iter().enumerate() {
            let (first, _) = p.spans[parameter];
            let factor = p.law.parameters[parameter].factor.expect("gathers have factors");
            let column = &mut self.columns[(p.program.n_data + g) * self.ld..][..self.n];
            for (value, &code) in column.iter_mut().zip(&self.codes[factor]) {
                *value = theta[first + code as usize];
            }
        }
    }

    fn evaluate_block(&mut self, start: usize, n: usize) {
        let p = self.problem;
        let columns = Columns { data: Layout::Together(&self.columns, self.ld), start, n };
        self.machine.run(&p.program.rows, columns, &self.numbers);
        let outputs = &p.program.rows.outputs;
        let r = &mut self.vectors.next_r[start..start + n];
        let y = Arg::V(&self.y[start..start + n]);
        (p.kernels.sub)(self.machine.arg(outputs[0], columns, &self.numbers), y, r);
        // With all rows in one block a slot changes places with a column instead of being copied.
        let whole = self.ld <= BLOCK;
        for (parameter, &(first, levels)) in p.spans.iter().enumerate() {
            let output = outputs[1 + parameter];
            match p.law.parameters[parameter].factor {
                None => {
                    let Some(k) = self.place[first] else { continue };
                    let column = &mut self.vectors.next_jac[k];
                    if whole && !outputs[2 + parameter..].contains(&output) {
                        self.machine.hand_over(output, columns, &self.numbers, column);
                    } else {
                        self.machine.copy(output, columns, &self.numbers, &mut column[start..start + n]);
                    }
                }
                Some(factor) => {
                    let trial = &mut self.vectors.trial[start..start + n];
                    self.machine.copy(output, columns, &self.numbers, trial);
                    for level in 0..levels {
                        let Some(k) = self.place[first + level] else { continue };
                        let column = &mut self.vectors.next_jac[k][start..start + n];
                        let codes = &self.codes[factor][start..start + n];
                        for ((j, &g), &code) in column.iter_mut().zip(trial.iter()).zip(codes) {
                            *j = if code as usize == level { g } else { 0.0 };
                        }
                    }
                }
            }
        }
    }

    /// Makes the last evaluation the current one.
    pub(crate) fn accept(&mut self) {
        std::mem::swap(&mut self.vectors.r, &mut self.vectors.next_r);
        std::mem::swap(&mut self.vectors.jac, &mut self.vectors.next_jac);
    }

    /// Fitted values and Jacobian of the free parameters at `theta`, on all rows.
    pub fn base(&mut self, theta: &[f64]) -> Base {
        self.load(&vec![1.0; self.problem.n], None);
        self.evaluate(theta);
        let mu = self.vectors.next_r.iter().zip(&self.y).map(|(r, y)| r + y).collect();
        Base { mu, jac: self.vectors.next_jac[..self.free.len()].to_vec() }
    }

    /// Sets the current residuals and Jacobian from a base: what an evaluation at its
    /// parameters would give, without running the tape.
    pub fn start_from(&mut self, base: &Base) {
        let (k, n) = (self.problem.kernels, self.n);
        let rows = &self.rows[..n];
        gather(&base.mu, rows, &mut self.vectors.trial[..n]);
        let (mu, y) = (Arg::V(&self.vectors.trial[..n]), Arg::V(&self.y[..n]));
        (k.sub)(mu, y, &mut self.vectors.r[..n]);
        for (column, to) in base.jac.iter().zip(&mut self.vectors.jac) {
            gather(column, rows, &mut to[..n]);
        }
    }
}

/// The values of some rows. Left to plain loads: the gather instructions of many CPUs are slower.
fn gather(from: &[f64], rows: &[u32], to: &mut [f64]) {
    for (to, &row) in to.iter_mut().zip(rows) {
        *to = from[row as usize];
    }
}
