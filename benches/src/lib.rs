//! Benchmarks: see `benches/`. Each measures a part beside its ceiling, in the same run.
