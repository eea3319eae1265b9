//! Graph → program: nodes sorted by what they depend on, then laid out as three tapes.
//!
//! Data only: computed once per table. Numbers only: once per evaluation. Both: per row.
//! Which leaves are numbers and which are vectors is the caller's choice, so the same graph
//! runs over rows at one parameter vector, or over draws at one point.

use std::collections::{HashMap, HashSet};

use super::graph::{Graph, Id, Node, Unary};
use super::scan::Scan;
use super::tape::{Binary, Input, Op, Tape};

/// What the caller makes of a leaf; the index is his.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// One number.
    Number(usize),
    /// A vector that stays as long as the table.
    Data(usize),
    /// A vector that changes with every evaluation.
    Row(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Constant,
    Number,
    Data,
    Row,
}

impl Stage {
    fn join(self, other: Stage) -> Stage {
        match (self, other) {
            (Stage::Constant, x) | (x, Stage::Constant) => x,
            (x, y) if x == y => x,
            _ => Stage::Row,
        }
    }
}

/// Three tapes that compute some nodes of a graph.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Over the caller's data columns; its outputs are the first columns of `rows`.
    pub data: Tape,
    /// Nodes that must be positive in every row, each with its output of `data`.
    pub checks: Vec<(Id, Input)>,
    /// Over the caller's numbers; its outputs are the numbers of `rows`.
    pub numbers: Tape,
    /// Over columns (outputs of `data`, then the caller's rows) and numbers.
    pub rows: Tape,
    /// The node of each column that `data` makes.
    pub columns: Vec<Id>,
    /// How many columns `data` makes.
    pub n_data: usize,
}

impl Program {
    /// Lays out the nodes `roots` of a graph.
    pub fn new(graph: &Graph, roots: &[Id], bind: impl Fn(&Node) -> Bind) -> Self {
        let reached = graph.reached(roots);
        let stages = stages(graph, &reached, &bind);
        let order: Vec<Id> = (0..reached.len()).filter(|&id| reached[id]).collect();
        let of =
            |stage| order.iter().copied().filter(|&id| stages[id] == stage && !is_leaf(graph, id)).collect::<Vec<_>>();

        let mut program = Program::default();
        let wanted = |stage: Stage| {
            let used = order
                .iter()
                .filter(|&&id| stages[id] == Stage::Row)
                .flat_map(|&id| graph.children(id))
                .chain(roots.iter().copied());
            let mut list: Vec<Id> = used.filter(|&id| stages[id] == stage).collect();
            list.sort_unstable();
            list.dedup();
            list
        };
        let leaf = |id: Id| match bind(graph.node(id)) {
            Bind::Number(i) => Input::Number(i),
            Bind::Data(i) | Bind::Row(i) => Input::Column(i),
        };
        let (data_out, number_out) = (wanted(Stage::Data), wanted(Stage::Number));

        let logged = of(Stage::Data).into_iter().filter_map(|id| match graph.node(id) {
            Node::Unary(Unary::Ln, a) => Some(*a),
            _ => None,
        });
        let logged: Vec<Id> = logged.collect();
        let both: Vec<Id> = data_out.iter().chain(&logged).copied().collect();
        let mut places = leaves(graph, &order, &stages, Stage::Data, leaf);
        program.data = Layout::new(graph, places).tape(&of(Stage::Data), &both, false);
        program.checks = logged.iter().copied().zip(program.data.outputs.split_off(data_out.len())).collect();
        program.n_data = data_out.len();
        program.columns = data_out.clone();

        places = leaves(graph, &order, &stages, Stage::Number, leaf);
        program.numbers = Layout::new(graph, places).tape(&of(Stage::Number), &number_out, false);

        places = HashMap::new();
        places.extend(data_out.iter().enumerate().map(|(i, &id)| (id, Input::Column(i))));
        places.extend(number_out.iter().enumerate().map(|(i, &id)| (id, Input::Number(i))));
        for &id in order.iter().filter(|&&id| stages[id] == Stage::Row && is_leaf(graph, id)) {
            if let Bind::Row(i) = bind(graph.node(id)) {
                places.insert(id, Input::Column(data_out.len() + i));
            }
        }
        program.rows = Layout::new(graph, places).tape(&of(Stage::Row), roots, true);
        program
    }
}

fn is_leaf(graph: &Graph, id: Id) -> bool {
    matches!(graph.node(id), Node::Const(_) | Node::Symbol(_) | Node::Gather(..))
}

fn stages(graph: &Graph, reached: &[bool], bind: &impl Fn(&Node) -> Bind) -> Vec<Stage> {
    let mut stages = vec![Stage::Constant; reached.len()];
    for id in (0..reached.len()).filter(|&id| reached[id]) {
        stages[id] = match graph.node(id) {
            Node::Const(_) => Stage::Constant,
            leaf @ (Node::Symbol(_) | Node::Gather(..)) => match bind(leaf) {
                Bind::Number(_) => Stage::Number,
                Bind::Data(_) => Stage::Data,
                Bind::Row(_) => Stage::Row,
            },
            _ => graph.children(id).iter().fold(Stage::Constant, |s, &c| s.join(stages[c])),
        };
    }
    stages
}

fn leaves(
    graph: &Graph,
    order: &[Id],
    stages: &[Stage],
    stage: Stage,
    input: impl Fn(Id) -> Input,
) -> HashMap<Id, Input> {
    let wanted = order.iter().filter(|&&id| stages[id] == stage && is_leaf(graph, id));
    wanted.map(|&id| (id, input(id))).collect()
}

/// Puts nodes on slots, first come first served, a slot free again after its last use.
struct Layout<'a> {
    graph: &'a Graph,
    places: HashMap<Id, Input>,
    free: Vec<usize>,
    n_slots: usize,
    uses: HashMap<Id, usize>,
    /// Products that only one sum needs: made there, as one multiply-add.
    fused: HashSet<Id>,
}

impl<'a> Layout<'a> {
    fn new(graph: &'a Graph, places: HashMap<Id, Input>) -> Self {
        Layout { graph, places, free: vec![], n_slots: 0, uses: HashMap::new(), fused: HashSet::new() }
    }

    fn tape(mut self, nodes: &[Id], outputs: &[Id], vectors: bool) -> Tape {
        for &id in nodes {
            for child in self.graph.children(id) {
                *self.uses.entry(child).or_default() += 1;
            }
        }
        for &id in outputs {
            *self.uses.entry(id).or_default() += 1;
        }
        if vectors {
            self.find_fused(nodes);
        }
        let mut ops = Vec::new();
        for (at, &id) in nodes.iter().enumerate() {
            if self.places.contains_key(&id) || self.fused.contains(&id) {
                continue;
            }
            self.emit(id, &nodes[at..], &mut ops);
        }
        let outputs = outputs.iter().map(|&id| self.place(id)).collect();
        Tape { ops, n_slots: self.n_slots, outputs }
    }

    fn find_fused(&mut self, nodes: &[Id]) {
        let inside: Vec<Id> = nodes.to_vec();
        for &id in nodes {
            let Node::Add(a, b) = *self.graph.node(id) else { continue };
            for (product, other) in [(a, b), (b, a)] {
                let Node::Mul(x, y) = *self.graph.node(product) else { continue };
                let single = self.uses.get(&product) == Some(&1) && inside.contains(&product);
                if single && !self.fused.contains(&other) && (inside.contains(&x) || inside.contains(&y)) {
                    self.fused.insert(product);
                    break;
                }
            }
        }
    }

    fn place(&self, id: Id) -> Input {
        match self.graph.value(id) {
            Some(x) => Input::Constant(x),
            None => self.places[&id],
        }
    }

    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.n_slots += 1;
            self.n_slots - 1
        })
    }

    /// One use of a node is over.
    fn release(&mut self, id: Id) {
        let Some(count) = self.uses.get_mut(&id) else { return };
        *count -= 1;
        if *count == 0
            && let Some(Input::Slot(slot)) = self.places.get(&id)
        {
            self.free.push(*slot);
        }
    }

    fn emit(&mut self, id: Id, later: &[Id], ops: &mut Vec<Op>) {
        match self.graph.node(id).clone() {
            Node::Lse(terms) => self.emit_lse(id, &terms, later, ops),
            Node::Scan(which, schedule, number, arguments) => {
                self.emit_scan(id, Scan { which, schedule: number }, schedule, &arguments, later, ops);
            }
            Node::Add(a, b) if self.fused.contains(&a) || self.fused.contains(&b) => self.emit_fma(id, a, b, ops),
            Node::Unary(f, a) => {
                let (from, slot) = (self.place(a), self.take());
                ops.push(Op::Unary(f, from, slot));
                self.finish(id, slot, &[a]);
            }
            Node::Add(a, b) => self.emit_binary(id, Binary::Add, a, b, ops),
            Node::Sub(a, b) => self.emit_binary(id, Binary::Sub, a, b, ops),
            Node::Mul(a, b) => self.emit_binary(id, Binary::Mul, a, b, ops),
            Node::Div(a, b) => self.emit_binary(id, Binary::Div, a, b, ops),
            Node::Pow(a, b) => self.emit_binary(id, Binary::Pow, a, b, ops),
            Node::Min(a, b) => self.emit_binary(id, Binary::Min, a, b, ops),
            Node::Max(a, b) => self.emit_binary(id, Binary::Max, a, b, ops),
            Node::Below(a, b) => self.emit_binary(id, Binary::Below, a, b, ops),
            Node::Gate(a, b) => self.emit_binary(id, Binary::Gate, a, b, ops),
            Node::Unless(a, b) => self.emit_binary(id, Binary::Unless, a, b, ops),
            Node::Root(a, b) => self.emit_binary(id, Binary::Root, a, b, ops),
            Node::Weight(..) | Node::Part(..) | Node::Const(_) | Node::Symbol(_) | Node::Gather(..) => {
                unreachable!("made with its log-sum-exp or its scan, or a leaf")
            }
        }
    }

    fn finish(&mut self, id: Id, slot: usize, used: &[Id]) {
        self.places.insert(id, Input::Slot(slot));
        for &child in used {
            self.release(child);
        }
    }

    fn emit_binary(&mut self, id: Id, f: Binary, a: Id, b: Id, ops: &mut Vec<Op>) {
        let (x, y, slot) = (self.place(a), self.place(b), self.take());
        ops.push(Op::Binary(f, x, y, slot));
        self.finish(id, slot, &[a, b]);
    }

    fn emit_fma(&mut self, id: Id, a: Id, b: Id, ops: &mut Vec<Op>) {
        let (product, other) = if self.fused.contains(&a) { (a, b) } else { (b, a) };
        let Node::Mul(x, y) = *self.graph.node(product) else { unreachable!("only products are fused") };
        let vector = |i: Input| matches!(i, Input::Slot(_) | Input::Column(_));
        let (mut p, mut q) = (self.place(x), self.place(y));
        if !vector(p) {
            std::mem::swap(&mut p, &mut q);
        }
        let (c, slot) = (self.place(other), self.take());
        ops.push(Op::Fma([p, q, c], slot));
        self.finish(id, slot, &[x, y, other]);
    }

    /// The value and, where any is used later, all the weights.
    fn emit_lse(&mut self, id: Id, terms: &[Id], later: &[Id], ops: &mut Vec<Op>) {
        let inputs: Box<[Input]> = terms.iter().map(|&t| self.place(t)).collect();
        let (slot, slots) = self.with_parts(id, terms.len(), later);
        ops.push(Op::Lse(inputs, slot, slots));
        terms.iter().for_each(|&term| self.release(term));
    }

    /// The value and, where any is used later, all the derivatives.
    fn emit_scan(&mut self, id: Id, scan: Scan, schedule: Id, arguments: &[Id], later: &[Id], ops: &mut Vec<Op>) {
        let inputs: Box<[Input]> = arguments.iter().map(|&a| self.place(a)).collect();
        let from = self.place(schedule);
        let (slot, slots) = self.with_parts(id, arguments.len(), later);
        ops.push(Op::Scan(scan, from, inputs, slot, slots));
        self.release(schedule);
        arguments.iter().for_each(|&a| self.release(a));
    }

    /// Slots for a node and for its parts (weights, derivatives), if any is used later.
    fn with_parts(&mut self, id: Id, count: usize, later: &[Id]) -> (usize, Box<[usize]>) {
        let parts: Vec<(Id, usize)> = later
            .iter()
            .filter_map(|&w| match self.graph.node(w) {
                Node::Weight(of, k) | Node::Part(of, k) if *of == id => Some((w, *k)),
                _ => None,
            })
            .collect();
        let slot = self.take();
        let slots: Box<[usize]> = (0..if parts.is_empty() { 0 } else { count }).map(|_| self.take()).collect();
        for &(w, k) in &parts {
            self.places.insert(w, Input::Slot(slots[k]));
        }
        // A part that nobody reads lends its slot again.
        for k in (0..slots.len()).filter(|k| parts.iter().all(|(_, used)| used != k)) {
            self.free.push(slots[k]);
        }
        self.places.insert(id, Input::Slot(slot));
        for _ in &parts {
            self.release(id);
        }
        (slot, slots)
    }
}
