//! The same counts over columns of architectures: millions of rows, one pass, no allocation per row.

use super::architecture::Architecture;
use super::flops::{self, Convention, Pass, Recompute};
use super::parameters::{Parameters, Whole};
use crate::error::{Error, Result};

/// A size of each row, or one for all.
#[derive(Debug, Clone, Copy)]
pub enum Column<'a> {
    /// The same in every row.
    One(u64),
    /// One for each row.
    Many(&'a [i64]),
}

/// A size that a column sets.
pub type Setter = fn(&mut Architecture, u64);

/// The sizes that may vary by row, by name.
pub fn setter(name: &str) -> Option<Setter> {
    Some(match name {
        "layers" => |a, x| a.layers = x,
        "width" => |a, x| a.width = x,
        "heads" => |a, x| a.heads = x,
        "kv_heads" => |a, x| a.kv_heads = x,
        "head_size" => |a, x| a.head_size = x,
        "mlp_width" => |a, x| a.mlp_width = x,
        "vocab" => |a, x| a.vocab = x,
        "positions" => |a, x| a.positions = x,
        "experts" => |a, x| a.moe.iter_mut().for_each(|m| m.experts = x),
        "experts_per_token" => |a, x| a.moe.iter_mut().for_each(|m| m.top_k = x),
        "expert_width" => |a, x| a.moe.iter_mut().for_each(|m| m.expert_width = x),
        "shared_width" => |a, x| a.moe.iter_mut().for_each(|m| m.shared_width = x),
        "dense_layers" => |a, x| a.moe.iter_mut().for_each(|m| m.dense_layers = x),
        _ => return None,
    })
}

/// Rows that differ from one architecture in some sizes.
#[derive(Debug)]
pub struct Rows<'a> {
    /// What all rows share.
    pub base: Architecture,
    /// What varies.
    pub columns: Vec<(&'a str, Setter, &'a [i64])>,
    /// Sequence length of each row, or of all.
    pub seq_len: Column<'a>,
}

impl Rows<'_> {
    #[inline]
    fn row(&self, i: usize) -> Result<Architecture> {
        let mut out = self.base;
        for (name, set, values) in &self.columns {
            let size = u64::try_from(values[i]).map_err(|_| negative(name, values[i], i))?;
            set(&mut out, size);
        }
        Ok(out)
    }

    /// Total, active and non-embedding parameters of rows `first..first + out.len()`.
    ///
    /// # Errors
    /// [`Error::Setting`] that names the row.
    pub fn parameters(&self, first: usize, out: &mut [[i64; 3]]) -> Result<()> {
        for (i, slot) in out.iter_mut().enumerate() {
            let count = Parameters::exact(&self.row(first + i)?).map_err(|e| in_row(&e, first + i))?;
            // At most 9.2e18, which fits.
            *slot = [count.total(), count.active(), count.non_embedding()].map(|Whole(n)| n as i64);
        }
        Ok(())
    }

    /// FLOPs per token of rows `first..first + out.len()`.
    ///
    /// # Errors
    /// [`Error::Setting`] that names the row.
    pub fn flops(&self, first: usize, out: &mut [f64], how: (Convention, Pass, Recompute)) -> Result<()> {
        for (i, slot) in out.iter_mut().enumerate() {
            let row = self.row(first + i)?;
            row.check().map_err(|e| in_row(&e, first + i))?;
            let s = match self.seq_len {
                Column::One(s) => s,
                Column::Many(values) => {
                    u64::try_from(values[first + i]).map_err(|_| negative("seq_len", values[first + i], first + i))?
                }
            };
            *slot = flops::per_token(&row, s as f64, how.0, how.1, how.2);
        }
        Ok(())
    }
}

fn negative(name: &str, value: i64, row: usize) -> Error {
    Error::Setting(format!("{name} is {value} in row {row}, expected a positive count"))
}

fn in_row(error: &Error, row: usize) -> Error {
    Error::Setting(format!("row {row}: {error}"))
}
