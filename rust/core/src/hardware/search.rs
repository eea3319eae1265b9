//! Every layout of a job: one pass over all axes; the passes of a micro-batch are shared by the layouts that agree on them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::layer::{Micro, micro};
use super::layout::{Layout, Refusal, expert_fits, tensor_fits};
use super::machine::Job;
use super::memory::memory;
use super::step::step;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::pool;
use crate::transformer::Recompute;

/// Where to look.
#[derive(Debug, Clone, PartialEq)]
pub struct Axes {
    /// Degrees of tensor parallelism.
    pub tp: Vec<u64>,
    /// Pipeline stages.
    pub pp: Vec<u64>,
    /// Virtual stages.
    pub virtual_stages: Vec<u64>,
    /// Degrees of context parallelism.
    pub cp: Vec<u64>,
    /// Degrees of expert parallelism.
    pub ep: Vec<u64>,
    /// ZeRO stages.
    pub zero: Vec<u8>,
    /// Ranks that a ZeRO shard is spread over; 0 for all that there are.
    pub shards: Vec<u64>,
    /// Micro-batches.
    pub micro_batch: Vec<u64>,
    /// What is computed again.
    pub recompute: Vec<Recompute>,
    /// Settings that stay.
    pub base: Layout,
}

/// A layout that fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// The layout.
    pub layout: Layout,
    /// Seconds of a step.
    pub seconds: f64,
    /// Bytes of a device.
    pub bytes: f64,
}

/// What a search saw.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// The fastest, best first.
    pub best: Vec<Found>,
    /// Those that no other beats in both seconds and bytes, fastest first.
    pub front: Vec<Found>,
    /// The one that needs the least memory, where none fits.
    pub smallest: Option<Found>,
    /// Layouts whose time and memory were computed.
    pub tried: u64,
    /// Layouts that fit.
    pub fit: u64,
    /// Cuts that were refused, by [`Refusal`].
    pub refused: [u64; 7],
}

/// Tries every combination on `threads` threads; keeps the `keep` fastest.
///
/// # Errors
/// [`crate::error::Error::Cancelled`] once the caller asks to stop.
pub fn search(job: &Job, axes: &Axes, keep: usize, threads: usize, cancel: &Cancel) -> Result<Report> {
    let outer: Vec<(u64, u64, u64)> = product(axes);
    let (next, merged) = (AtomicUsize::new(0), Mutex::new(Report::default()));
    pool::run(threads.min(outer.len()), || {
        let mut own = Report::default();
        while let Some(&(tp, cp, ep)) = outer.get(next.fetch_add(1, Ordering::Relaxed)) {
            cancel.check()?;
            branch(job, axes, &Layout { tp, cp, ep, ..axes.base }, keep, &mut own);
        }
        // A poisoned lock means that another thread panicked, which the pool passes on.
        merged.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take_in(own, keep);
        Ok(())
    })?;
    let mut out = merged.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    out.best.sort_unstable_by(order);
    out.best.truncate(keep);
    out.front = front(out.front);
    // Before its first layout that fits, a thread remembers one that does not.
    out.smallest = out.smallest.filter(|_| out.fit == 0);
    Ok(out)
}

fn product(axes: &Axes) -> Vec<(u64, u64, u64)> {
    let pairs = axes.tp.iter().flat_map(|&tp| axes.cp.iter().map(move |&cp| (tp, cp)));
    pairs.flat_map(|(tp, cp)| axes.ep.iter().map(move |&ep| (tp, cp, ep))).collect()
}

/// Fastest first; ties by memory, then by the cut itself, so that threads change nothing.
fn order(a: &Found, b: &Found) -> std::cmp::Ordering {
    let key = |f: &Found| {
        let l = &f.layout;
        (l.tp, l.pp, l.cp, l.ep, l.virtual_stages, l.zero, l.shards, l.micro_batch, l.recompute)
    };
    a.seconds.total_cmp(&b.seconds).then(a.bytes.total_cmp(&b.bytes)).then_with(|| key(a).cmp(&key(b)))
}

/// The one that needs less memory.
fn leaner(a: &Found, b: &Found) -> std::cmp::Ordering {
    a.bytes.total_cmp(&b.bytes).then_with(|| order(a, b))
}

/// Those that are not beaten in both seconds and bytes.
fn front(mut all: Vec<Found>) -> Vec<Found> {
    all.sort_unstable_by(order);
    let mut least = f64::INFINITY;
    all.retain(|f| {
        let better = f.bytes < least;
        least = least.min(f.bytes);
        better
    });
    all
}

/// All layouts of one tensor-, context- and expert-parallel cut.
fn branch(job: &Job, axes: &Axes, l: &Layout, keep: usize, out: &mut Report) {
    if !tensor_fits(job, l.tp) {
        out.refused[Refusal::TensorParallel as usize] += 1;
        return;
    }
    for &micro_batch in &axes.micro_batch {
        let l = Layout { micro_batch, sequence_parallel: l.tp > 1 && axes.base.sequence_parallel, ..*l };
        let mut passes = None;
        for &pp in &axes.pp {
            let inner = l.tp.checked_mul(l.cp).and_then(|x| x.checked_mul(pp)).unwrap_or(0);
            if inner == 0 || !job.devices.is_multiple_of(inner) {
                out.refused[Refusal::Devices as usize] += 1;
                continue;
            }
            let dp = job.devices / inner;
            let l = Layout { pp, dp, shards: dp, ..l };
            if !expert_fits(job, l.ep, l.tp * l.cp * dp) {
                out.refused[Refusal::Experts as usize] += 1;
                continue;
            }
            stages(job, axes, &l, &mut passes, keep, out);
        }
    }
}

/// All interleavings, ZeRO stages, shards and recomputations of one cut.
fn stages(job: &Job, axes: &Axes, l: &Layout, passes: &mut Option<Micro>, keep: usize, out: &mut Report) {
    for &virtual_stages in &axes.virtual_stages {
        let l = Layout { virtual_stages, ..*l };
        if let Err(refusal) = l.check(job, true) {
            out.refused[refusal as usize] += 1;
            continue;
        }
        let passes = passes.get_or_insert_with(|| micro(job, &l));
        for &zero in &axes.zero {
            for layout in axes.shards.iter().filter_map(|&shards| sharded(&l, zero, shards)) {
                for &recompute in &axes.recompute {
                    weigh(job, &Layout { recompute, ..layout }, passes, keep, out);
                }
            }
        }
    }
}

/// The layout with states sharded over so many ranks, where that is a layout of its own.
fn sharded(l: &Layout, zero: u8, shards: u64) -> Option<Layout> {
    let own = shards == 0 || zero > 0 && shards < l.dp && l.dp.is_multiple_of(shards);
    own.then_some(Layout { zero, shards: if shards == 0 { l.dp } else { shards }, ..*l })
}

/// Time and memory of one layout.
fn weigh(job: &Job, layout: &Layout, passes: &Micro, keep: usize, out: &mut Report) {
    let bytes = memory(job, layout).total();
    out.tried += 1;
    if bytes > job.machine.memory {
        out.refused[Refusal::Memory as usize] += 1;
        let found = Found { layout: *layout, seconds: 0.0, bytes };
        if out.fit == 0 && out.smallest.is_none_or(|s| leaner(&found, &s).is_lt()) {
            out.smallest = Some(found);
        }
        return;
    }
    let seconds = step(job, layout, passes).total;
    out.add(Found { layout: *layout, seconds, bytes }, keep);
}

impl Report {
    fn add(&mut self, found: Found, keep: usize) {
        self.fit += 1;
        self.best.push(found);
        if self.best.len() > keep.saturating_mul(4).saturating_add(64) {
            self.best.sort_unstable_by(order);
            self.best.truncate(keep);
        }
        // Seconds rise and bytes fall along the front.
        let at = self.front.partition_point(|f| order(f, &found).is_lt());
        if at > 0 && self.front[at - 1].bytes <= found.bytes {
            return;
        }
        let end = at + self.front[at..].iter().take_while(|f| f.bytes >= found.bytes).count();
        self.front.splice(at..end, [found]);
    }

    fn take_in(&mut self, other: Self, keep: usize) {
        self.best.extend(other.best);
        self.best.sort_unstable_by(order);
        self.best.truncate(keep);
        self.front.extend(other.front);
        self.smallest = [self.smallest, other.smallest].into_iter().flatten().min_by(leaner);
        self.tried += other.tried;
        self.fit += other.fit;
        for (sum, n) in self.refused.iter_mut().zip(other.refused) {
            *sum += n;
        }
    }
}
