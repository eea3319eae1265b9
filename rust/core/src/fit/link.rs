//! Arguments of links that are linear in their parameters: logistic(w0 + w1 log N + w2 log D).
//!
//! Over columns far from zero, slopes and intercept chosen each on its own nearly always saturate the
//! link, and a saturated link has no slope to follow. Slopes are therefore looked for in units of
//! one over the range of their column, and the intercept so that the argument is near zero at its middle.

use super::problem::Problem;
use crate::expr::{Columns, Domain, Graph, Id, Machine, Node, Program, Unary};

/// How far the argument of a link may move over the range of one column.
const REACH: f64 = 6.0;

/// One argument: its intercept, and for each slope the parameter, middle and range of its column.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    intercept: usize,
    slopes: Vec<(usize, f64, f64)>,
}

impl Link {
    /// Where to look for parameter `p`, where it is one of the slopes.
    pub fn slope_range(&self, p: usize) -> Option<(f64, f64)> {
        let (_, _, range) = self.slopes.iter().find(|slope| slope.0 == p)?;
        Some((-REACH / range, REACH / range))
    }

    /// Moves the intercept so that the argument is what the intercept was at the middle of the data.
    pub fn centre(&self, problem: &Problem, theta: &mut [f64]) {
        let slopes = self.slopes.iter();
        let shift: f64 = slopes.map(|&(p, middle, _)| theta[problem.spans[p].0] * middle).sum();
        let (first, levels) = problem.spans[self.intercept];
        theta[first..first + levels].iter_mut().for_each(|x| *x -= shift);
    }
}

/// The links of a law whose argument has an intercept and slopes, all of them real parameters.
pub(crate) fn find_links(problem: &Problem) -> Vec<Link> {
    let mut law = problem.law.clone();
    let real: Vec<usize> = (0..law.parameters.len()).filter(|&p| law.parameters[p].domain == Domain::Real).collect();
    if real.len() < 2 {
        return vec![];
    }
    let leaves: Vec<Id> = real.iter().map(|&p| law.leaf(p)).collect();
    let mut links: Vec<Link> = vec![];
    for argument in arguments(&law.graph) {
        let slopes = law.graph.derivatives(argument, &leaves);
        let Some(intercept) = slopes.iter().position(|&d| law.graph.value(d) == Some(1.0)) else { continue };
        let columns =
            slopes.iter().zip(&real).filter(|(d, _)| law.graph.is_data(**d) && law.graph.value(**d).is_none());
        let slopes: Vec<(usize, f64, f64)> = columns
            .filter_map(|(&d, &p)| spread(problem, &law.graph, d).map(|(middle, range)| (p, middle, range)))
            .collect();
        if !slopes.is_empty() && links.iter().all(|known| known.intercept != real[intercept]) {
            links.push(Link { intercept: real[intercept], slopes });
        }
    }
    links
}

/// What functions that bend are taken of.
fn arguments(graph: &Graph) -> Vec<Id> {
    let mut found: Vec<Id> = (0..graph.len())
        .filter_map(|id| match *graph.node(id) {
            Node::Unary(f, a) if !matches!(f, Unary::Neg) && !graph.is_data(a) => Some(a),
            _ => None,
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Middle and range of a node of data; none where that is constant or not finite.
fn spread(problem: &Problem, graph: &Graph, node: Id) -> Option<(f64, f64)> {
    let bind = |leaf: &Node| super::problem::bind_rows(&problem.law, &problem.gathers, leaf);
    let program = Program::new(graph, &[node], bind);
    let inputs = problem.raw_columns().ok()?;
    let mut machine = Machine::new(problem.kernels, problem.padded).with_schedules(problem.schedules.clone());
    let columns = Columns { data: &inputs, stride: problem.padded, start: 0, n: problem.padded };
    machine.run(&program.data, columns, &[]);
    let mut values = vec![0.0; problem.padded];
    machine.copy(*program.data.outputs.first()?, columns, &[], &mut values);
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)));
    (low < high && low.is_finite() && high.is_finite()).then_some((0.5 * (low + high), high - low))
}
