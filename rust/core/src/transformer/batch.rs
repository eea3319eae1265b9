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

/// Sizes that were not given and follow others, as they do for one architecture.
#[derive(Debug, Clone, Copy, Default)]
pub struct Follow {
    /// As many key and value heads as query heads.
    pub kv_heads: bool,
    /// Width over heads.
    pub head_size: bool,
    /// Four times the width.
    pub mlp_width: bool,
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
    /// Sizes that follow those that vary.
    pub follow: Follow,
    /// Number of the first row, for messages.
    pub first: usize,
}

impl Rows<'_> {
    /// Puts the sizes of row `i` into `row`, whose other sizes stay.
    #[inline]
    fn load(&self, row: &mut Architecture, i: usize) -> Result<()> {
        for (name, set, values) in &self.columns {
            if values[i] < 0 {
                return Err(negative(name, values[i], self.first + i));
            }
            set(row, values[i].cast_unsigned());
        }
        if self.follow.kv_heads {
            row.kv_heads = row.heads;
        }
        if self.follow.mlp_width {
            row.mlp_width = 4 * row.width;
        }
        if self.follow.head_size {
            row.head_size = row.width.checked_div(row.heads).unwrap_or(0);
            if row.head_size * row.heads != row.width {
                let text = format!("width is {}, expected a multiple of heads ({})", row.width, row.heads);
                return Err(in_row(&Error::Setting(text), self.first + i));
            }
        }
        row.check().map_err(|e| in_row(&e, self.first + i))
    }

    /// Total, active and non-embedding parameters of all rows.
    ///
    /// # Errors
    /// [`Error::Setting`] that names the row.
    pub fn parameters(&self, out: [&mut [i64]; 3]) -> Result<()> {
        let [total, active, rest] = out;
        let small = self.all_small();
        let mut row = self.base;
        for (i, ((total, active), rest)) in total.iter_mut().zip(active).zip(rest).enumerate() {
            self.load(&mut row, i)?;
            if !small {
                Parameters::exact(&row).map_err(|e| in_row(&e, self.first + i))?;
            }
            let count = Parameters::<Whole>::count(&row);
            // At most 9.2e18, which fits.
            *total = count.total().0.cast_signed();
            *active = count.active().0.cast_signed();
            *rest = count.non_embedding().0.cast_signed();
        }
        Ok(())
    }

    /// Whether a model with the largest size of every column still has a count that fits: then each row has.
    fn all_small(&self) -> bool {
        let mut largest = self.base;
        // Where sizes follow others, each at its most is at least what any row has.
        for (_, set, values) in &self.columns {
            let most = values.iter().copied().max().unwrap_or(0);
            set(&mut largest, u64::try_from(most).unwrap_or(0));
        }
        if self.follow.kv_heads {
            largest.kv_heads = largest.heads;
        }
        if self.follow.head_size {
            largest.head_size = largest.width;
        }
        if self.follow.mlp_width {
            largest.mlp_width = 4 * largest.width;
        }
        // Leading dense layers trade one kind of block for another, so both kinds count in full.
        let blocks = largest.layers as f64;
        largest.moe.iter_mut().for_each(|m| m.dense_layers = 0);
        let p = Parameters::<f64>::count(&largest);
        p.total() + blocks * p.dense_block.total() < 9.2e18
    }

    /// FLOPs per token of all rows.
    ///
    /// # Errors
    /// [`Error::Setting`] that names the row.
    pub fn flops(&self, out: &mut [f64], how: (Convention, Pass, Recompute)) -> Result<()> {
        let mut row = self.base;
        for (i, slot) in out.iter_mut().enumerate() {
            self.load(&mut row, i)?;
            let s = match self.seq_len {
                Column::One(s) => s,
                Column::Many(values) if values[i] < 0 => return Err(negative("seq_len", values[i], self.first + i)),
                Column::Many(values) => values[i].cast_unsigned(),
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
