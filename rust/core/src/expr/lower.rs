//! Syntax tree → nodes of the graph, by the names found before.

use std::collections::BTreeMap;

use super::graph::{Graph, Id, Node, Unary};
use super::law::Domain;
use super::names::Names;
use super::parse::Ast;
use crate::error::{Error, Result};
use crate::schedule::Functional;

/// Nodes of named parts.
type Built = BTreeMap<String, Id>;

impl Names {
    /// The node of a tree; `built` holds the nodes of named parts, so that each is built once.
    pub(super) fn build(&self, tree: &Ast, g: &mut Graph, built: &mut Built) -> Result<Id> {
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
pub(super) enum Function {
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

pub(super) fn function(name: &str) -> Option<(Function, usize)> {
    FUNCTIONS.iter().find(|f| f.0 == name).map(|f| (f.1, f.2))
}

pub(super) fn functional(name: &str) -> Option<Functional> {
    match function(name) {
        Some((Function::Scan(which), _)) => Some(which),
        _ => None,
    }
}
