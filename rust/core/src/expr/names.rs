//! The names of a formula: which are variables, parameters, levels, parts; found before a graph is built.

use std::collections::{BTreeMap, BTreeSet};

use super::law::{Domain, Parameter, Spec};
use super::lower::{function, functional};
use super::parse::{Ast, parse};
use crate::error::{Error, Result};

/// Longer formulas are refused (recursion follows the text).
const MAX_TEXT: usize = 10_000;
/// Named parts nested deeper than this are refused, for the same reason.
const MAX_NESTED: usize = 64;

/// Reads one formula or part.
fn read(text: &str) -> Result<Ast> {
    if text.len() > MAX_TEXT {
        return Err(Error::Law(format!("the formula has {} characters, at most {MAX_TEXT} are read", text.len())));
    }
    parse(text)
}

/// The names of a formula, found before the graph is built.
pub(super) struct Names {
    pub(super) tree: Ast,
    pub(super) tied: BTreeMap<String, Ast>,
    pub(super) parts: BTreeMap<String, Ast>,
    /// Tied parameters and parts that were visited, and whether under a logarithm.
    pub(super) visited: BTreeSet<(String, bool)>,
    pub(super) frozen: BTreeMap<String, f64>,
    pub(super) declared: Vec<String>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) variables: Vec<String>,
    pub(super) factors: Vec<String>,
    /// Declared schedule variables, and those in use.
    pub(super) declared_schedules: Vec<String>,
    pub(super) schedules: Vec<String>,
    /// Variables under a logarithm or in the base of a power: these must be positive.
    pub(super) logged: Vec<String>,
}

impl Names {
    pub(super) fn collect(spec: &Spec) -> Result<Self> {
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

    pub(super) fn check(&self, spec: &Spec) -> Result<()> {
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
    pub(super) fn named(&self, name: &str) -> Option<&Ast> {
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
