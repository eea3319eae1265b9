//! Schedules on the tape: a functional is computed once for all prefixes, rows take theirs.

use std::sync::Arc;

use crate::schedule::{Functional, MAX_ARGUMENTS, Scanner, Schedules, Values};
use crate::simd::{Arg, Kernels};

/// A functional and the number of the schedule variable that it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scan {
    pub which: Functional,
    pub schedule: usize,
}

/// Tables that are kept, at most: a law names few functionals, and levels have few values.
const KEPT: usize = 16;

/// The functional of every prefix at one value of its arguments.
#[derive(Debug, Clone)]
struct Table {
    scan: Scan,
    arguments: [u64; MAX_ARGUMENTS],
    parts: bool,
    values: Vec<Values>,
}

/// The schedules of a machine, and what was computed of them last.
#[derive(Debug, Clone, Default)]
pub(super) struct Scans {
    schedules: Arc<[Schedules]>,
    tables: Vec<Table>,
    /// The table that is made anew when all are taken.
    next: usize,
    scanner: Scanner,
}

impl Scans {
    pub fn new(schedules: Arc<[Schedules]>) -> Self {
        Scans { schedules, ..Scans::default() }
    }

    /// Writes the functional of each row's prefix, and derivatives where there are slots for them.
    pub fn run(
        &mut self,
        scan: Scan,
        prefixes: Arg<'_>,
        arguments: &[Arg<'_>],
        kernels: &Kernels,
        out: &mut [f64],
        parts: &mut [&mut [f64]],
    ) {
        let at = |i: usize| -> [f64; MAX_ARGUMENTS] {
            std::array::from_fn(|k| arguments.get(k).map_or(0.0, |&argument| value(argument, i)))
        };
        let (count, wanted) = (arguments.len(), !parts.is_empty());
        let shared = arguments.iter().all(|a| matches!(a, Arg::S(_)));
        let point = matches!(prefixes, Arg::S(_)) && !shared;
        let mut table = if shared { self.table(scan, &at(0)[..count], wanted, kernels) } else { 0 };
        for i in 0..out.len() {
            let prefix = value(prefixes, i) as usize;
            let found = if point {
                // Draws at one point: every row has its own arguments.
                self.scanner.one(&self.schedules[scan.schedule], prefix, scan.which, &at(i)[..count], wanted, kernels)
            } else {
                if !shared {
                    table = self.table(scan, &at(i)[..count], wanted, kernels);
                }
                self.tables[table].values[prefix]
            };
            out[i] = found[0];
            parts.iter_mut().zip(&found[1..]).for_each(|(part, x)| part[i] = *x);
        }
    }

    /// The number of the table for these arguments, made where there is none.
    fn table(&mut self, scan: Scan, arguments: &[f64], parts: bool, kernels: &Kernels) -> usize {
        let mut bits = [0; MAX_ARGUMENTS];
        bits.iter_mut().zip(arguments).for_each(|(to, x)| *to = x.to_bits());
        let fits = |t: &Table| t.scan == scan && t.arguments == bits && (t.parts || !parts);
        if let Some(known) = self.tables.iter().position(fits) {
            return known;
        }
        if self.tables.len() < KEPT {
            self.tables.push(Table { scan, arguments: bits, parts, values: vec![] });
            self.next = self.tables.len() - 1;
        } else {
            self.next = (self.next + 1) % KEPT;
        }
        let schedules = &self.schedules[scan.schedule];
        let table = &mut self.tables[self.next];
        (table.scan, table.arguments, table.parts) = (scan, bits, parts);
        table.values.resize(schedules.len(), Values::default());
        self.scanner.all(schedules, scan.which, arguments, parts, kernels, &mut table.values);
        self.next
    }
}

fn value(arg: Arg<'_>, i: usize) -> f64 {
    match arg {
        Arg::V(values) => values[i],
        Arg::S(value) => value,
    }
}
