//! The expression graph: hash-consed, so that equal parts are one node.
//!
//! Smart constructors rewrite as they build: constants fold, products of exponentials join,
//! powers of positive bases become `exp(p * ln x)`, and the logarithm of a sum of positive
//! terms becomes one log-sum-exp, which cannot overflow. No symbol has a meaning here.

use std::collections::HashMap;

use super::sign::Sign;
use crate::schedule::Functional;

/// More terms than this in one log-sum-exp are nested.
pub const MAX_TERMS: usize = 8;

/// A node's number in its graph.
pub type Id = usize;

/// Functions of one argument.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unary {
    Exp,
    Ln,
    Log1p,
    Expm1,
    Sqrt,
    Abs,
    Neg,
    Recip,
    Sin,
    Cos,
    Atan,
    Logistic,
    Softplus,
}

/// One node. Children always have smaller numbers than their parent.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// A constant, by its bits.
    Const(u64),
    /// A symbol of the caller's.
    Symbol(usize),
    /// A symbol with one value per level of a factor: (symbol, factor).
    Gather(usize, usize),
    Unary(Unary, Id),
    Add(Id, Id),
    Sub(Id, Id),
    Mul(Id, Id),
    Div(Id, Id),
    Pow(Id, Id),
    Min(Id, Id),
    Max(Id, Id),
    /// 1 where the first is below the second, else 0 (derivatives of `min`, `max`, `abs`).
    Below(Id, Id),
    /// The second where the first is not zero, else 0, whatever the second is.
    Gate(Id, Id),
    /// The second where the first is zero, else 0.
    Unless(Id, Id),
    /// ln Σ exp of the terms.
    Lse(Box<[Id]>),
    /// The softmax weight of term k of a log-sum-exp node.
    Weight(Id, usize),
    /// The u with a softplus(u) − softplus(−u) = t, of a and t.
    Root(Id, Id),
    /// A functional of a schedule: which, the variable, the number of its table, its arguments.
    Scan(Functional, Id, usize, Box<[Id]>),
    /// The derivative of a scan by argument k.
    Part(Id, usize),
}

/// A growing set of nodes.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    signs: Vec<Sign>,
    data_only: Vec<bool>,
    index: HashMap<Node, Id>,
    /// Symbols that are columns of the data (not parameters).
    data: Vec<bool>,
    /// Symbols that are known, or will be checked, to be positive.
    positive: Vec<bool>,
}

impl Graph {
    /// A graph over symbols, of which some are data and some are positive.
    pub fn new(data: Vec<bool>, positive: Vec<bool>) -> Self {
        Graph { data, positive, ..Self::default() }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node with this number.
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// Whether a node is positive whatever its symbols are.
    pub fn is_positive(&self, id: Id) -> bool {
        self.signs[id] == Sign::Positive
    }

    /// What is known of a node's sign.
    pub(super) fn sign(&self, id: Id) -> Sign {
        self.signs[id]
    }

    /// Whether a node depends on data alone.
    pub fn is_data(&self, id: Id) -> bool {
        self.data_only[id]
    }

    /// The children of a node.
    pub fn children(&self, id: Id) -> Vec<Id> {
        match self.node(id) {
            Node::Const(_) | Node::Symbol(_) | Node::Gather(..) => vec![],
            Node::Unary(_, a) | Node::Weight(a, _) | Node::Part(a, _) => vec![*a],
            Node::Scan(_, schedule, _, arguments) => std::iter::once(schedule).chain(arguments).copied().collect(),
            Node::Lse(terms) => terms.to_vec(),
            Node::Add(a, b) | Node::Sub(a, b) | Node::Mul(a, b) | Node::Div(a, b) => vec![*a, *b],
            Node::Pow(a, b) | Node::Min(a, b) | Node::Max(a, b) | Node::Below(a, b) => vec![*a, *b],
            Node::Gate(a, b) | Node::Unless(a, b) | Node::Root(a, b) => vec![*a, *b],
        }
    }

    /// Which of `roots` and their descendants are reached, by node number.
    pub fn reached(&self, roots: &[Id]) -> Vec<bool> {
        let mut seen = vec![false; self.nodes.len()];
        for &root in roots {
            seen[root] = true;
        }
        for id in (0..self.nodes.len()).rev() {
            if seen[id] {
                for child in self.children(id) {
                    seen[child] = true;
                }
            }
        }
        seen
    }

    pub(super) fn intern(&mut self, node: Node) -> Id {
        if let Some(&id) = self.index.get(&node) {
            return id;
        }
        let id = self.nodes.len();
        self.nodes.push(node.clone());
        self.index.insert(node.clone(), id);
        let data = match &node {
            Node::Symbol(s) => self.data[*s],
            Node::Gather(..) => false,
            _ => self.children(id).iter().all(|&c| self.data_only[c]),
        };
        self.data_only.push(data);
        self.signs.push(Sign::Any);
        self.signs[id] = self.find_sign(&node);
        id
    }

    fn find_sign(&self, node: &Node) -> Sign {
        let s = |id: &Id| self.signs[*id];
        match node {
            Node::Const(bits) => Sign::of(f64::from_bits(*bits)),
            Node::Symbol(symbol) if self.positive[*symbol] => Sign::Positive,
            Node::Unary(f, a) => Sign::unary(*f, s(a)),
            Node::Add(a, b) => s(a).both(s(b)),
            Node::Mul(a, b) | Node::Div(a, b) => s(a).both(s(b)),
            Node::Min(a, b) | Node::Max(a, b) => s(a).both(s(b)),
            Node::Pow(a, _) => s(a).both(Sign::Positive),
            Node::Weight(..) | Node::Scan(Functional::Sum, ..) => Sign::Positive,
            _ => Sign::Any,
        }
    }

    /// A constant.
    pub fn constant(&mut self, x: f64) -> Id {
        self.intern(Node::Const(x.to_bits()))
    }

    /// The value of a constant node.
    pub fn value(&self, id: Id) -> Option<f64> {
        match self.node(id) {
            Node::Const(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    /// A symbol.
    pub fn symbol(&mut self, symbol: usize) -> Id {
        self.intern(Node::Symbol(symbol))
    }

    /// A symbol with one value per level of a factor.
    pub fn gather(&mut self, symbol: usize, factor: usize) -> Id {
        self.intern(Node::Gather(symbol, factor))
    }

    /// a + b.
    pub fn add(&mut self, a: Id, b: Id) -> Id {
        match (self.value(a), self.value(b)) {
            (Some(x), Some(y)) => return self.constant(x + y),
            (Some(0.0), _) => return b,
            (_, Some(0.0)) => return a,
            _ => {}
        }
        if let Node::Unary(Unary::Neg, inner) = *self.node(b) {
            return self.sub(a, inner);
        }
        if let Node::Unary(Unary::Neg, inner) = *self.node(a) {
            return self.sub(b, inner);
        }
        self.intern(Node::Add(a.min(b), a.max(b)))
    }

    /// a − b.
    pub fn sub(&mut self, a: Id, b: Id) -> Id {
        match (self.value(a), self.value(b)) {
            (Some(x), Some(y)) => return self.constant(x - y),
            (Some(0.0), _) => return self.neg(b),
            (_, Some(0.0)) => return a,
            _ if a == b => return self.constant(0.0),
            _ => {}
        }
        if let Node::Unary(Unary::Neg, inner) = *self.node(b) {
            return self.add(a, inner);
        }
        if let Some(negated) = self.negated_factor(b) {
            return self.add(a, negated);
        }
        self.intern(Node::Sub(a, b))
    }

    /// −a of a product of data with something else, the sign taken by the other factor: there it
    /// costs nothing a row, and the product is shared with its derivative.
    fn negated_factor(&mut self, a: Id) -> Option<Id> {
        let Node::Mul(x, y) = *self.node(a) else { return None };
        let (data, other) = if self.data_only[x] { (x, y) } else { (y, x) };
        if !self.data_only[data] || self.data_only[other] {
            return None;
        }
        let other = self.neg(other);
        Some(self.mul(other, data))
    }

    /// −a.
    pub fn neg(&mut self, a: Id) -> Id {
        match *self.node(a) {
            Node::Const(bits) => self.constant(-f64::from_bits(bits)),
            Node::Unary(Unary::Neg, inner) => inner,
            Node::Sub(x, y) => self.sub(y, x),
            _ => self.negated_factor(a).unwrap_or_else(|| self.intern(Node::Unary(Unary::Neg, a))),
        }
    }

    /// a · b.
    pub fn mul(&mut self, a: Id, b: Id) -> Id {
        match (self.value(a), self.value(b)) {
            (Some(x), Some(y)) => return self.constant(x * y),
            (Some(0.0), _) | (_, Some(0.0)) => return self.constant(0.0),
            (Some(1.0), _) => return b,
            (_, Some(1.0)) => return a,
            (Some(-1.0), _) => return self.neg(b),
            (_, Some(-1.0)) => return self.neg(a),
            _ => {}
        }
        match (self.node(a).clone(), self.node(b).clone()) {
            (Node::Unary(Unary::Exp, x), Node::Unary(Unary::Exp, y)) => {
                let sum = self.add(x, y);
                self.exp(sum)
            }
            (Node::Unary(Unary::Recip, x), _) if x != b => self.div(b, x),
            (_, Node::Unary(Unary::Recip, y)) if y != a => self.div(a, y),
            _ => self.intern(Node::Mul(a.min(b), a.max(b))),
        }
    }

    /// a / b.
    pub fn div(&mut self, a: Id, b: Id) -> Id {
        match (self.value(a), self.value(b)) {
            (Some(x), Some(y)) => return self.constant(x / y),
            (Some(0.0), _) => return self.constant(0.0),
            (_, Some(1.0)) => return a,
            (_, Some(y)) if y.abs().log2().fract() == 0.0 => {
                let inverse = self.constant(1.0 / y);
                return self.mul(a, inverse);
            }
            (Some(1.0), None) => return self.recip(b),
            _ if a == b => return self.constant(1.0),
            _ => {}
        }
        match (self.node(a).clone(), self.node(b).clone()) {
            (Node::Unary(Unary::Exp, x), Node::Unary(Unary::Exp, y)) => {
                let difference = self.sub(x, y);
                self.exp(difference)
            }
            (_, Node::Unary(Unary::Exp, y)) => {
                let minus = self.neg(y);
                let inverse = self.exp(minus);
                self.mul(a, inverse)
            }
            _ => self.intern(Node::Div(a, b)),
        }
    }

    fn recip(&mut self, a: Id) -> Id {
        match *self.node(a) {
            Node::Unary(Unary::Exp, x) => {
                let minus = self.neg(x);
                self.exp(minus)
            }
            Node::Unary(Unary::Recip, x) => x,
            _ => self.intern(Node::Unary(Unary::Recip, a)),
        }
    }

    /// exp a.
    pub fn exp(&mut self, a: Id) -> Id {
        match self.node(a).clone() {
            Node::Unary(Unary::Ln, x) => x,
            Node::Lse(terms) => {
                let parts: Vec<Id> = terms.iter().map(|&t| self.exp(t)).collect();
                self.total(&parts)
            }
            _ => self.unary(Unary::Exp, a),
        }
    }

    fn total(&mut self, parts: &[Id]) -> Id {
        let zero = self.constant(0.0);
        parts.iter().fold(zero, |sum, &part| self.add(sum, part))
    }

    /// ln a: of a positive sum a log-sum-exp, of products a sum.
    pub fn ln(&mut self, a: Id) -> Id {
        match self.node(a).clone() {
            Node::Const(bits) => self.constant(f64::from_bits(bits).ln()),
            Node::Unary(Unary::Exp, x) => x,
            Node::Mul(x, y) if self.splits(x) && self.splits(y) => {
                let (x, y) = (self.ln(x), self.ln(y));
                self.add(x, y)
            }
            Node::Div(x, y) if self.splits(x) && self.splits(y) => {
                let (x, y) = (self.ln(x), self.ln(y));
                self.sub(x, y)
            }
            Node::Unary(Unary::Recip, x) if self.splits(x) => {
                let x = self.ln(x);
                self.neg(x)
            }
            Node::Unary(Unary::Sqrt, x) if self.splits(x) => {
                let (x, half) = (self.ln(x), self.constant(0.5));
                self.mul(half, x)
            }
            Node::Unary(Unary::Logistic, x) => {
                let minus = self.neg(x);
                let soft = self.unary(Unary::Softplus, minus);
                self.neg(soft)
            }
            Node::Add(..) if self.sign(a) == Sign::Positive && !self.is_data(a) => self.ln_sum(a),
            _ => self.unary(Unary::Ln, a),
        }
    }

    /// Whether ln of a product may be taken factor by factor: both factors are positive
    /// (of data it is checked when the table is read).
    fn splits(&self, a: Id) -> bool {
        self.sign(a) == Sign::Positive
    }

    fn ln_sum(&mut self, a: Id) -> Id {
        let mut terms = Vec::new();
        self.collect_terms(a, &mut terms);
        if terms.iter().any(|&t| self.sign(t) != Sign::Positive) {
            return self.unary(Unary::Ln, a);
        }
        let logs: Vec<Id> = terms.iter().map(|&t| self.ln(t)).collect();
        self.lse(&logs)
    }

    /// The summands of a sum, left to right.
    pub fn collect_terms(&self, a: Id, into: &mut Vec<Id>) {
        match *self.node(a) {
            Node::Add(x, y) => {
                self.collect_terms(x, into);
                self.collect_terms(y, into);
            }
            _ => into.push(a),
        }
    }

    /// ln Σ exp of the terms; nested ones are joined while they are few.
    pub fn lse(&mut self, logs: &[Id]) -> Id {
        let mut flat = Vec::new();
        for &term in logs {
            match self.node(term) {
                Node::Lse(inner) => flat.extend_from_slice(inner),
                _ => flat.push(term),
            }
        }
        flat.sort_unstable();
        if let Some(values) = flat.iter().map(|&t| self.value(t)).collect::<Option<Vec<f64>>>() {
            let top = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = values.iter().map(|x| libm::exp(x - top)).sum();
            return self.constant(top + libm::log(sum));
        }
        if flat.len() > MAX_TERMS {
            let parts: Vec<Id> = flat.chunks(MAX_TERMS).map(|part| self.intern(Node::Lse(part.into()))).collect();
            return if parts.len() > MAX_TERMS { self.lse(&parts) } else { self.intern(Node::Lse(parts.into())) };
        }
        if flat.len() == 1 { flat[0] } else { self.intern(Node::Lse(flat.into())) }
    }

    /// The softmax weight of term k of a log-sum-exp node.
    pub fn weight(&mut self, lse: Id, k: usize) -> Id {
        self.intern(Node::Weight(lse, k))
    }

    /// a ** b.
    pub fn pow(&mut self, a: Id, b: Id) -> Id {
        if let Some(p) = self.value(b) {
            if let Some(x) = self.value(a) {
                return self.constant(x.powf(p));
            }
            if p == 0.5 && !matches!(self.node(a), Node::Unary(Unary::Exp, _)) {
                return self.unary(Unary::Sqrt, a);
            }
            if p.fract() == 0.0 && p.abs() <= 16.0 && !matches!(self.node(a), Node::Unary(Unary::Exp, _)) {
                return self.integer_power(a, p as i32);
            }
        }
        if self.sign(a) == Sign::Positive || self.is_data(a) {
            let log = self.ln(a);
            let product = self.mul(b, log);
            return self.exp(product);
        }
        self.intern(Node::Pow(a, b))
    }

    fn integer_power(&mut self, a: Id, p: i32) -> Id {
        let mut result = self.constant(1.0);
        let (mut base, mut left) = (a, p.unsigned_abs());
        while left > 0 {
            if left & 1 == 1 {
                result = self.mul(result, base);
            }
            left >>= 1;
            if left > 0 {
                base = self.mul(base, base);
            }
        }
        if p < 0 { self.recip(result) } else { result }
    }

    /// min, max and the indicator of a < b.
    pub fn extreme(&mut self, make: fn(Id, Id) -> Node, a: Id, b: Id) -> Id {
        match (self.value(a), self.value(b)) {
            (Some(x), Some(y)) => {
                let value = match make(a, b) {
                    Node::Min(..) => x.min(y),
                    Node::Max(..) => x.max(y),
                    _ => f64::from(x < y),
                };
                self.constant(value)
            }
            _ => self.intern(make(a, b)),
        }
    }

    /// `when` where the mask is not zero, else `otherwise`; what is not taken does no harm.
    pub fn choose(&mut self, mask: Id, when: Id, otherwise: Id) -> Id {
        if let Some(m) = self.value(mask) {
            return if m != 0.0 { when } else { otherwise };
        }
        let zero = self.constant(0.0);
        let taken = if when == zero { zero } else { self.intern(Node::Gate(mask, when)) };
        let rest = if otherwise == zero { zero } else { self.intern(Node::Unless(mask, otherwise)) };
        self.add(taken, rest)
    }

    /// Any function of one argument, constants folded.
    pub fn unary(&mut self, f: Unary, a: Id) -> Id {
        if let Some(x) = self.value(a) {
            return self.constant(scalar(f, x));
        }
        match f {
            Unary::Abs if self.sign(a) == Sign::Positive => a,
            _ => self.intern(Node::Unary(f, a)),
        }
    }
}

/// The function on one number, for folding constants.
fn scalar(f: Unary, x: f64) -> f64 {
    match f {
        Unary::Exp => libm::exp(x),
        Unary::Ln => libm::log(x),
        Unary::Log1p => libm::log1p(x),
        Unary::Expm1 => libm::expm1(x),
        Unary::Sqrt => x.sqrt(),
        Unary::Abs => x.abs(),
        Unary::Neg => -x,
        Unary::Recip => 1.0 / x,
        Unary::Sin => libm::sin(x),
        Unary::Cos => libm::cos(x),
        Unary::Atan => libm::atan(x),
        Unary::Logistic => 1.0 / (1.0 + libm::exp(-x)),
        Unary::Softplus => x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
    }
}
