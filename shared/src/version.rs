//! What a program says to `--version`.

/// Version and, in a release, the commit that it was built from: `0.1.0 (0123456789ab)`.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("LONGSHORE_BUILD"));
