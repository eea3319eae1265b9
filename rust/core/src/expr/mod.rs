//! Formula text → expression graph → rewritten and differentiated graph → tape.
//!
//! Knows nothing of fitting: symbols are numbers, and which of them are vectors is the
//! caller's choice.

mod build;
mod derive;
mod graph;
mod implicit;
mod law;
mod lower;
mod names;
mod parse;
mod scan;
mod sign;
mod tape;

pub use build::{Bind, Program};
pub use graph::{Graph, Id, Node, Unary};
pub use law::{Domain, Law, Parameter, Scale, Spec, Symbol};
pub use parse::{Ast, parse};
pub use tape::{Columns, Input, Layout, Machine, Tape};
