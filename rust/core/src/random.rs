//! Counter-based random streams: one for each resample, keyed by what it is for.
//!
//! ChaCha8, key = (seed, purpose, outer index), stream = inner index. No stream is ever shared,
//! so results do not depend on threads, chunks or the order of work.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is used for; the numbers are part of the random scheme and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Drawing resamples.
    Resample = 1,
    /// Rescue starts.
    Rescue = 2,
    /// Simulated runs.
    Simulate = 3,
    /// Noise of new runs.
    NewRun = 4,
    /// Responses of resamples.
    Response = 5,
    /// Resamples of resamples.
    InnerResample = 6,
    /// Responses of resamples of resamples.
    InnerResponse = 7,
    /// Rescue starts of resamples of resamples.
    InnerRescue = 8,
    /// Random designs that an exchange starts from.
    Design = 9,
}

/// The version of the random scheme, stored with results.
pub const SCHEME_VERSION: u64 = 1;

/// One random stream.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of (seed, purpose, outer, inner).
    pub fn new(seed: u64, purpose: Purpose, outer: u64, inner: u64) -> Self {
        let mut key = [0; 32];
        for (part, value) in key.chunks_exact_mut(8).zip([seed, purpose as u64, outer, SCHEME_VERSION]) {
            part.copy_from_slice(&value.to_le_bytes());
        }
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(inner);
        Stream(rng)
    }

    /// Fills a buffer with random bytes (little endian words).
    pub fn bytes(&mut self, buffer: &mut [u8]) {
        self.0.fill_bytes(buffer);
    }

    /// A number in (0, 1), never 0 or 1.
    pub fn open_unit(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// A standard normal number (Box and Muller 1958; the second one is not kept).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(self.open_unit())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.open_unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_in_every_part_of_the_key() {
        let first = |s: u64, p, o, i| Stream::new(s, p, o, i).open_unit();
        let base = first(1, Purpose::Resample, 0, 0);
        assert_eq!(base, first(1, Purpose::Resample, 0, 0));
        for other in [
            first(2, Purpose::Resample, 0, 0),
            first(1, Purpose::Rescue, 0, 0),
            first(1, Purpose::Resample, 1, 0),
            first(1, Purpose::Resample, 0, 1),
        ] {
            assert_ne!(base, other);
        }
    }
}
