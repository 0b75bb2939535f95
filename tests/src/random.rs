//! Randomness that can be replayed.

/// The seed of this run, printed so that a failure can be replayed: set `LONGSHORE_TEST_SEED` to it.
#[must_use]
#[expect(clippy::print_stdout, reason = "shown with the output of a failed test")]
pub fn seed() -> u64 {
    let seed = std::env::var_os("LONGSHORE_TEST_SEED")
        .and_then(|seed| seed.to_str()?.parse().ok())
        .unwrap_or_else(rand::random);
    println!("LONGSHORE_TEST_SEED={seed}");
    seed
}
