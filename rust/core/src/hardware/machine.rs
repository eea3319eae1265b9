//! The numbers of a machine, of a precision recipe, and of the calibration.

use crate::transformer::Architecture;

/// One device and what connects it. Rates are bytes or FLOPs per second, one way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Dense peak of the matrix products in the job's precision, FLOP/s.
    pub peak: f64,
    /// Dense peak in 16 bit (attention, router), FLOP/s.
    pub peak_16: f64,
    /// Share of `peak` that large matrix products reach.
    pub matmul_fraction: f64,
    /// Share of `peak_16` that large 16-bit products reach.
    pub matmul_fraction_16: f64,
    /// Share of `peak_16` that fused attention reaches.
    pub attention_fraction: f64,
    /// Bytes of memory.
    pub memory: f64,
    /// Memory bandwidth, byte/s.
    pub memory_rate: f64,
    /// Bandwidth inside a scale-up domain, byte/s.
    pub link_rate: f64,
    /// Devices of a scale-up domain.
    pub domain: u64,
    /// Network bandwidth of a device, byte/s.
    pub network_rate: f64,
}

/// Bytes of each kind of state per parameter, and of what travels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Weights that the passes use.
    pub weight: f64,
    /// Gradients.
    pub gradient: f64,
    /// Master weights and moments.
    pub optimizer: f64,
    /// An activation.
    pub activation: f64,
    /// A weight as gathered by ZeRO-3.
    pub gathered: f64,
    /// A gradient as reduced.
    pub reduced: f64,
    /// Whether matrix products run in 8 bits or fewer.
    pub low: bool,
}

/// Declares the constants once: fields, names and their order.
macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Calibrated constants; see `data/calibration.json` of the Python package for values and meaning.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct Constants {
            $($(#[$doc])* pub $name: f64,)*
        }

        impl Constants {
            /// Names in the order of [`Constants::from_array`].
            pub const NAMES: [&'static str; [$(stringify!($name)),*].len()] = [$(stringify!($name)),*];

            /// From values in the order of the names.
            pub fn from_array(x: &[f64; Self::NAMES.len()]) -> Self {
                let [$($name),*] = *x;
                Self { $($name),* }
            }
        }
    };
}

constants! {
    /// Rows at which a matrix product reaches half of its share of the peak.
    gemm_half_rows,
    /// The same for its other two sides.
    gemm_half_sides,
    /// Times the score matrix crosses memory in unfused attention, forward.
    square_passes,
    /// Times longer that unfused attention takes where heads are no multiple of 8 elements, which tensor cores want.
    unaligned,
    /// Times an activation of the model width crosses memory in a block, forward.
    pointwise_passes,
    /// As `pointwise_passes`, for software with unfused attention, separate bias kernels and dropout.
    unfused_passes,
    /// Extra crossings of memory by activations that are cast to 8 bits or fewer.
    cast_passes,
    /// Extra crossings of memory by a token's copy on its way to an expert and back.
    expert_passes,
    /// Share of the memory bandwidth that such operations reach.
    memory,
    /// Share of a block's forward pass that recomputing it takes (nothing needs its last product again).
    recompute,
    /// Seconds of a kernel launch.
    launch_s,
    /// Share of the scale-up bandwidth that collectives reach.
    link,
    /// Share of the network bandwidth that collectives reach.
    network,
    /// Latency of one hop inside a domain, seconds.
    link_latency_s,
    /// Latency of one hop across the network, seconds.
    network_latency_s,
    /// Share of tensor-parallel traffic that is not hidden.
    tp_exposed,
    /// Share of data-parallel traffic that is not hidden even where there is enough work.
    dp_exposed,
    /// Share of pipeline transfers that is not hidden.
    pp_exposed,
    /// Share of expert traffic that is not hidden.
    ep_exposed,
    /// Work of a (virtual) pipeline stage besides its blocks and transfers, for each micro-batch, seconds.
    micro_batch_s,
    /// Work outside of the passes for each step, seconds.
    step_s,
    /// Share of the output layer's work that the last stage has on top of its blocks (stages are balanced by hand).
    imbalance,
}

/// What is trained, how, and on what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Job {
    /// The model.
    pub model: Architecture,
    /// Tokens of a sequence.
    pub seq_len: u64,
    /// Sequences of a step.
    pub batch: u64,
    /// Devices.
    pub devices: u64,
    /// Bytes by kind.
    pub recipe: Recipe,
    /// Device and links.
    pub machine: Machine,
    /// Calibration.
    pub constants: Constants,
}
