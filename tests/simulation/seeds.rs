//! Many fleets, none of which may break a promise.

use anyhow::ensure;
use tests::simulation::run;

/// Fleets in all, over every part, unless `LONGSHORE_SIMULATION_FLEETS` says otherwise.
const FLEETS: u64 = 4_000;
const PARTS: u64 = 20;

/// Runs a share of the seeds; the parts run side by side.
fn part(part: u64) -> anyhow::Result<()> {
    let begin = number("LONGSHORE_SIMULATION_BEGIN").unwrap_or(0);
    let fleets = number("LONGSHORE_SIMULATION_FLEETS").unwrap_or(FLEETS);
    let mut broken = Vec::new();
    for seed in (begin..begin + fleets).filter(|seed| seed % PARTS == part) {
        if !holds(seed)? {
            broken.push(seed);
        }
        ensure!(
            broken.len() < 3,
            "three fleets broke a promise, see above: {broken:?}"
        );
    }
    ensure!(
        broken.is_empty(),
        "fleets that broke a promise, see above: {broken:?}"
    );
    Ok(())
}

fn number(name: &str) -> Option<u64> {
    std::env::var_os(name)?.to_str()?.parse().ok()
}

/// Runs a seed, and tells how to replay it if it breaks a promise.
#[expect(clippy::print_stdout, reason = "shown with the output of a failed test")]
fn holds(seed: u64) -> anyhow::Result<bool> {
    let outcome = run(seed, None)?;
    let Some(violation) = &outcome.violation else {
        return Ok(true);
    };
    println!("{}\n\n{violation}", outcome.trace);
    println!("again: LONGSHORE_TEST_SEED={seed} cargo nextest run --workspace -E 'test(/^seeds::one$/)'\n");
    Ok(false)
}

/// The seed that is to be replayed, or any.
#[test]
fn one() -> anyhow::Result<()> {
    ensure!(
        holds(tests::random::seed())?,
        "a fleet broke a promise, see above"
    );
    Ok(())
}

macro_rules! parts {
    ($($name:ident $number:literal)*) => {
        $(
            #[test]
            fn $name() -> anyhow::Result<()> {
                part($number)
            }
        )*
    };
}

parts! {
    part_00 0 part_01 1 part_02 2 part_03 3 part_04 4 part_05 5 part_06 6 part_07 7 part_08 8 part_09 9
    part_10 10 part_11 11 part_12 12 part_13 13 part_14 14 part_15 15 part_16 16 part_17 17 part_18 18 part_19 19
}
