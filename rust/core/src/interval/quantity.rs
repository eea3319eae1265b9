//! Something read off a fit: a parameter, a formula over parameters, the law's value at one point.
//!
//! It is compiled like a law, with the parameters as its vectors: one tape serves one fit (with the
//! gradient) and a block of draws. Quantities that cannot be negative live on the log scale.

use crate::error::{Error, Result};
use crate::expr::{Bind, Columns, Domain, Id, Law, Layout, Machine, Node, Program, Spec, Symbol};
use crate::simd::{Kernels, LANES};

/// Draws that one run of the tape covers.
const BLOCK: usize = 256;

/// A compiled quantity.
#[derive(Debug, Clone)]
pub struct Quantity {
    program: Program,
    kernels: &'static Kernels,
    /// For each parameter of the formula its place among the expanded parameters of the fit.
    places: Vec<usize>,
    domains: Vec<Domain>,
    /// Whether it is worked with by its logarithm.
    pub log: bool,
    /// Whether the noise of a run belongs to it: what one more run would score.
    pub new_run: bool,
    /// The parameter that it is, where it is one.
    pub parameter: Option<usize>,
}

/// How a quantity is asked for.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The formula; variables of a law are given as frozen numbers.
    pub spec: Spec,
    /// Names of its parameters with their places among those of the fit.
    pub places: Vec<(String, usize)>,
    /// The scale to work on; none: by logarithm where it cannot be negative.
    pub log: Option<bool>,
    /// What one more run would score.
    pub new_run: bool,
    /// The parameter that it is, where it is one.
    pub parameter: Option<usize>,
}

impl Quantity {
    /// Compiles a quantity.
    ///
    /// # Errors
    /// What [`Law::new`] refuses; a name that is no parameter of the fit; variables that are left open.
    pub fn new(ask: &Ask, kernels: &'static Kernels) -> Result<Self> {
        let mut law = Law::new(&ask.spec)?;
        if let Some(name) = law.variables.first().or(law.factors.first()) {
            return Err(Error::Setting(format!("the quantity leaves {name} open, give it a value")));
        }
        let place = |name: &String| {
            let found = ask.places.iter().find(|p| p.0 == *name);
            found.map(|p| p.1).ok_or_else(|| Error::Setting(format!("'{name}' is no parameter of the fit")))
        };
        let places = law.parameters.iter().map(|p| place(&p.name)).collect::<Result<Vec<_>>>()?;
        let log = ask.log.unwrap_or_else(|| law.graph.is_positive(law.value));
        let root = if log { law.graph.ln(law.value) } else { law.value };
        let leaves: Vec<Id> = (0..law.parameters.len()).map(|p| law.leaf(p)).collect();
        let mut roots = vec![root];
        roots.extend(law.graph.derivatives(root, &leaves));
        let program = Program::new(&law.graph, &roots, |leaf| match *leaf {
            Node::Symbol(s) => match law.symbol(s) {
                Symbol::Parameter(p) => Bind::Row(p),
                Symbol::Variable(_) => unreachable!("no variable is left open"),
            },
            _ => unreachable!("only symbols are leaves without levels"),
        });
        let domains = law.parameters.iter().map(|p| p.domain).collect();
        Ok(Quantity { program, kernels, places, domains, log, new_run: ask.new_run, parameter: ask.parameter })
    }

    /// The value on its working scale at internal parameters, and its gradient by all of them.
    pub fn gradient(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let mut machine = Machine::new(self.kernels, LANES);
        let inputs: Vec<f64> = self.places.iter().flat_map(|&j| [theta[j]; LANES]).collect();
        let columns = Columns { data: Layout::Together(&inputs, LANES), start: 0, n: LANES };
        machine.run(&self.program.rows, columns, &[]);
        let mut lanes = [0.0; LANES];
        gradient.fill(0.0);
        for (k, &j) in self.places.iter().enumerate() {
            machine.copy(self.program.rows.outputs[1 + k], columns, &[], &mut lanes);
            // What depends on a parameter at zero does not depend on its logarithm.
            gradient[j] += if lanes[0].is_finite() { lanes[0] } else { 0.0 };
        }
        machine.copy(self.program.rows.outputs[0], columns, &[], &mut lanes);
        lanes[0]
    }

    /// The value on its working scale.
    pub fn value(&self, theta: &[f64]) -> f64 {
        self.gradient(theta, &mut vec![0.0; theta.len()])
    }

    /// The value on its working scale for each of many native draws (rows of `p` values).
    pub fn over(&self, draws: &[f64], p: usize) -> Vec<f64> {
        let m = draws.len() / p.max(1);
        let mut machine = Machine::new(self.kernels, BLOCK);
        let mut block = vec![0.0; self.places.len().max(1) * BLOCK];
        let mut out = vec![0.0; m.next_multiple_of(LANES)];
        for start in (0..m).step_by(BLOCK) {
            let count = BLOCK.min(m - start);
            let n = count.next_multiple_of(LANES);
            for (k, (&j, domain)) in self.places.iter().zip(&self.domains).enumerate() {
                for i in 0..n {
                    block[k * BLOCK + i] = domain.inward(draws[(start + i.min(count - 1)) * p + j]);
                }
            }
            let columns = Columns { data: Layout::Together(&block, BLOCK), start: 0, n };
            machine.run(&self.program.rows, columns, &[]);
            machine.copy(self.program.rows.outputs[0], columns, &[], &mut out[start..start + n]);
        }
        out.truncate(m);
        out
    }

    /// From the working scale to the native one.
    pub fn outward(&self, x: f64) -> f64 {
        if self.log { libm::exp(x) } else { x }
    }
}
