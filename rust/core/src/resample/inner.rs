//! Resamples of resamples, for double bootstraps.

use super::response::Responder;
use super::schemes::{Sampler, Scheme, Scratch};
use crate::error::{Error, Result};
use crate::inference::state::State;
use crate::random::{Purpose, Stream};

/// The second stage of one outer resample.
#[derive(Debug)]
pub enum Inner<'a> {
    /// Units with replacement among those that the outer resample drew, as often as it drew them.
    Units(&'a Sampler, Vec<u32>),
    /// Responses around the outer fit, for the same weights.
    Response(&'a Sampler, Responder),
}

impl Sampler {
    /// # Errors
    /// Schemes that have no second stage.
    pub fn check_inner(&self) -> Result<()> {
        match self.scheme {
            Scheme::Bayesian | Scheme::Jackknife => Err(Error::Setting(
                "this scheme has no second stage: use rows, groups, or a scheme of responses".into(),
            )),
            _ => Ok(()),
        }
    }

    /// The second stage of outer resample `outer` of whole units.
    pub fn inner(&self, outer: u64) -> Inner<'_> {
        Inner::Units(self, self.picks(outer))
    }

    /// The second stage around the refit to an outer response.
    ///
    /// # Errors
    /// As [`Responder::new`].
    pub fn inner_response(&self, state: &State, response: &[f64], groups: Option<&[u32]>) -> Result<Inner<'_>> {
        Ok(Inner::Response(self, Responder::new(self.scheme, state, response, groups, self.seed)?))
    }

    /// The units of a resample, in the order in which they were drawn: those of `draw`.
    fn picks(&self, index: u64) -> Vec<u32> {
        let mut stream = Stream::new(self.seed, Purpose::Resample, self.outer, index);
        let mut bytes = vec![0; 4 * self.units.len()];
        stream.bytes(&mut bytes);
        let words = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let places = self.strata.iter().flat_map(|&(first, count)| (0..count).map(move |_| (first, count as u64)));
        words
            .zip(places)
            .map(|(word, (first, count))| (first + ((u64::from(word) * count) >> 32) as usize) as u32)
            .collect()
    }
}

impl Inner<'_> {
    /// Writes weights and, for schemes of responses, the response of inner resample `inner`.
    pub fn draw(&self, outer: u64, inner: u64, scratch: &mut Scratch, weights: &mut [f64], response: &mut [f64]) {
        match self {
            Inner::Response(sampler, responder) => {
                weights.copy_from_slice(&sampler.base);
                responder.draw((Purpose::InnerResponse, outer, inner), response);
            }
            Inner::Units(sampler, picks) => {
                weights.fill(0.0);
                let mut stream = Stream::new(sampler.seed, Purpose::InnerResample, outer, inner);
                scratch.bytes.resize(4 * picks.len(), 0);
                stream.bytes(&mut scratch.bytes);
                let words = scratch.bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                let places = sampler.strata.iter().flat_map(|&(f, count)| (0..count).map(move |_| (f, count as u64)));
                for (word, (first, count)) in words.zip(places) {
                    let unit = picks[first + ((u64::from(word) * count) >> 32) as usize] as usize;
                    for &row in &sampler.units[unit] {
                        weights[row as usize] += sampler.base[row as usize];
                    }
                }
            }
        }
    }
}
