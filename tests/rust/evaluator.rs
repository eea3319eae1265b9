//! Runs a graph over points in each of the ways in which its leaves can be bound.

use isoflop_core::expr::{Bind, Columns, Graph, Id, Input, Law, Layout, Machine, Node, Program, Symbol, Tape};
use isoflop_core::simd::{Kernels, LANES};

/// Which leaves are vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Variables are data, parameters numbers: rows of a fit.
    Rows,
    /// Parameters are vectors, variables numbers: draws at a point.
    Draws,
    /// Everything is a vector that changes.
    All,
}

/// A law at one value per parameter (internal scale) and `n` values per variable.
#[derive(Debug, Clone)]
pub struct Point {
    pub parameters: Vec<f64>,
    pub variables: Vec<Vec<f64>>,
}

impl Point {
    /// How many rows there are.
    pub fn n(&self) -> usize {
        self.variables.first().map_or(LANES, Vec::len)
    }
}

/// The values of `roots`, one vector each. With `Way::Draws` only the first row is computed (in every lane).
pub fn run(law: &Law, roots: &[Id], way: Way, point: &Point, kernels: &'static Kernels) -> Vec<Vec<f64>> {
    let graph: &Graph = &law.graph;
    let p = law.parameters.len();
    let bind = |leaf: &Node| {
        let Node::Symbol(s) = leaf else { panic!("these laws have no levels") };
        match (law.symbol(*s), way) {
            (Symbol::Parameter(i), Way::Rows) => Bind::Number(i),
            (Symbol::Parameter(i), _) => Bind::Row(i),
            (Symbol::Variable(v), Way::Rows) => Bind::Data(v),
            (Symbol::Variable(v), Way::Draws) => Bind::Number(v),
            (Symbol::Variable(v), Way::All) => Bind::Row(p + v),
        }
    };
    let program = Program::new(graph, roots, bind);
    let n = if way == Way::Draws { LANES } else { point.n().next_multiple_of(LANES) };
    let spread = |x: f64| vec![x; n];
    let padded = |column: &Vec<f64>| (0..n).map(|i| column[i.min(column.len() - 1)]).collect::<Vec<f64>>();
    let (data, numbers, rows): (Vec<Vec<f64>>, Vec<f64>, Vec<Vec<f64>>) = match way {
        Way::Rows => (point.variables.iter().map(padded).collect(), point.parameters.clone(), vec![]),
        Way::Draws => {
            let numbers = point.variables.iter().map(|column| column[0]).collect();
            (vec![], numbers, point.parameters.iter().map(|&x| spread(x)).collect())
        }
        Way::All => {
            let parameters = point.parameters.iter().map(|&x| spread(x));
            (vec![], vec![], parameters.chain(point.variables.iter().map(padded)).collect())
        }
    };
    let made = outputs(&program.data, &program.data.outputs, &data, &[], n, kernels);
    let scalars = outputs(&program.numbers, &program.numbers.outputs, &[], &numbers, LANES, kernels);
    let scalars: Vec<f64> = scalars.iter().map(|lanes| lanes[0]).collect();
    let columns: Vec<Vec<f64>> = made.into_iter().chain(rows).collect();
    outputs(&program.rows, &program.rows.outputs, &columns, &scalars, n, kernels)
}

fn outputs(
    tape: &Tape,
    wanted: &[Input],
    columns: &[Vec<f64>],
    numbers: &[f64],
    n: usize,
    kernels: &'static Kernels,
) -> Vec<Vec<f64>> {
    let mut machine = Machine::new(kernels, n);
    let flat = columns.concat();
    let columns = Columns { data: Layout::Together(&flat, n), start: 0, n };
    machine.run(tape, columns, numbers);
    let read = |&output: &Input| {
        let mut values = vec![0.0; n];
        machine.copy(output, columns, numbers, &mut values);
        values
    };
    wanted.iter().map(read).collect()
}
