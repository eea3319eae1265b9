//! Collectives: latency and bandwidth, inside a scale-up domain and across the network.

use super::machine::{Constants, Machine};

/// A group of ranks, as the links see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Members.
    pub ranks: f64,
    /// Bandwidth for one member, byte/s.
    pub rate: f64,
    /// Latency of a hop, seconds.
    pub latency: f64,
}

impl Group {
    /// A group of `ranks` whose neighbours are `stride` devices apart.
    ///
    /// Members of one domain share its network ports, so a ring through `k` of them has `k` ports.
    #[inline]
    pub fn new(machine: &Machine, c: &Constants, ranks: u64, stride: u64) -> Self {
        let link = machine.link_rate * c.link;
        if ranks * stride <= machine.domain {
            return Self { ranks: ranks as f64, rate: link, latency: c.link_latency_s };
        }
        let inside = (machine.domain / stride).clamp(1, ranks) as f64;
        let rate = (machine.network_rate * c.network * inside).min(link);
        Self { ranks: ranks as f64, rate, latency: c.network_latency_s }
    }

    /// Bytes that one member sends of a message of `bytes` in an all-gather or reduce-scatter.
    #[inline]
    pub fn half_bytes(&self, bytes: f64) -> f64 {
        bytes * (self.ranks - 1.0) / self.ranks
    }

    /// Seconds of an all-gather or a reduce-scatter of `bytes` in all, in `pieces` calls.
    ///
    /// These go round a ring, so each call waits for as many hops as there are ranks.
    #[inline]
    pub fn half(&self, bytes: f64, pieces: f64) -> f64 {
        self.half_bytes(bytes) / self.rate + pieces * (self.ranks - 1.0) * self.latency
    }

    /// Seconds of an all-reduce.
    #[inline]
    pub fn all_reduce(&self, bytes: f64) -> f64 {
        2.0 * (self.half_bytes(bytes) / self.rate + self.hops() * self.latency)
    }

    /// A ring for few ranks, a tree beyond: the fewer hops.
    #[inline]
    fn hops(&self) -> f64 {
        let ring = self.ranks - 1.0;
        ring.min(2.0 * (64 - (self.ranks as u64).leading_zeros()) as f64)
    }
}

/// Seconds of an all-to-all in which each member sends `bytes`, part of it across the network.
#[inline]
pub fn all_to_all(machine: &Machine, c: &Constants, bytes: f64, ranks: u64, stride: u64) -> f64 {
    if ranks == 1 {
        return 0.0;
    }
    let inside = (machine.domain / stride).clamp(1, ranks) as f64;
    let ranks = ranks as f64;
    let near = bytes * (inside - 1.0) / ranks / (machine.link_rate * c.link);
    let far = bytes * (ranks - inside) / ranks / (machine.network_rate * c.network);
    let latency = if far > 0.0 { c.network_latency_s } else { c.link_latency_s };
    near.max(far) + latency
}
