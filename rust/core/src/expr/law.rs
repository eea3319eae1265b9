//! Syntax tree → law: which names are variables, parameters, levels; domains; rewriting.
//!
//! Inside, every parameter is a real number: ln of a positive one, logit of one in (0, 1).
//! Outside, only native values and names are ever seen.

use std::collections::BTreeMap;

use super::graph::{Graph, Id, Node, Unary};
use super::names::Names;
use crate::error::Result;

/// Where a parameter may lie; the internal transform follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// (0, ∞), inside as ln.
    Positive,
    /// (0, 1), inside as logit.
    Unit,
    /// Any real number, inside as itself.
    Real,
}

impl Domain {
    /// Native value → internal value; 0 of a positive parameter is −∞.
    pub fn inward(self, x: f64) -> f64 {
        match self {
            Domain::Positive => libm::log(x),
            Domain::Unit => libm::log(x) - libm::log1p(-x),
            Domain::Real => x,
        }
    }

    /// Internal value → native value.
    pub fn outward(self, x: f64) -> f64 {
        match self {
            Domain::Positive => libm::exp(x),
            Domain::Unit => 1.0 / (1.0 + libm::exp(-x)),
            Domain::Real => x,
        }
    }

    /// d native / d internal, at a native value.
    pub fn slope(self, x: f64) -> f64 {
        match self {
            Domain::Positive => x,
            Domain::Unit => x * (1.0 - x),
            Domain::Real => 1.0,
        }
    }
}

/// The scale on which residuals are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Residual = ln prediction − ln observation.
    Log,
    /// Residual = prediction − observation.
    Linear,
}

/// A parameter, or one parameter per level of a factor.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The name in the formula.
    pub name: String,
    /// Its domain.
    pub domain: Domain,
    /// The index of the factor whose levels it has.
    pub factor: Option<usize>,
}

/// What a symbol number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbol {
    /// Parameter number.
    Parameter(usize),
    /// Variable number.
    Variable(usize),
}

/// How to read a formula.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    /// The formula.
    pub formula: String,
    /// Names that are variables; all others are parameters.
    pub variables: Vec<String>,
    /// Parameters of any sign.
    pub real: Vec<String>,
    /// Parameters between 0 and 1.
    pub unit: Vec<String>,
    /// Parameters that are formulas of the others.
    pub tied: BTreeMap<String, String>,
    /// Named parts: formulas over variables, parameters and other parts, put in where they are named.
    pub parts: BTreeMap<String, String>,
    /// Parameters held at a native value, as constants (used while looking for seeds).
    pub frozen: BTreeMap<String, f64>,
    /// Variables whose values are whole learning-rate schedules.
    pub schedules: Vec<String>,
    /// Variables that are positive in every row at hand, whether or not the formula asks for it: sums of
    /// positive terms are then kept on the log scale.
    pub positive: Vec<String>,
}

/// A formula read and rewritten.
#[derive(Debug, Clone)]
pub struct Law {
    /// All nodes.
    pub graph: Graph,
    /// The node of the predicted value.
    pub value: Id,
    /// The parameters, in order of first appearance.
    pub parameters: Vec<Parameter>,
    /// The variables that the formula uses.
    pub variables: Vec<String>,
    /// Of which variables a logarithm or a power is taken: these must be positive.
    pub logged: Vec<bool>,
    /// The factor columns that the formula uses.
    pub factors: Vec<String>,
    /// The schedule variables that the formula uses, in the order of their numbers in the graph.
    pub schedules: Vec<String>,
}

impl Law {
    /// Reads and rewrites a formula.
    ///
    /// # Errors
    /// [`Error::Formula`] with a position, or [`Error::Law`].
    pub fn new(spec: &Spec) -> Result<Self> {
        let mut names = Names::collect(spec)?;
        names.check(spec)?;
        let (p, v) = (names.parameters.len(), names.variables.len());
        let data = (0..p + v).map(|s| s >= p).collect();
        let mut positive = vec![false; p];
        positive.extend(names.variables.iter().map(|name| names.logged.contains(name) || spec.positive.contains(name)));
        let mut graph = Graph::new(data, positive);
        let value = names.build(&names.tree, &mut graph, &mut BTreeMap::new())?;
        let logged = names.variables.iter().map(|name| names.logged.contains(name)).collect();
        Ok(Law {
            graph,
            value,
            parameters: std::mem::take(&mut names.parameters),
            variables: names.variables,
            logged,
            factors: names.factors,
            schedules: names.schedules,
        })
    }

    /// The parameters that the formula names but whose value changes nothing, as in `0 * q`.
    pub fn unused(&self) -> Vec<&str> {
        let reached = self.graph.reached(&[self.value]);
        let is_leaf = |id: Id, p: usize| match self.graph.node(id) {
            Node::Symbol(symbol) | Node::Gather(symbol, _) => *symbol == p,
            _ => false,
        };
        let used = |p: usize| (0..reached.len()).any(|id| reached[id] && is_leaf(id, p));
        (0..self.parameters.len()).filter(|&p| !used(p)).map(|p| self.parameters[p].name.as_str()).collect()
    }

    /// The node that residuals are taken from.
    pub fn response(&mut self, scale: Scale) -> Id {
        match scale {
            Scale::Log => self.graph.ln(self.value),
            Scale::Linear => self.value,
        }
    }

    /// The leaf node of each parameter; none where rewriting removed it.
    pub fn leaf(&mut self, parameter: usize) -> Id {
        match self.parameters[parameter].factor {
            Some(factor) => self.graph.gather(parameter, factor),
            None => self.graph.symbol(parameter),
        }
    }

    /// Whether a positive parameter enters `root` by its logarithm, as the amplitude of a term
    /// that has other factors: something besides an exponential or a sum reads its internal value.
    pub fn enters_by_log(&mut self, parameter: usize, root: Id) -> bool {
        let leaf = self.leaf(parameter);
        let reached = self.graph.reached(&[root]);
        let plain = |node: &Node| matches!(node, Node::Unary(Unary::Exp, _) | Node::Lse(_));
        (0..reached.len())
            .any(|id| reached[id] && !plain(self.graph.node(id)) && self.graph.children(id).contains(&leaf))
    }

    /// What a symbol of the graph stands for.
    pub fn symbol(&self, symbol: usize) -> Symbol {
        match symbol.checked_sub(self.parameters.len()) {
            Some(variable) => Symbol::Variable(variable),
            None => Symbol::Parameter(symbol),
        }
    }

    /// A data-only node as text, for messages.
    pub fn describe(&self, id: Id) -> String {
        let g = &self.graph;
        match g.node(id) {
            Node::Const(bits) => format!("{}", f64::from_bits(*bits)),
            Node::Symbol(s) | Node::Gather(s, _) => match self.symbol(*s) {
                Symbol::Parameter(p) => self.parameters[p].name.clone(),
                Symbol::Variable(v) => self.variables[v].clone(),
            },
            Node::Add(a, b) => format!("{} + {}", self.describe(*a), self.describe(*b)),
            Node::Sub(a, b) => format!("{} - {}", self.describe(*a), self.describe(*b)),
            Node::Mul(a, b) => format!("{} * {}", self.describe(*a), self.describe(*b)),
            Node::Div(a, b) => format!("{} / {}", self.describe(*a), self.describe(*b)),
            Node::Scan(which, schedule, ..) => format!("{which:?}({})", self.describe(*schedule)).to_lowercase(),
            Node::Unary(f, a) => format!("{f:?}({})", self.describe(*a)).to_lowercase(),
            _ => "an expression of the data".into(),
        }
    }
}
