//! Syntax tree → law: which names are variables, parameters, levels; domains; rewriting.
//!
//! Inside, every parameter is a real number: ln of a positive one, logit of one in (0, 1).
//! Outside, only native values and names are ever seen.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Id, Node, Unary};
use super::parse::{Ast, parse};
use crate::error::{Error, Result};
use crate::schedule::Functional;

/// Longer formulas are refused (recursion follows the text).
const MAX_TEXT: usize = 10_000;
/// Named parts nested deeper than this are refused, for the same reason.
const MAX_NESTED: usize = 64;

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

/// Nodes of named parts.
type Built = BTreeMap<String, Id>;

/// Reads one formula or part.
fn read(text: &str) -> Result<Ast> {
    if text.len() > MAX_TEXT {
        return Err(Error::Law(format!("the formula has {} characters, at most {MAX_TEXT} are read", text.len())));
    }
    parse(text)
}

/// The names of a formula, found before the graph is built.
struct Names {
    tree: Ast,
    tied: BTreeMap<String, Ast>,
    parts: BTreeMap<String, Ast>,
    /// Tied parameters and parts that were visited, and whether under a logarithm.
    visited: BTreeSet<(String, bool)>,
    frozen: BTreeMap<String, f64>,
    declared: Vec<String>,
    parameters: Vec<Parameter>,
    variables: Vec<String>,
    factors: Vec<String>,
    /// Declared schedule variables, and those in use.
    declared_schedules: Vec<String>,
    schedules: Vec<String>,
    /// Variables under a logarithm or in the base of a power: these must be positive.
    logged: Vec<String>,
}

impl Names {
    fn collect(spec: &Spec) -> Result<Self> {
        let named = |texts: &BTreeMap<String, String>| {
            texts.iter().map(|(name, text)| Ok((name.clone(), read(text)?))).collect::<Result<BTreeMap<_, _>>>()
        };
        let mut names = Names {
            tree: read(&spec.formula)?,
            tied: named(&spec.tied)?,
            parts: named(&spec.parts)?,
            visited: BTreeSet::new(),
            frozen: spec.frozen.clone(),
            declared: spec.variables.iter().chain(&spec.schedules).cloned().collect(),
            parameters: vec![],
            variables: vec![],
            factors: vec![],
            declared_schedules: spec.schedules.clone(),
            schedules: vec![],
            logged: vec![],
        };
        names.visit(&names.tree.clone(), false, &mut vec![])?;
        for parameter in &mut names.parameters {
            if spec.real.contains(&parameter.name) {
                parameter.domain = Domain::Real;
            } else if spec.unit.contains(&parameter.name) {
                parameter.domain = Domain::Unit;
            }
        }
        Ok(names)
    }

    fn check(&self, spec: &Spec) -> Result<()> {
        let known = |name: &String| {
            self.parameters.iter().any(|p| p.name == *name)
                || self.frozen.contains_key(name)
                || self.tied.contains_key(name)
        };
        for (list, what) in [(&spec.real, "real"), (&spec.unit, "unit")] {
            if let Some(name) = list.iter().find(|name| !known(name)) {
                return Err(Error::Law(format!("'{name}' is listed in {what}= but is not a parameter of the formula")));
            }
        }
        if let Some(name) = spec.real.iter().find(|name| spec.unit.contains(name)) {
            return Err(Error::Law(format!("'{name}' is listed in both real= and unit=")));
        }
        Ok(())
    }

    fn visit(&mut self, tree: &Ast, logged: bool, stack: &mut Vec<String>) -> Result<()> {
        match tree {
            Ast::Number(_) => Ok(()),
            Ast::Neg(a) => self.visit(a, false, stack),
            Ast::Name(name, at) => self.visit_name(name, None, *at, logged, stack),
            Ast::Level(name, factor, at) => self.visit_name(name, Some(factor), *at, false, stack),
            Ast::Binary(op, a, b) => {
                let power = *op == '^' && !is_integer(b);
                let keeps = matches!(op, '*' | '/') && logged;
                self.visit(a, power || keeps, stack)?;
                self.visit(b, keeps, stack)
            }
            Ast::Call(name, arguments, at) if functional(name).is_some() => {
                self.visit_scan(name, arguments, *at, stack)
            }
            Ast::Call(name, arguments, _) => {
                let log = matches!(name.as_str(), "log" | "log10");
                let keeps = logged && matches!(name.as_str(), "sqrt" | "min");
                arguments.iter().try_for_each(|a| self.visit(a, log || keeps, stack))
            }
        }
    }

    /// The first argument of a functional is the bare name of a schedule; schedules stand nowhere else.
    fn visit_scan(&mut self, name: &str, arguments: &[Ast], at: usize, stack: &mut Vec<String>) -> Result<()> {
        match &arguments[0] {
            Ast::Name(schedule, _) if self.declared_schedules.contains(schedule) => {
                push_new(&mut self.variables, schedule);
                push_new(&mut self.schedules, schedule);
            }
            _ => {
                let message = format!("the first argument of '{name}' is the name of a schedule variable");
                return Err(Error::Formula { message, position: at });
            }
        }
        arguments[1..].iter().try_for_each(|a| self.visit(a, false, stack))
    }

    fn visit_name(
        &mut self,
        name: &str,
        factor: Option<&str>,
        at: usize,
        logged: bool,
        stack: &mut Vec<String>,
    ) -> Result<()> {
        if name == "pi" || self.frozen.contains_key(name) {
            return Ok(());
        }
        if function(name).is_some() {
            return Err(Error::Formula { message: format!("'{name}' is a function, write {name}(...)"), position: at });
        }
        if self.declared_schedules.iter().any(|v| v == name) {
            return Err(Error::Formula {
                message: format!(
                    "'{name}' is a schedule, write lr_sum({name}), anneal({name}, ...) or multi_power({name}, ...)"
                ),
                position: at,
            });
        }
        if self.declared.iter().any(|v| v == name) {
            if factor.is_some() {
                return Err(Error::Formula {
                    message: format!("'{name}' is a variable, only parameters have levels"),
                    position: at,
                });
            }
            push_new(&mut self.variables, name);
            if logged {
                push_new(&mut self.logged, name);
            }
            return Ok(());
        }
        if let Some(tree) = self.named(name).cloned() {
            return self.visit_named(name, &tree, logged, stack);
        }
        self.add_parameter(name, factor, at)
    }

    /// What a name stands for that is neither variable nor free parameter.
    fn named(&self, name: &str) -> Option<&Ast> {
        self.tied.get(name).or_else(|| self.parts.get(name))
    }

    /// Visits what a name stands for, once: shared parts are walked as a graph, not as a tree.
    fn visit_named(&mut self, name: &str, tree: &Ast, logged: bool, stack: &mut Vec<String>) -> Result<()> {
        if stack.iter().any(|s| s == name) {
            let word = if self.tied.contains_key(name) { "tied to" } else { "defined by" };
            return Err(Error::Law(format!("'{name}' is {word} itself")));
        }
        if stack.len() >= MAX_NESTED {
            return Err(Error::Law(format!("more than {MAX_NESTED} named parts inside each other, at '{name}'")));
        }
        if !self.visited.insert((name.into(), logged)) {
            return Ok(());
        }
        stack.push(name.into());
        self.visit(tree, logged, stack)?;
        stack.pop();
        Ok(())
    }

    fn add_parameter(&mut self, name: &str, factor: Option<&str>, at: usize) -> Result<()> {
        let factor = factor.map(|f| push_new(&mut self.factors, f));
        match self.parameters.iter().find(|p| p.name == name) {
            Some(known) if known.factor != factor => Err(Error::Formula {
                message: format!("'{name}' stands in the formula both with and without these levels"),
                position: at,
            }),
            Some(_) => Ok(()),
            None => {
                self.parameters.push(Parameter { name: name.into(), domain: Domain::Positive, factor });
                Ok(())
            }
        }
    }

    /// The node of a tree; `built` holds the nodes of named parts, so that each is built once.
    fn build(&self, tree: &Ast, g: &mut Graph, built: &mut Built) -> Result<Id> {
        Ok(match tree {
            Ast::Number(x) => g.constant(*x),
            Ast::Neg(a) => {
                let a = self.build(a, g, built)?;
                g.neg(a)
            }
            Ast::Name(name, _) | Ast::Level(name, _, _) => self.build_name(name, g, built)?,
            Ast::Binary(op, a, b) => {
                let (a, b) = (self.build(a, g, built)?, self.build(b, g, built)?);
                match op {
                    '+' => g.add(a, b),
                    '-' => g.sub(a, b),
                    '*' => g.mul(a, b),
                    '/' => g.div(a, b),
                    _ => g.pow(a, b),
                }
            }
            Ast::Call(name, arguments, at) => self.build_call(name, arguments, *at, g, built)?,
        })
    }

    fn build_name(&self, name: &str, g: &mut Graph, built: &mut Built) -> Result<Id> {
        if name == "pi" {
            return Ok(g.constant(std::f64::consts::PI));
        }
        if let Some(&value) = self.frozen.get(name) {
            return Ok(g.constant(value));
        }
        if let Some(v) = self.variables.iter().position(|x| x == name) {
            return Ok(g.symbol(self.parameters.len() + v));
        }
        if let Some(&id) = built.get(name) {
            return Ok(id);
        }
        if let Some(tree) = self.named(name) {
            let id = self.build(tree, g, built)?;
            built.insert(name.into(), id);
            return Ok(id);
        }
        let p = self.parameters.iter().position(|p| p.name == name).expect("every name was visited");
        let leaf = match self.parameters[p].factor {
            Some(factor) => g.gather(p, factor),
            None => g.symbol(p),
        };
        Ok(match self.parameters[p].domain {
            Domain::Positive => g.exp(leaf),
            Domain::Unit => g.unary(Unary::Logistic, leaf),
            Domain::Real => leaf,
        })
    }

    fn build_call(&self, name: &str, arguments: &[Ast], at: usize, g: &mut Graph, built: &mut Built) -> Result<Id> {
        let Some((f, count)) = function(name) else {
            return Err(Error::Formula { message: format!("unknown function '{name}'"), position: at });
        };
        if arguments.len() < count
            || (arguments.len() > count && !matches!(f, Function::Lse | Function::Min | Function::Max))
        {
            return Err(Error::Formula {
                message: format!("'{name}' takes {count} argument(s), {} given", arguments.len()),
                position: at,
            });
        }
        if let Function::Scan(which) = f {
            return self.build_scan(which, arguments, g, built);
        }
        let values = arguments.iter().map(|a| self.build(a, g, built)).collect::<Result<Vec<_>>>()?;
        Ok(match f {
            Function::Exp => g.exp(values[0]),
            Function::Log => g.ln(values[0]),
            Function::Log10 => {
                let (log, scale) = (g.ln(values[0]), g.constant(std::f64::consts::LOG10_E));
                g.mul(log, scale)
            }
            Function::Plain(f) => g.unary(f, values[0]),
            Function::Min => values[1..].iter().fold(values[0], |a, &b| g.extreme(Node::Min, a, b)),
            Function::Max => values[1..].iter().fold(values[0], |a, &b| g.extreme(Node::Max, a, b)),
            Function::Lse => g.lse(&values),
            Function::M4 => g.implicit_m4(values[0], values[1], values[2], values[3]),
            Function::Scan(_) => unreachable!("built above"),
        })
    }

    fn build_scan(&self, which: Functional, arguments: &[Ast], g: &mut Graph, built: &mut Built) -> Result<Id> {
        let Ast::Name(name, _) = &arguments[0] else { unreachable!("every call was visited") };
        let place = |list: &[String]| list.iter().position(|x| x == name).expect("every name was visited");
        let schedule = g.symbol(self.parameters.len() + place(&self.variables));
        let values = arguments[1..].iter().map(|a| self.build(a, g, built)).collect::<Result<Vec<_>>>()?;
        Ok(g.intern(Node::Scan(which, schedule, place(&self.schedules), values.into())))
    }
}

#[derive(Debug, Clone, Copy)]
enum Function {
    Exp,
    Log,
    Log10,
    Plain(Unary),
    Min,
    Max,
    Lse,
    M4,
    Scan(Functional),
}

/// Every function of a formula, with its number of arguments (at least).
const FUNCTIONS: [(&str, Function, usize); 19] = [
    ("exp", Function::Exp, 1),
    ("log", Function::Log, 1),
    ("log10", Function::Log10, 1),
    ("log1p", Function::Plain(Unary::Log1p), 1),
    ("expm1", Function::Plain(Unary::Expm1), 1),
    ("sqrt", Function::Plain(Unary::Sqrt), 1),
    ("abs", Function::Plain(Unary::Abs), 1),
    ("min", Function::Min, 2),
    ("max", Function::Max, 2),
    ("sin", Function::Plain(Unary::Sin), 1),
    ("cos", Function::Plain(Unary::Cos), 1),
    ("atan", Function::Plain(Unary::Atan), 1),
    ("logistic", Function::Plain(Unary::Logistic), 1),
    ("softplus", Function::Plain(Unary::Softplus), 1),
    ("logsumexp", Function::Lse, 1),
    ("implicit_m4", Function::M4, 4),
    ("lr_sum", Function::Scan(Functional::Sum), 1),
    ("anneal", Function::Scan(Functional::Anneal), 2),
    ("multi_power", Function::Scan(Functional::MultiPower), 4),
];

fn function(name: &str) -> Option<(Function, usize)> {
    FUNCTIONS.iter().find(|f| f.0 == name).map(|f| (f.1, f.2))
}

fn functional(name: &str) -> Option<Functional> {
    match function(name) {
        Some((Function::Scan(which), _)) => Some(which),
        _ => None,
    }
}

fn push_new(list: &mut Vec<String>, name: &str) -> usize {
    list.iter().position(|x| x == name).unwrap_or_else(|| {
        list.push(name.into());
        list.len() - 1
    })
}

fn is_integer(tree: &Ast) -> bool {
    match tree {
        Ast::Number(x) => x.fract() == 0.0 && x.abs() <= 16.0,
        Ast::Neg(a) => is_integer(a),
        _ => false,
    }
}
