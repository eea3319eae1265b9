//! The same counts over columns of architectures: millions of rows, one pass for all counts, no allocation per row.

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

/// The sizes that may vary by row, in the order of [`Rows::columns`].
pub const VARYING: [&str; 13] = [
    "layers",
    "width",
    "heads",
    "kv_heads",
    "head_size",
    "mlp_width",
    "vocab",
    "positions",
    "experts",
    "experts_per_token",
    "expert_width",
    "shared_width",
    "dense_layers",
];

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

/// How FLOPs are counted.
pub type How = (Convention, Pass, Recompute);

/// Where the counts of each row go; columns that have no rows are not wanted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counts {
    /// Parameters.
    pub total: Vec<i64>,
    /// Those that a token uses.
    pub active: Vec<i64>,
    /// Those outside of embedding and output layer.
    pub non_embedding: Vec<i64>,
    /// FLOPs per token.
    pub flops: Vec<f64>,
}

/// Rows that differ from one architecture in some sizes.
#[derive(Debug)]
pub struct Rows<'a> {
    /// What all rows share.
    pub base: Architecture,
    /// What varies, each of `n` values.
    pub columns: [Option<&'a [i64]>; VARYING.len()],
    /// Rows.
    pub n: usize,
    /// Sequence length of each row, or of all.
    pub seq_len: Column<'a>,
    /// Sizes that follow those that vary.
    pub follow: Follow,
    /// Number of the first row, for messages.
    pub first: usize,
}

impl Rows<'_> {
    /// Counts all rows: parameters where `parameters` says so, and FLOPs per token where it is said how.
    ///
    /// # Errors
    /// [`Error::Setting`] that names the row.
    pub fn counts(&self, parameters: bool, flops: Option<How>) -> Result<Counts> {
        let ints = || vec![0; if parameters { self.n } else { 0 }];
        let floats = vec![0.0; if flops.is_some() { self.n } else { 0 }];
        let mut out = Counts { total: ints(), active: ints(), non_embedding: ints(), flops: floats };
        // Most models have neither experts, low-rank attention nor extra heads; saying so once halves the work of a row.
        if self.base.moe.is_none() && self.base.mla.is_none() && self.base.mtp == 0 {
            self.fill::<true>(parameters, flops, &mut out)?;
        } else {
            self.fill::<false>(parameters, flops, &mut out)?;
        }
        Ok(out)
    }

    /// Fills the places of all rows; `PLAIN` models have neither experts, low-rank attention nor multi-token prediction.
    fn fill<const PLAIN: bool>(&self, parameters: bool, how: Option<How>, out: &mut Counts) -> Result<()> {
        let small = self.all_small();
        let mut row = self.base;
        for i in 0..self.n {
            self.load(&mut row, |values| values[i], i)?;
            if PLAIN {
                (row.moe, row.mla, row.mtp) = (None, None, 0);
            }
            row.check().map_err(|e| self.in_row(&e, i))?;
            if !small {
                Parameters::exact(&row).map_err(|e| self.in_row(&e, i))?;
            }
            if parameters {
                let count = Parameters::<Whole>::count(&row);
                // At most 9.2e18, which fits.
                out.total[i] = count.total().0.cast_signed();
                out.active[i] = count.active().0.cast_signed();
                out.non_embedding[i] = count.non_embedding().0.cast_signed();
            }
            if let Some((convention, pass, recompute)) = how {
                out.flops[i] = flops::per_token(&row, self.seq_len_of(i)?, convention, pass, recompute);
            }
        }
        Ok(())
    }

    /// Puts what `value` picks of each column into `row`, whose other sizes stay, and what follows from it.
    #[inline(always)]
    fn load(&self, row: &mut Architecture, value: impl Fn(&[i64]) -> i64, i: usize) -> Result<()> {
        let mut signs = 0;
        let mut put = |column: usize, size: &mut u64| {
            if let Some(values) = self.columns[column] {
                let x = value(values);
                signs |= x;
                *size = x.cast_unsigned();
            }
        };
        put(0, &mut row.layers);
        put(1, &mut row.width);
        put(2, &mut row.heads);
        put(3, &mut row.kv_heads);
        put(4, &mut row.head_size);
        put(5, &mut row.mlp_width);
        put(6, &mut row.vocab);
        put(7, &mut row.positions);
        if let Some(moe) = &mut row.moe {
            put(8, &mut moe.experts);
            put(9, &mut moe.top_k);
            put(10, &mut moe.expert_width);
            put(11, &mut moe.shared_width);
            put(12, &mut moe.dense_layers);
        }
        if signs < 0 {
            return Err(self.negative(i));
        }
        self.follow_up(row, i)
    }

    /// Sets the sizes that follow others.
    #[inline(always)]
    fn follow_up(&self, row: &mut Architecture, i: usize) -> Result<()> {
        if self.follow.kv_heads {
            row.kv_heads = row.heads;
        }
        if self.follow.mlp_width {
            row.mlp_width = row.width.saturating_mul(4);
        }
        if self.follow.head_size {
            row.head_size = row.width.checked_div(row.heads).unwrap_or(0);
            if row.head_size * row.heads != row.width {
                let text = format!("width is {}, expected a multiple of heads ({})", row.width, row.heads);
                return Err(self.in_row(&Error::Setting(text), i));
            }
        }
        Ok(())
    }

    /// Whether a model with the largest size of every column still has a count that fits: then each row has.
    fn all_small(&self) -> bool {
        let mut largest = self.base;
        let most = |values: &[i64]| values.iter().copied().max().unwrap_or(0);
        let all_given = Rows { follow: Follow::default(), ..*self };
        if all_given.load(&mut largest, most, 0).is_err() {
            return false;
        }
        // Where sizes follow others, each at its most is at least what any row has.
        if self.follow.kv_heads {
            largest.kv_heads = largest.heads;
        }
        if self.follow.head_size {
            largest.head_size = largest.width;
        }
        if self.follow.mlp_width {
            largest.mlp_width = largest.width.saturating_mul(4).min(i64::MAX.cast_unsigned());
        }
        // Leading dense layers trade one kind of block for another, so both kinds count in full.
        let blocks = largest.layers as f64;
        largest.moe.iter_mut().for_each(|m| m.dense_layers = 0);
        let p = Parameters::<f64>::count(&largest);
        p.total() + blocks * p.dense_block.total() < 9.2e18
    }

    #[inline(always)]
    fn seq_len_of(&self, i: usize) -> Result<f64> {
        match self.seq_len {
            Column::One(s) => Ok(s as f64),
            Column::Many(values) if values[i] < 0 => Err(refused("seq_len", values[i], self.first + i)),
            Column::Many(values) => Ok(values[i] as f64),
        }
    }

    #[cold]
    fn negative(&self, i: usize) -> Error {
        let found = self.columns.iter().zip(VARYING).find_map(|(column, name)| {
            let x = (*column)?[i];
            (x < 0).then(|| refused(name, x, self.first + i))
        });
        found.unwrap_or_else(|| self.in_row(&Error::Setting("a size is negative".into()), i))
    }

    #[cold]
    fn in_row(&self, error: &Error, i: usize) -> Error {
        Error::Setting(format!("row {}: {error}", self.first + i))
    }
}

#[cold]
fn refused(name: &str, value: i64, row: usize) -> Error {
    Error::Setting(format!("{name} is {value} in row {row}, expected a positive count"))
}
