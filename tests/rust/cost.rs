//! Counts of transformers and layouts of jobs: integers against float64, searches against single evaluations.

use isoflop_core::cancel::Cancel;
use isoflop_core::hardware::communication::Group;
use isoflop_core::hardware::layer::micro;
use isoflop_core::hardware::layout::Refusal;
use isoflop_core::hardware::memory::memory;
use isoflop_core::hardware::search::{Axes, search};
use isoflop_core::hardware::step::step;
use isoflop_core::hardware::{Constants, Job, Layout, Machine, Recipe};
use isoflop_core::transformer::parameters::Whole;
use isoflop_core::transformer::{Architecture, Mixture, Parameters, Recompute};
use proptest::prelude::*;

fn model(layers: u64, heads: u64, experts: u64) -> Architecture {
    let moe = (experts > 1).then_some(Mixture {
        experts,
        top_k: 2,
        expert_width: 512,
        shared_width: 256,
        dense_layers: 1,
        shared_gate: true,
        router_bias: true,
    });
    Architecture {
        layers,
        width: 64 * heads,
        heads,
        kv_heads: heads,
        head_size: 64,
        mlp_width: 256 * heads,
        mlp_matrices: 3,
        vocab: 32_000,
        positions: 128,
        tied: false,
        norm_vectors: 2,
        norms_per_layer: 2,
        outer_norms: 1,
        qk_norm: 128,
        qkv_bias: true,
        attention_out_bias: true,
        mlp_bias: true,
        output_bias: true,
        sinks: true,
        window: 0,
        windowed_layers: 0,
        mtp: 0,
        moe,
        mla: None,
    }
}

fn job(model: Architecture, devices: u64, batch: u64) -> Job {
    // Products, crossings of memory, recomputation; latencies and rates of links; what is exposed; fixed times.
    let crossings = [150., 50., 4., 5., 10., 8., 2., 20., 0.8, 0.8];
    let links = [1e-5, 0.8, 0.7, 1e-5, 1e-5];
    let rest = [0.4, 0.4, 0.2, 0.1, 1e-3, 4e-3, 0.5];
    let x: Vec<f64> = [&crossings[..], &links, &rest].concat();
    Job {
        model,
        seq_len: 2048,
        batch,
        devices,
        recipe: Recipe {
            weight: 2.,
            gradient: 4.,
            optimizer: 12.,
            activation: 2.,
            gathered: 2.,
            reduced: 4.,
            low: false,
        },
        machine: Machine {
            peak: 312e12,
            peak_16: 312e12,
            matmul_fraction: 0.7,
            matmul_fraction_16: 0.7,
            attention_fraction: 0.35,
            memory: 80e9,
            memory_rate: 2e12,
            link_rate: 300e9,
            domain: 8,
            network_rate: 25e9,
        },
        constants: Constants::from_array(&x.try_into().expect("one value a constant")),
    }
}

fn base() -> Layout {
    Layout {
        tp: 1,
        pp: 1,
        virtual_stages: 1,
        cp: 1,
        ep: 1,
        dp: 1,
        shards: 1,
        zero: 1,
        micro_batch: 1,
        recompute: Recompute::None,
        recompute_share: 1.0,
        sequence_parallel: true,
        flash: true,
        dropout: false,
        overlap_data: true,
        overlap_tensor: true,
        gather_tensors: false,
    }
}

fn axes() -> Axes {
    Axes {
        tp: vec![1, 2, 4, 8],
        pp: vec![1, 2, 4],
        virtual_stages: vec![1, 2, 3],
        cp: vec![1, 2],
        ep: vec![1, 2, 4],
        zero: vec![0, 1, 2],
        shards: vec![0, 2],
        micro_batch: vec![1, 2, 3],
        recompute: vec![Recompute::None, Recompute::Selective, Recompute::Full],
        base: base(),
    }
}

proptest! {
    #![proptest_config(crate::config(48))]

    #[test]
    fn integers_and_floats_count_the_same(layers in 1_u64..200, heads in 1_u64..128, experts in 1_u64..64) {
        let a = model(layers, heads, experts.max(2));
        let exact = Parameters::exact(&a).unwrap();
        let float = Parameters::<f64>::count(&a);
        for (Whole(n), x) in [(exact.total(), float.total()), (exact.active(), float.active())] {
            prop_assert!((n as f64 - x).abs() <= 1e-12 * x);
        }
        prop_assert!(exact.active().0 <= exact.total().0);
        prop_assert!(exact.non_embedding().0 < exact.total().0);
    }

    #[test]
    fn found_layouts_are_what_they_claim(
        heads in prop::sample::select(vec![4_u64, 12, 32]),
        experts in prop::sample::select(vec![1_u64, 4]),
        devices in prop::sample::select(vec![8_u64, 16, 48]),
        batch in prop::sample::select(vec![32_u64, 96]),
    ) {
        let job = job(model(12, heads, experts), devices, batch);
        let report = search(&job, &axes(), 1000, 1, &Cancel::default()).unwrap();
        for found in &report.best {
            let l = &found.layout;
            prop_assert!(l.check(&job, true).is_ok());
            prop_assert_eq!(l.tp * l.pp * l.cp * l.dp, devices);
            prop_assert!(found.bytes <= job.machine.memory);
            prop_assert_eq!(found.bytes, memory(&job, l).total());
            prop_assert_eq!(found.seconds, step(&job, l, &micro(&job, l)).total);
        }
        for pair in report.front.windows(2) {
            prop_assert!(pair[0].seconds < pair[1].seconds && pair[0].bytes > pair[1].bytes);
        }
        let twice = search(&job, &axes(), 1000, 3, &Cancel::default()).unwrap();
        prop_assert_eq!(report, twice);
    }
}

#[test]
fn a_raised_flag_stops_the_search() {
    let cancel = Cancel::default();
    cancel.stop();
    assert!(search(&job(model(12, 32, 1), 16, 32), &axes(), 10, 1, &cancel).is_err());
}

#[test]
fn bytes_that_collectives_send() {
    let job = job(model(12, 32, 1), 8, 32);
    let group = Group::new(&job.machine, &job.constants, 8, 1);
    // A ring all-reduce of 6,738,415,616 gradients in 2 bytes over 8 ranks.
    assert_eq!(2.0 * group.half_bytes(2.0 * 6_738_415_616.0), 23_584_454_656.0);
    // Two tensor-parallel all-reduces forward of 2048 × 12288 activations in 2 bytes.
    assert_eq!(2.0 * 2.0 * group.half_bytes(50_331_648.0), 176_160_768.0);
}

#[test]
fn degrees_that_do_not_fit_into_a_word_are_refused() {
    let job = job(model(12, 32, 1), 16, 32);
    let fits = |change: fn(&mut Layout)| {
        let mut l = axes().base;
        (l.tp, l.pp, l.cp, l.ep, l.dp, l.micro_batch, l.virtual_stages) = (1, 1, 1, 1, 16, 1, 1);
        change(&mut l);
        l.check(&job, false)
    };
    assert_eq!(fits(|_| ()), Ok(()));
    // 2^32 * 2^32 * 16 wraps around to 0, 2^63 * 2 too.
    assert_eq!(fits(|l| (l.tp, l.pp) = (1 << 32, 1 << 32)), Err(Refusal::Devices));
    assert_eq!(fits(|l| l.micro_batch = 1 << 60), Err(Refusal::Batch));
    assert_eq!(fits(|l| l.virtual_stages = 0), Err(Refusal::Pipeline));
}

#[test]
fn sizes_beyond_a_word_are_refused() {
    let mut big = model(12, 32, 1);
    big.head_size = 1 << 63;
    assert!(Parameters::exact(&big).is_err());
    assert!(search(&job(model(12, 32, 1), 16, 32), &axes(), usize::MAX, 64, &Cancel::default()).is_ok());
}
