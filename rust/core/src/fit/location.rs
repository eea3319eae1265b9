//! Where a parameter that is compared with data may lie: where the data lie.

use super::problem::Problem;
use crate::expr::Node;

/// How far beyond the data, as a share of their range.
const BEYOND: f64 = 0.25;

/// The range of what parameter `p` of the law is subtracted from (or minus that of what it is added to);
/// none where it is compared with no data.
pub(crate) fn location(problem: &Problem, p: usize) -> Option<(f64, f64)> {
    let graph = &problem.law.graph;
    let is_leaf = |id: usize| match graph.node(id) {
        Node::Symbol(s) | Node::Gather(s, _) => *s == p,
        _ => false,
    };
    let found = (0..graph.len()).find_map(|id| match *graph.node(id) {
        Node::Sub(a, b) if is_leaf(b) => range(problem, a, 1.0),
        Node::Sub(a, b) if is_leaf(a) => range(problem, b, 1.0),
        Node::Add(a, b) if is_leaf(a) => range(problem, b, -1.0),
        Node::Add(a, b) if is_leaf(b) => range(problem, a, -1.0),
        _ => None,
    });
    found.map(|(low, high)| (low - BEYOND * (high - low), high + BEYOND * (high - low)))
}

/// The range of a column of data times `sign`; none for other nodes and for constants.
fn range(problem: &Problem, id: usize, sign: f64) -> Option<(f64, f64)> {
    let place = problem.program.columns.iter().position(|&column| column == id)?;
    let values = problem.data[place * problem.padded..][..problem.n].iter().map(|x| sign * x);
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    (low < high && low.is_finite() && high.is_finite()).then_some((low, high))
}
