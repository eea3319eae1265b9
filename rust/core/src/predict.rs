//! A law at one parameter vector, over millions of points: block by block, read where they lie.

use std::sync::Arc;

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::expr::{Bind, Columns, Law, Layout, Machine, Node, Program, Spec, Symbol};
use crate::schedule::Schedules;
use crate::simd::{Kernels, LANES};

/// Points that one run of the tape covers.
const BLOCK: usize = 256;

/// A law compiled for prediction.
#[derive(Debug, Clone)]
pub struct Predictor {
    law: Law,
    program: Program,
    gathers: Vec<usize>,
    kernels: &'static Kernels,
    schedules: Arc<[Schedules]>,
}

/// Points: variables by the order of the law, and level codes by the order of its factors.
#[derive(Debug, Clone, Copy)]
pub struct Points<'a> {
    /// One slice for each variable.
    pub columns: &'a [&'a [f64]],
    /// One slice for each factor.
    pub codes: &'a [&'a [u32]],
}

impl Predictor {
    /// Compiles a law.
    ///
    /// # Errors
    /// What [`Law::new`] refuses.
    pub fn new(spec: &Spec, kernels: &'static Kernels) -> Result<Self> {
        let law = Law::new(spec)?;
        let roots = [law.value];
        Ok(Self::of(law, &roots, kernels))
    }

    /// Compiles a law and its derivatives by its parameters.
    ///
    /// # Errors
    /// What [`Law::new`] refuses.
    pub fn with_derivatives(spec: &Spec, kernels: &'static Kernels) -> Result<Self> {
        let mut law = Law::new(spec)?;
        let leaves: Vec<usize> = (0..law.parameters.len()).map(|p| law.leaf(p)).collect();
        let mut roots = vec![law.value];
        roots.extend(law.graph.derivatives(law.value, &leaves));
        Ok(Self::of(law, &roots, kernels))
    }

    fn of(law: Law, roots: &[usize], kernels: &'static Kernels) -> Self {
        let gathers: Vec<usize> = (0..law.parameters.len()).filter(|&p| law.parameters[p].factor.is_some()).collect();
        let n = gathers.len();
        let program = Program::new(&law.graph, roots, |leaf| match *leaf {
            Node::Gather(p, _) => {
                Bind::Row(gathers.iter().position(|&g| g == p).expect("levelled parameters are gathers"))
            }
            Node::Symbol(s) => match law.symbol(s) {
                Symbol::Parameter(p) => Bind::Number(p),
                Symbol::Variable(v) => Bind::Row(n + v),
            },
            _ => unreachable!("only leaves are bound"),
        });
        Predictor { law, program, gathers, kernels, schedules: Arc::new([]) }
    }

    /// The same with schedules at hand, one set for each schedule variable of the law.
    pub fn with_schedules(mut self, schedules: Arc<[Schedules]>) -> Self {
        self.schedules = schedules;
        self
    }

    /// The law.
    pub fn law(&self) -> &Law {
        &self.law
    }

    /// Writes the law's value at each point; `native` holds, for each parameter of the law, its
    /// levels in order (one value without levels).
    ///
    /// # Errors
    /// Wrong lengths; points where a logarithm is taken of something not positive; cancelled.
    pub fn predict(&self, native: &[Vec<f64>], points: Points<'_>, out: &mut [f64], cancel: &Cancel) -> Result<()> {
        self.check(native, points, out.len())?;
        self.run(&self.inward(native), points, &mut [out], cancel)
    }

    /// The derivative of the law's value by each parameter at each point, by native values; by a
    /// levelled parameter it is the one by the level that the point has.
    ///
    /// # Errors
    /// As [`Predictor::predict`]; a predictor without derivatives.
    pub fn jacobian(
        &self,
        native: &[Vec<f64>],
        points: Points<'_>,
        n: usize,
        cancel: &Cancel,
    ) -> Result<Vec<Vec<f64>>> {
        if self.program.rows.outputs.len() != 1 + self.law.parameters.len() {
            return Err(Error::Setting("this predictor was made without derivatives".into()));
        }
        self.check(native, points, n)?;
        let mut out = vec![vec![0.0; n]; 1 + self.law.parameters.len()];
        let mut slices: Vec<&mut [f64]> = out.iter_mut().map(Vec::as_mut_slice).collect();
        self.run(&self.inward(native), points, &mut slices, cancel)?;
        out.remove(0);
        for ((by, parameter), values) in out.iter_mut().zip(&self.law.parameters).zip(native) {
            for (i, d) in by.iter_mut().enumerate() {
                let level = parameter.factor.map_or(0, |f| points.codes[f][i] as usize);
                *d /= parameter.domain.slope(values[level]);
            }
        }
        Ok(out)
    }

    fn inward(&self, native: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let parameters = self.law.parameters.iter().zip(native);
        parameters.map(|(p, x)| x.iter().map(|&x| p.domain.inward(x)).collect()).collect()
    }

    /// Runs the tape block by block and copies the first outputs of the program, one for each of `outs`.
    fn run(&self, inner: &[Vec<f64>], points: Points<'_>, outs: &mut [&mut [f64]], cancel: &Cancel) -> Result<()> {
        let numbers = self.numbers(inner);
        let mut machine = Machine::new(self.kernels, BLOCK).with_schedules(self.schedules.clone());
        machine.reserve(&self.program.rows);
        let width = self.gathers.len() + points.columns.len();
        let mut block = vec![1.0; width.max(1) * BLOCK];
        let mut padded = vec![0.0; BLOCK];
        let size = outs.first().map_or(0, |out| out.len());
        for start in (0..size).step_by(BLOCK) {
            cancel.check()?;
            let count = BLOCK.min(size - start);
            let n = count.next_multiple_of(LANES);
            let borrow = n == count && self.gathers.is_empty();
            if !borrow {
                self.fill(inner, points, start, count, &mut block);
            }
            let columns = if borrow {
                Columns { data: Layout::Apart(points.columns), start, n }
            } else {
                Columns { data: Layout::Together(&block, BLOCK), start: 0, n }
            };
            machine.run(&self.program.rows, columns, &numbers);
            for (out, &output) in outs.iter_mut().zip(&self.program.rows.outputs) {
                let to = &mut out[start..start + count];
                let last = if n == count { &mut *to } else { &mut padded[..n] };
                machine.copy(output, columns, &numbers, last);
                let finite = (self.kernels.sum)(last).is_finite();
                if n > count {
                    to.copy_from_slice(&padded[..count]);
                }
                if !finite {
                    self.check_positive(points)?;
                }
            }
        }
        Ok(())
    }

    fn numbers(&self, inner: &[Vec<f64>]) -> Vec<f64> {
        let heads: Vec<f64> = inner.iter().map(|x| x.first().copied().unwrap_or(0.0)).collect();
        run_numbers(&self.program, self.kernels, &self.schedules, &heads)
    }

    /// Copies one block of points next to each other, padded with its last point: where levels are
    /// looked up, and at the end.
    fn fill(&self, inner: &[Vec<f64>], points: Points<'_>, start: usize, count: usize, block: &mut [f64]) {
        let n = count.next_multiple_of(LANES);
        for (g, &p) in self.gathers.iter().enumerate() {
            let factor = self.law.parameters[p].factor.expect("gathers have factors");
            for (i, x) in block[g * BLOCK..][..n].iter_mut().enumerate() {
                *x = inner[p][points.codes[factor][start + i.min(count - 1)] as usize];
            }
        }
        for (v, column) in points.columns.iter().enumerate() {
            let to = &mut block[(self.gathers.len() + v) * BLOCK..][..n];
            to[..count].copy_from_slice(&column[start..start + count]);
            let last = to[count - 1];
            to[count..].fill(last);
        }
    }

    /// Looks for points where the law takes the logarithm of something not positive: only where a
    /// value came out infinite or not a number.
    fn check_positive(&self, points: Points<'_>) -> Result<()> {
        for (v, column) in points.columns.iter().enumerate().filter(|(v, _)| self.law.logged[*v]) {
            let rows: Vec<usize> = (0..column.len()).filter(|&i| !(column[i] > 0.0)).collect();
            if !rows.is_empty() {
                return Err(Error::NotPositive { what: self.law.variables[v].clone(), rows });
            }
        }
        Ok(())
    }

    fn check(&self, native: &[Vec<f64>], points: Points<'_>, n: usize) -> Result<()> {
        let shape = |what: &str, found, expected| {
            if found == expected { Ok(()) } else { Err(Error::Shape { what: what.into(), found, expected }) }
        };
        shape("the parameters", native.len(), self.law.parameters.len())?;
        shape("the variables", points.columns.len(), self.law.variables.len())?;
        shape("the schedules", self.schedules.len(), self.law.schedules.len())?;
        shape("the factors", points.codes.len(), self.law.factors.len())?;
        points.columns.iter().zip(&self.law.variables).try_for_each(|(c, name)| shape(name, c.len(), n))?;
        points.codes.iter().zip(&self.law.factors).try_for_each(|(c, name)| shape(name, c.len(), n))?;
        for (name, schedules) in self.law.schedules.iter().zip(self.schedules.iter()) {
            let at = self.law.variables.iter().position(|v| v == name).expect("schedules are variables");
            schedules.check_numbers(name, points.columns[at])?;
        }
        for &p in &self.gathers {
            let factor = self.law.parameters[p].factor.expect("gathers have factors");
            if points.codes[factor].iter().any(|&c| c as usize >= native[p].len()) {
                return Err(Error::Setting(format!(
                    "a level code of '{}' is not below {}",
                    self.law.factors[factor],
                    native[p].len()
                )));
            }
        }
        Ok(())
    }
}

/// Runs the numbers tape of a program; returns the numbers of its row tape.
pub(crate) fn run_numbers(
    program: &Program,
    kernels: &'static Kernels,
    schedules: &Arc<[Schedules]>,
    heads: &[f64],
) -> Vec<f64> {
    let mut machine = Machine::new(kernels, LANES).with_schedules(schedules.clone());
    let columns = Columns { data: Layout::Apart(&[]), start: 0, n: LANES };
    machine.run(&program.numbers, columns, heads);
    let mut lanes = [0.0; LANES];
    let read = |&place: &_| {
        machine.copy(place, columns, heads, &mut lanes);
        lanes[0]
    };
    program.numbers.outputs.iter().map(read).collect()
}
