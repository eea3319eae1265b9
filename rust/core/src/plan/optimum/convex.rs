//! Where one minimum is all there is: laws that are convex in the logarithms of size and tokens.
//!
//! The rules are those of disciplined geometric programming (Agrawal, Diamond and Boyd 2019): sums of
//! positive power terms are convex in log space, and so are their log-sum-exps, positive multiples
//! and maxima.

use crate::expr::{Graph, Id, Node, Unary};

/// What a symbol stands for in the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// ln N.
    Size,
    /// ln D.
    Tokens,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Constant,
    Affine,
    Convex,
    Concave,
    Unknown,
}

/// How a node moves with ln D.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trend {
    Flat,
    Up,
    Down,
    Unknown,
}

#[derive(Debug, Clone, Copy)]
struct Known(Shape, Trend);

const NOTHING: Known = Known(Shape::Unknown, Trend::Unknown);
const CONSTANT: Known = Known(Shape::Constant, Trend::Flat);

impl Known {
    fn negated(self) -> Self {
        let shape = match self.0 {
            Shape::Convex => Shape::Concave,
            Shape::Concave => Shape::Convex,
            other => other,
        };
        let trend = match self.1 {
            Trend::Up => Trend::Down,
            Trend::Down => Trend::Up,
            other => other,
        };
        Known(shape, trend)
    }

    fn plus(self, other: Self) -> Self {
        let shape = match (self.0, other.0) {
            (Shape::Constant, x) | (x, Shape::Constant) => x,
            (Shape::Affine, x) | (x, Shape::Affine) => x,
            (x, y) if x == y => x,
            _ => Shape::Unknown,
        };
        let trend = match (self.1, other.1) {
            (Trend::Flat, x) | (x, Trend::Flat) => x,
            (x, y) if x == y => x,
            _ => Trend::Unknown,
        };
        Known(shape, trend)
    }

    /// A convex rising function of it.
    fn raised(self) -> Self {
        match self.0 {
            Shape::Constant => CONSTANT,
            Shape::Affine | Shape::Convex => Known(Shape::Convex, self.1),
            _ => NOTHING,
        }
    }
}

/// Whether a node is convex in ln N and ln D and does not rise with ln D.
pub(super) fn is_certified(graph: &Graph, root: Id, role: &impl Fn(usize) -> Option<Role>) -> bool {
    let Known(shape, trend) = known(graph, root, role);
    shape_is_convex(shape) && matches!(trend, Trend::Flat | Trend::Down)
}

/// Whether a node is convex in ln N.
pub(super) fn is_convex(graph: &Graph, root: Id, role: &impl Fn(usize) -> Option<Role>) -> bool {
    shape_is_convex(known(graph, root, role).0)
}

fn shape_is_convex(shape: Shape) -> bool {
    matches!(shape, Shape::Constant | Shape::Affine | Shape::Convex)
}

/// Nodes in their order: children stand before their parents.
fn known(graph: &Graph, root: Id, role: &impl Fn(usize) -> Option<Role>) -> Known {
    let reached = graph.reached(&[root]);
    let mut all = vec![NOTHING; root + 1];
    for id in (0..=root).filter(|&id| reached[id]) {
        all[id] = rule(graph, id, &all, role);
    }
    all[root]
}

fn rule(graph: &Graph, id: Id, all: &[Known], role: &impl Fn(usize) -> Option<Role>) -> Known {
    let children = graph.children(id);
    if !children.is_empty() && children.iter().all(|&c| all[c].0 == Shape::Constant) {
        return CONSTANT;
    }
    match graph.node(id) {
        Node::Const(_) | Node::Gather(..) => CONSTANT,
        Node::Symbol(s) => match role(*s) {
            None => CONSTANT,
            Some(Role::Size) => Known(Shape::Affine, Trend::Flat),
            Some(Role::Tokens) => Known(Shape::Affine, Trend::Up),
        },
        Node::Add(a, b) => all[*a].plus(all[*b]),
        Node::Sub(a, b) => all[*a].plus(all[*b].negated()),
        Node::Mul(a, b) if all[*a].0 == Shape::Constant => scaled(graph, *a, all[*b]),
        Node::Mul(a, b) if all[*b].0 == Shape::Constant => scaled(graph, *b, all[*a]),
        Node::Div(a, b) if all[*b].0 == Shape::Constant => scaled(graph, *b, all[*a]),
        Node::Unary(Unary::Neg, a) => all[*a].negated(),
        Node::Unary(Unary::Exp | Unary::Softplus, a) => all[*a].raised(),
        Node::Lse(terms) => terms.iter().fold(CONSTANT, |sum, &t| sum.plus(all[t].raised())),
        Node::Max(a, b) => all[*a].raised().plus(all[*b].raised()),
        _ => NOTHING,
    }
}

/// A multiple of what is known, by a node that does not move.
fn scaled(graph: &Graph, by: Id, of: Known) -> Known {
    let negative = match graph.node(by) {
        Node::Unary(Unary::Neg, inner) => graph.is_positive(*inner),
        Node::Const(bits) => f64::from_bits(*bits) < 0.0,
        _ => false,
    };
    match (graph.is_positive(by), negative) {
        (true, _) => of,
        (_, true) => of.negated(),
        _ => NOTHING,
    }
}
