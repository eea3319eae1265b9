//! Derivatives, as more nodes of the same graph, so that shared parts stay shared.

use std::collections::HashMap;

use super::graph::{Graph, Id, Node, Unary};

impl Graph {
    /// The derivative of `root` by each leaf (a symbol or gather node).
    pub fn derivatives(&mut self, root: Id, leaves: &[Id]) -> Vec<Id> {
        leaves.iter().map(|&leaf| self.derivative(root, leaf, &mut HashMap::new())).collect()
    }

    fn derivative(&mut self, id: Id, leaf: Id, memo: &mut HashMap<Id, Id>) -> Id {
        if id == leaf {
            return self.constant(1.0);
        }
        if let Some(&known) = memo.get(&id) {
            return known;
        }
        let found = self.rule(id, leaf, memo);
        memo.insert(id, found);
        found
    }

    fn rule(&mut self, id: Id, leaf: Id, memo: &mut HashMap<Id, Id>) -> Id {
        let node = self.node(id).clone();
        let by: Vec<Id> = self.children(id).into_iter().map(|c| self.derivative(c, leaf, memo)).collect();
        if by.iter().all(|&d| self.value(d) == Some(0.0)) {
            return self.constant(0.0);
        }
        match node {
            Node::Const(_) | Node::Symbol(_) | Node::Gather(..) | Node::Below(..) => self.constant(0.0),
            Node::Add(..) => self.add(by[0], by[1]),
            Node::Sub(..) => self.sub(by[0], by[1]),
            Node::Mul(a, b) => {
                let (left, right) = (self.mul(by[0], b), self.mul(a, by[1]));
                self.add(left, right)
            }
            Node::Div(_, b) => {
                let drop = self.mul(id, by[1]);
                let top = self.sub(by[0], drop);
                self.div(top, b)
            }
            Node::Pow(a, b) => self.power_rule(id, a, b, &by),
            Node::Min(a, b) => self.lower(a, b, by[0], by[1]),
            Node::Max(a, b) => self.lower(b, a, by[0], by[1]),
            Node::Gate(m, _) => self.gated(m, by[1], true),
            Node::Unless(m, _) => self.gated(m, by[1], false),
            Node::Lse(_) => self.lse_rule(id, &by),
            Node::Weight(lse, k) => {
                let Node::Lse(terms) = self.node(lse).clone() else { unreachable!("weights belong to log-sum-exps") };
                let term = self.derivative(terms[k], leaf, memo);
                let gap = self.sub(term, by[0]);
                self.mul(id, gap)
            }
            Node::Root(a, _) => self.root_rule(id, a, &by),
            Node::Scan(_, _, _, arguments) => self.scan_rule(id, arguments.len(), &by),
            // Of schedules there are first derivatives only; a second one must not pass for zero.
            Node::Part(..) => self.constant(f64::NAN),
            Node::Unary(f, a) => {
                let slope = self.slope(f, id, a);
                self.mul(slope, by[0])
            }
        }
    }

    /// d min(a, b): the derivative of whichever is below.
    fn lower(&mut self, a: Id, b: Id, da: Id, db: Id) -> Id {
        let below = self.extreme(Node::Below, a, b);
        self.choose(below, da, db)
    }

    fn gated(&mut self, mask: Id, d: Id, when: bool) -> Id {
        let zero = self.constant(0.0);
        if when { self.choose(mask, d, zero) } else { self.choose(mask, zero, d) }
    }

    fn lse_rule(&mut self, id: Id, by: &[Id]) -> Id {
        let mut sum = self.constant(0.0);
        for (k, &d) in by.iter().enumerate() {
            if self.value(d) != Some(0.0) {
                let weight = self.weight(id, k);
                let part = self.mul(weight, d);
                sum = self.add(sum, part);
            }
        }
        sum
    }

    fn power_rule(&mut self, id: Id, a: Id, b: Id, by: &[Id]) -> Id {
        let one = self.constant(1.0);
        let less = self.sub(b, one);
        let lower = self.pow(a, less);
        let slope = self.mul(b, lower);
        let base = self.mul(slope, by[0]);
        if self.value(by[1]) == Some(0.0) {
            return base;
        }
        let log = self.unary(Unary::Ln, a);
        let scaled = self.mul(id, log);
        let exponent = self.mul(scaled, by[1]);
        self.add(base, exponent)
    }

    /// f'(a), with `id` the node f(a).
    fn slope(&mut self, f: Unary, id: Id, a: Id) -> Id {
        let one = self.constant(1.0);
        match f {
            Unary::Exp => id,
            Unary::Ln => self.div(one, a),
            Unary::Log1p => {
                let sum = self.add(one, a);
                self.div(one, sum)
            }
            Unary::Expm1 => self.add(one, id),
            Unary::Sqrt => {
                let half = self.constant(0.5);
                self.div(half, id)
            }
            Unary::Abs => {
                let zero = self.constant(0.0);
                let (negative, two) = (self.extreme(Node::Below, a, zero), self.constant(2.0));
                let drop = self.mul(two, negative);
                self.sub(one, drop)
            }
            Unary::Neg => self.constant(-1.0),
            Unary::Recip => {
                let square = self.mul(id, id);
                self.neg(square)
            }
            Unary::Sin => self.unary(Unary::Cos, a),
            Unary::Cos => {
                let sine = self.unary(Unary::Sin, a);
                self.neg(sine)
            }
            Unary::Atan => {
                let square = self.mul(a, a);
                let sum = self.add(one, square);
                self.div(one, sum)
            }
            Unary::Logistic => {
                let rest = self.sub(one, id);
                self.mul(id, rest)
            }
            Unary::Softplus => self.unary(Unary::Logistic, a),
        }
    }
}
