//! Prefill and decoding on a tensor-parallel group.
