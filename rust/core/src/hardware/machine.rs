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

/// Calibrated constants; see `data/calibration.json` of the Python package for values and meaning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constants {
    /// Rows at which a matrix product reaches half of its share of the peak.
    pub gemm_half_rows: f64,
    /// The same for its other two sides.
    pub gemm_half_sides: f64,
    /// Times the score matrix crosses memory in unfused attention, forward.
    pub square_passes: f64,
    /// Times an activation of the model width crosses memory in a block, forward.
    pub pointwise_passes: f64,
    /// Share of the memory bandwidth that such operations reach.
    pub memory: f64,
    /// Seconds of a kernel launch.
    pub launch_s: f64,
    /// Share of the scale-up bandwidth that collectives reach.
    pub link: f64,
    /// Share of the network bandwidth that collectives reach.
    pub network: f64,
    /// Latency of one hop inside a domain, seconds.
    pub link_latency_s: f64,
    /// Latency of one hop across the network, seconds.
    pub network_latency_s: f64,
    /// Share of tensor-parallel traffic that is not hidden.
    pub tp_exposed: f64,
    /// Share of data-parallel traffic that is not hidden even where there is enough work.
    pub dp_exposed: f64,
    /// Share of pipeline transfers that is not hidden.
    pub pp_exposed: f64,
    /// Share of expert traffic that is not hidden.
    pub ep_exposed: f64,
    /// Extra crossings of memory by a token's copy on its way to an expert and back.
    pub expert_passes: f64,
    /// Growth of the step with each doubling of the scale-up domains.
    pub straggler: f64,
    /// Work of a pipeline stage besides its blocks and transfers, for each micro-batch, seconds.
    pub micro_batch_s: f64,
    /// Extra crossings of memory by activations that are cast to 8 bits or fewer.
    pub cast_passes: f64,
    /// Work outside of the passes for each step, seconds.
    pub step_s: f64,
    /// Share of the output layer's work that the last stage has on top of its blocks (stages are balanced by hand).
    pub imbalance: f64,
    /// As `pointwise_passes`, for software with unfused attention, separate bias kernels and dropout.
    pub unfused_passes: f64,
}

impl Constants {
    /// Names in the order of [`Constants::from_array`].
    pub const NAMES: [&'static str; 21] = [
        "gemm_half_rows",
        "gemm_half_sides",
        "square_passes",
        "pointwise_passes",
        "memory",
        "launch_s",
        "link",
        "network",
        "link_latency_s",
        "network_latency_s",
        "tp_exposed",
        "dp_exposed",
        "pp_exposed",
        "ep_exposed",
        "expert_passes",
        "straggler",
        "micro_batch_s",
        "cast_passes",
        "step_s",
        "imbalance",
        "unfused_passes",
    ];

    /// From values in the order of the names.
    pub fn from_array(x: &[f64; 21]) -> Self {
        Self {
            gemm_half_rows: x[0],
            gemm_half_sides: x[1],
            square_passes: x[2],
            pointwise_passes: x[3],
            memory: x[4],
            launch_s: x[5],
            link: x[6],
            network: x[7],
            link_latency_s: x[8],
            network_latency_s: x[9],
            tp_exposed: x[10],
            dp_exposed: x[11],
            pp_exposed: x[12],
            ep_exposed: x[13],
            expert_passes: x[14],
            straggler: x[15],
            micro_batch_s: x[16],
            cast_passes: x[17],
            step_s: x[18],
            imbalance: x[19],
            unfused_passes: x[20],
        }
    }
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
