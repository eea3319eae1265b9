//! A law over stored draws: point by point, never all points times all draws at once.
//!
//! The same graph as in a fit, bound the other way: parameters are vectors (what depends on
//! them alone is computed once), the variables of a point are numbers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::expr::{Bind, Columns, Law, Machine, Node, Program, Scale, Spec, Symbol};
use crate::predict::run_numbers;
use crate::quantile::quantiles;
use crate::schedule::Schedules;
use crate::simd::{Kernels, LANES};

/// Draws that one run of the tape covers.
const BLOCK: usize = 256;

/// One point: the law's variables, and the level of each of its factors.
#[derive(Debug, Clone, Default)]
pub struct Point {
    /// Values of the variables, in the law's order.
    pub values: Vec<f64>,
    /// Level codes, in the order of the law's factors.
    pub codes: Vec<usize>,
}

/// A law with its draws, ready for points.
#[derive(Debug)]
pub struct DrawTable {
    law: Law,
    program: Program,
    kernels: &'static Kernels,
    /// Data columns of the program for one set of levels, `padded` apart.
    columns: Vec<f64>,
    m: usize,
    padded: usize,
    schedules: Arc<[Schedules]>,
}

impl DrawTable {
    /// Prepares `m` draws of native parameters (rows of `p` values: for each parameter of the law
    /// its levels in order, `spans` = first index of each); the levels of `codes` are chosen.
    ///
    /// # Errors
    /// What [`Law::new`] refuses; draws of the wrong shape; a level that does not exist.
    pub fn new(
        spec: &Spec,
        kernels: &'static Kernels,
        draws: &[f64],
        spans: &[(usize, usize)],
        codes: &[usize],
        keep: Option<&[bool]>,
    ) -> Result<Self> {
        let law = Law::new(spec)?;
        let p: usize = spans.iter().map(|s| s.1).sum();
        if spans.len() != law.parameters.len() || (p > 0 && !draws.len().is_multiple_of(p)) {
            return Err(Error::Shape { what: "the draws".into(), found: spans.len(), expected: law.parameters.len() });
        }
        let program = Program::new(&law.graph, &[law.value], |leaf| match *leaf {
            Node::Gather(p, _) => Bind::Data(p),
            Node::Symbol(s) => match law.symbol(s) {
                Symbol::Parameter(p) => Bind::Data(p),
                Symbol::Variable(v) => Bind::Number(v),
            },
            _ => unreachable!("only leaves are bound"),
        });
        let total = draws.len().checked_div(p).unwrap_or(0);
        let rows: Vec<usize> = (0..total).filter(|&i| keep.is_none_or(|k| k[i])).collect();
        let chosen = law.parameters.iter().zip(spans).map(|(parameter, &(first, levels))| {
            let level = parameter.factor.map_or(0, |f| codes[f]);
            if level < levels {
                Ok(first + level)
            } else {
                Err(Error::Setting(format!("'{}' has no level {level}", parameter.name)))
            }
        });
        let chosen = chosen.collect::<Result<Vec<usize>>>()?;
        let (m, padded) = (rows.len(), rows.len().next_multiple_of(LANES));
        let columns = vec![0.0; program.n_data * padded];
        let mut table = DrawTable { columns, law, program, kernels, m, padded, schedules: Arc::new([]) };
        table.read(draws, p, &rows, &chosen);
        Ok(table)
    }

    /// The same with schedules at hand, one set for each schedule variable of the law.
    pub fn with_schedules(mut self, schedules: Arc<[Schedules]>) -> Self {
        self.schedules = schedules;
        self
    }

    /// The number of draws in use.
    pub fn len(&self) -> usize {
        self.m
    }

    /// Whether no draw is in use.
    pub fn is_empty(&self) -> bool {
        self.m == 0
    }

    /// Runs the data tape over all draws, block by block.
    fn read(&mut self, draws: &[f64], p: usize, rows: &[usize], chosen: &[usize]) {
        let mut machine = Machine::new(self.kernels, BLOCK);
        let mut block = vec![0.0; chosen.len().max(1) * BLOCK];
        let mut start = 0;
        while start < self.m {
            let count = BLOCK.min(self.m - start);
            let n = count.next_multiple_of(LANES);
            for (c, &j) in chosen.iter().enumerate() {
                let domain = self.law.parameters[c].domain;
                let native = |i: usize| draws[rows[start + i.min(count - 1)] * p + j];
                for i in 0..n {
                    block[c * BLOCK + i] = domain.inward(native(i));
                }
            }
            let columns = Columns { data: &block, stride: BLOCK, start: 0, n };
            machine.run(&self.program.data, columns, &[]);
            for (k, &place) in self.program.data.outputs.iter().enumerate() {
                machine.copy(place, columns, &[], &mut self.columns[k * self.padded + start..][..n]);
            }
            start += count;
        }
    }

    /// Writes the law's value at one point for every draw; `machine` needs `BLOCK` rows.
    fn values(&self, point: &Point, machine: &mut Machine, out: &mut [f64]) -> Result<()> {
        if self.schedules.len() != self.law.schedules.len() {
            let (found, expected) = (self.schedules.len(), self.law.schedules.len());
            return Err(Error::Shape { what: "the schedules".into(), found, expected });
        }
        for (v, (&x, name)) in point.values.iter().zip(&self.law.variables).enumerate() {
            if self.law.logged[v] && !(x > 0.0) {
                return Err(Error::NotPositive { what: name.clone(), rows: vec![0] });
            }
        }
        let numbers = run_numbers(&self.program, self.kernels, &self.schedules, &point.values);
        for start in (0..self.padded).step_by(BLOCK) {
            let n = BLOCK.min(self.padded - start);
            let columns = Columns { data: &self.columns, stride: self.padded, start, n };
            machine.run(&self.program.rows, columns, &numbers);
            machine.copy(self.program.rows.outputs[0], columns, &numbers, &mut out[start..start + n]);
        }
        Ok(())
    }

    /// Quantiles over draws at each point (points × probabilities); with `noise`, a value for
    /// each draw in use, that of a new run: the noise is added on the residual's scale.
    ///
    /// # Errors
    /// Points where a logarithm is taken of something not positive; cancelled.
    pub fn band(
        &self,
        points: &[Point],
        probabilities: &[f64],
        noise: Option<(&[f64], Scale)>,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Vec<f64>> {
        let shift = noise.map(|(noise, scale)| {
            (noise.iter().map(|&e| if scale == Scale::Log { e.exp() } else { e }).collect::<Vec<f64>>(), scale)
        });
        let mut out = vec![0.0; points.len() * probabilities.len()];
        self.each(points, threads, cancel, probabilities.len(), &mut out, |values, scratch, to| {
            if let Some((shift, scale)) = &shift {
                for (x, e) in values.iter_mut().zip(shift) {
                    *x = if *scale == Scale::Log { *x * e } else { *x + e };
                }
            }
            quantiles(values, probabilities, scratch, to);
        })?;
        Ok(out)
    }

    /// The law's value at each point for every draw (points × draws).
    ///
    /// # Errors
    /// As [`DrawTable::band`].
    pub fn all(&self, points: &[Point], threads: usize, cancel: &Cancel) -> Result<Vec<f64>> {
        let mut out = vec![0.0; points.len() * self.m];
        self.each(points, threads, cancel, self.m, &mut out, |values, _, to| to.copy_from_slice(values))?;
        Ok(out)
    }

    /// Applies `use_values` to the values at each point; a point's output is its own.
    fn each<F>(
        &self,
        points: &[Point],
        threads: usize,
        cancel: &Cancel,
        width: usize,
        out: &mut [f64],
        use_values: F,
    ) -> Result<()>
    where
        F: Fn(&mut [f64], &mut Vec<f64>, &mut [f64]) + Sync,
    {
        let slots: Vec<Mutex<&mut [f64]>> = out.chunks_mut(width.max(1)).map(Mutex::new).collect();
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            let mut machine = Machine::new(self.kernels, BLOCK).with_schedules(self.schedules.clone());
            let (mut values, mut scratch) = (vec![0.0; self.padded], Vec::new());
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let Some(point) = points.get(i) else { return Ok(()) };
                cancel.check()?;
                self.values(point, &mut machine, &mut values)?;
                let mut to = slots[i].lock().expect("each point is taken once");
                use_values(&mut values[..self.m], &mut scratch, &mut to);
                cancel.advance(1);
            }
        };
        crate::pool::run(threads.min(points.len()), work)
    }
}
