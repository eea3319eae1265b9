//! A law compiled against a table: what every fit and resample of it shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::expr::{Bind, Columns, Domain, Id, Input, Law, Layout, Machine, Node, Program, Scale, Spec, Symbol};
use crate::schedule::Schedules;
use crate::simd::{Kernels, LANES};
use crate::table::Table;

/// Rows that one run of the tape covers: its slots stay in the first-level cache.
pub(crate) const BLOCK: usize = 512;

/// How a law is to be read and where its search may begin.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Values at which parameters are frozen, one after the other, while seeds are sought.
    pub seed_at: BTreeMap<String, Vec<f64>>,
    /// Search boxes (native values) by parameter name.
    pub search_box: BTreeMap<String, (f64, f64)>,
}

/// A law, a table, and the tapes that tie them together.
#[derive(Debug, Clone)]
pub struct Problem {
    pub(crate) spec: Spec,
    pub(crate) law: Law,
    pub(crate) scale: Scale,
    pub(crate) start: Start,
    pub(crate) program: Program,
    pub(crate) kernels: &'static Kernels,
    /// The domain of each expanded parameter.
    pub(crate) domains: Vec<Domain>,
    /// Whether each expanded parameter enters by its value rather than by its logarithm.
    pub(crate) by_value: Vec<bool>,
    /// First expanded index and number of levels of each parameter of the law.
    pub(crate) spans: Vec<(usize, usize)>,
    /// Parameters with levels, in the order of the tape's row columns.
    pub(crate) gathers: Vec<usize>,
    /// Rows, and rows padded to whole lanes.
    pub(crate) n: usize,
    pub(crate) padded: usize,
    /// The tape's data columns, `padded` apart.
    pub(crate) data: Vec<f64>,
    /// Where scales that are compared with the data are looked for: around its own logarithms.
    pub(crate) data_range: (f64, f64),
    /// The response on the residual's scale, padded.
    pub(crate) y: Vec<f64>,
    /// Row weights, padded with zeros.
    pub(crate) w: Vec<f64>,
    /// Level codes of each factor, padded.
    pub(crate) codes: Vec<Vec<u32>>,
    /// The schedule variables of the law, in their order.
    pub(crate) schedules: Arc<[Schedules]>,
    pub(crate) table: Table,
}

impl Problem {
    /// Compiles a law against a table.
    ///
    /// # Errors
    /// What [`Law::new`] refuses; a missing column; rows where the law takes the logarithm of
    /// something not positive; a response that the log scale cannot hold.
    pub fn new(mut spec: Spec, scale: Scale, start: Start, table: Table, kernels: &'static Kernels) -> Result<Self> {
        spec.positive = table.positive_columns();
        let mut law = Law::new(&spec)?;
        let root = law.response(scale);
        let leaves: Vec<Id> = (0..law.parameters.len()).map(|p| law.leaf(p)).collect();
        let mut roots = vec![root];
        roots.extend(law.graph.derivatives(root, &leaves));
        let gathers: Vec<usize> = (0..law.parameters.len()).filter(|&p| law.parameters[p].factor.is_some()).collect();
        let program = Program::new(&law.graph, &roots, |leaf| bind_rows(&law, &gathers, leaf));
        let schedules = law.schedules.iter().map(|name| table.schedule(name).cloned()).collect::<Result<_>>()?;
        let mut problem = Problem {
            program,
            kernels,
            domains: vec![],
            by_value: vec![],
            spans: vec![],
            gathers,
            n: table.n,
            padded: table.n.next_multiple_of(LANES).max(LANES),
            data: vec![],
            data_range: (0.0, 1.0),
            y: vec![],
            w: vec![],
            codes: vec![],
            schedules,
            spec,
            law,
            scale,
            start,
            table,
        };
        problem.expand(root)?;
        problem.read_table()?;
        Ok(problem)
    }

    /// The number of expanded parameters (each level counts).
    pub fn p(&self) -> usize {
        self.domains.len()
    }

    /// The number of rows.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The same law and rows with another response, on the residual's scale.
    ///
    /// # Errors
    /// A response of the wrong length.
    pub fn with_response(&self, response: &[f64]) -> Result<Self> {
        check_length("the response", response.len(), self.n)?;
        let mut other = self.clone();
        other.y = self.pad(response, response.first().copied().unwrap_or(0.0));
        let native = |&y: &f64| if self.scale == Scale::Log { libm::exp(y) } else { y };
        other.table.response = response.iter().map(native).collect();
        Ok(other)
    }

    /// The response on the residual's scale.
    pub fn response(&self) -> &[f64] {
        &self.y[..self.n]
    }

    /// The residual's scale.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// Native values → internal values.
    pub fn inward(&self, native: &[f64]) -> Vec<f64> {
        self.domains.iter().zip(native).map(|(d, &x)| d.inward(x)).collect()
    }

    /// Internal values → native values.
    pub fn outward(&self, theta: &[f64]) -> Vec<f64> {
        self.domains.iter().zip(theta).map(|(d, &x)| d.outward(x)).collect()
    }

    /// The domain of each expanded parameter.
    pub fn domains(&self) -> &[Domain] {
        &self.domains
    }

    /// The rows, as they were given.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The vector operations in use.
    pub(crate) fn kernels(&self) -> &'static Kernels {
        self.kernels
    }

    /// The factor columns of the law.
    pub fn factor_names(&self) -> &[String] {
        &self.law.factors
    }

    /// Predicted values on the native scale, from residuals of all rows.
    pub fn native_fitted(&self, residuals: &[f64]) -> Vec<f64> {
        let mu = residuals.iter().zip(&self.y).map(|(r, y)| r + y);
        if self.scale == Scale::Log { mu.map(f64::exp).collect() } else { mu.collect() }
    }

    fn expand(&mut self, root: Id) -> Result<()> {
        for (p, parameter) in self.law.parameters.clone().iter().enumerate() {
            let levels = match parameter.factor {
                None => 1,
                Some(f) => self.factor(f)?.1,
            };
            self.spans.push((self.domains.len(), levels));
            self.domains.extend(std::iter::repeat_n(parameter.domain, levels));
            let by_value = parameter.domain == Domain::Positive && !self.law.enters_by_log(p, root);
            self.by_value.extend(std::iter::repeat_n(by_value, levels));
        }
        Ok(())
    }

    fn factor(&self, f: usize) -> Result<&(Vec<u32>, usize)> {
        let name = &self.law.factors[f];
        let factor = self.table.factors.get(name).ok_or_else(|| Error::MissingColumn(name.clone()))?;
        check_length(name, factor.0.len(), self.n)?;
        match factor.0.iter().find(|&&code| code as usize >= factor.1) {
            Some(code) => Err(Error::Setting(format!("level code {code} of '{name}' is not below {}", factor.1))),
            None => Ok(factor),
        }
    }

    fn read_table(&mut self) -> Result<()> {
        check_length("the response", self.table.response.len(), self.n)?;
        check_length("the weights", self.table.weights.len(), self.n)?;
        self.codes =
            (0..self.law.factors.len()).map(|f| Ok(self.pad_codes(&self.factor(f)?.0))).collect::<Result<_>>()?;
        self.data = self.data_columns()?;
        self.data_range = data_range(&self.data);
        self.w = self.pad(&self.table.weights, 0.0);
        let response = &self.table.response;
        self.y = match self.scale {
            Scale::Linear => self.pad(response, response.first().copied().unwrap_or(0.0)),
            Scale::Log => {
                let rows: Vec<usize> = (0..self.n).filter(|&i| !(response[i] > 0.0)).collect();
                if !rows.is_empty() {
                    return Err(Error::NotPositive { what: "the response".into(), rows });
                }
                let mut logs = vec![0.0; self.padded];
                (self.kernels.ln)(&self.pad(response, response.first().copied().unwrap_or(1.0)), &mut logs);
                logs
            }
        };
        Ok(())
    }

    /// The variables of the law, in order, padded.
    pub(crate) fn raw_columns(&self) -> Result<Vec<f64>> {
        let mut inputs = Vec::with_capacity(self.law.variables.len() * self.padded);
        for name in &self.law.variables {
            let column = self.table.columns.get(name).ok_or_else(|| Error::MissingColumn(name.clone()))?;
            check_length(name, column.len(), self.n)?;
            if let Some(at) = self.law.schedules.iter().position(|s| s == name) {
                self.schedules[at].check_numbers(name, column)?;
            }
            inputs.extend(self.pad(column, column.first().copied().unwrap_or(1.0)));
        }
        Ok(inputs)
    }

    /// Runs the data tape over the whole table.
    fn data_columns(&self) -> Result<Vec<f64>> {
        let inputs = self.raw_columns()?;
        let mut machine = Machine::new(self.kernels, self.padded).with_schedules(self.schedules.clone());
        let columns = Columns { data: Layout::Together(&inputs, self.padded), start: 0, n: self.padded };
        machine.run(&self.program.data, columns, &[]);
        let mut out = vec![0.0; self.padded];
        for &(id, place) in &self.program.checks {
            machine.copy(place, columns, &[], &mut out);
            let rows: Vec<usize> = (0..self.n).filter(|&i| !(out[i] > 0.0)).collect();
            if !rows.is_empty() {
                return Err(Error::NotPositive { what: self.law.describe(id), rows });
            }
        }
        let mut data = Vec::with_capacity(self.program.n_data * self.padded);
        for &place in &self.program.data.outputs {
            machine.copy(place, columns, &[], &mut out);
            data.extend_from_slice(&out);
        }
        Ok(data)
    }

    /// Padding repeats a real row, so that it is finite wherever the rows are.
    fn pad(&self, values: &[f64], filler: f64) -> Vec<f64> {
        let mut padded = values.to_vec();
        padded.resize(self.padded, filler);
        padded
    }

    fn pad_codes(&self, codes: &[u32]) -> Vec<u32> {
        let mut padded = codes.to_vec();
        padded.resize(self.padded, codes.first().copied().unwrap_or(0));
        padded
    }
}

/// Rows at one parameter vector: parameters are numbers, levels vary by row, variables are data.
pub(crate) fn bind_rows(law: &Law, gathers: &[usize], leaf: &Node) -> Bind {
    match *leaf {
        Node::Gather(p, _) => Bind::Row(gathers.iter().position(|&g| g == p).expect("levelled parameters are gathers")),
        Node::Symbol(s) => match law.symbol(s) {
            Symbol::Parameter(p) => Bind::Number(p),
            Symbol::Variable(v) => Bind::Data(v),
        },
        _ => unreachable!("only leaves are bound"),
    }
}

fn data_range(data: &[f64]) -> (f64, f64) {
    let finite = data.iter().filter(|x| x.is_finite());
    let (low, high) = finite.fold((0.0_f64, 1.0_f64), |(a, b), &x| (a.min(x), b.max(x)));
    ((low - 3.0).max(-20.0), (high + 10.0).min(60.0))
}

fn check_length(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::Shape { what: what.into(), found, expected }) }
}

/// The number that a run left at an output of a numbers tape.
pub(crate) fn number(machine: &Machine, place: Input, numbers: &[f64]) -> f64 {
    let mut out = [0.0; LANES];
    machine.copy(place, NO_COLUMNS, numbers, &mut out);
    out[0]
}

/// What a numbers tape runs over: nothing, one lane wide.
pub(crate) const NO_COLUMNS: Columns<'static> = Columns { data: Layout::Apart(&[]), start: 0, n: LANES };
