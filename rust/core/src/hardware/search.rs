//! Every layout of a job, ranked: one pass over all axes, passes of a micro-batch shared between layouts.
