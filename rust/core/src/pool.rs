//! Threads for one call. They end with it, so a forked child starts with none missing and
//! nothing is ever nested.

use crate::error::Result;

/// Runs `work` on the calling thread, or on `threads` threads until all have returned.
///
/// # Errors
/// The first error of any thread.
pub(crate) fn run(threads: usize, work: impl Fn() -> Result<()> + Sync) -> Result<()> {
    if threads <= 1 {
        return work();
    }
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        let ends = handles.into_iter().map(|h| h.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ends.collect::<Vec<_>>().into_iter().collect()
    })
}
