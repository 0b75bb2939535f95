//! Whatever happens to a file on its way, conversion returns, keeps its promises, and does the same again.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use convert::fixtures::damage::Damage;
use convert::fixtures::{self, Fixture, promises};
use convert::{ConvertError, Document, FileType, Input, Options, convert};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestRunner};

static FIXTURES: LazyLock<Vec<Fixture>> = LazyLock::new(fixtures::all);

/// As in the child process.
const STACK: usize = 64 << 20;

/// Small limits, so that runs that reach them are quick.
fn options() -> Options {
    Options {
        open: FileType::ALL.into(),
        max_output_bytes: 4 << 20,
        max_unpacked_bytes: 16 << 20,
        ..Options::default()
    }
}

/// Converts on a thread of its own. `None` when a parser panicked: those are not ours, and the child process catches it.
fn outcome(name: &str, bytes: &[u8]) -> Option<Result<Document, ConvertError>> {
    std::thread::scope(|scope| {
        let work = || {
            let input = Input {
                name,
                bytes,
                content_type: None,
            };
            catch_unwind(AssertUnwindSafe(|| convert(&input, &options()))).ok()
        };
        let thread = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        thread.unwrap().join().unwrap()
    })
}

fn check(name: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    let first = outcome(name, bytes);
    if let Some(result) = &first {
        let broken = promises::broken(result, &options());
        prop_assert!(broken.is_none(), "{name}: {}", broken.unwrap_or_default());
    }
    prop_assert!(
        first == outcome(name, bytes),
        "{name}: not the same the second time"
    );
    Ok(())
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (0..1000u16).prop_map(Damage::Cut),
        (1..64u16, any::<u64>()).prop_map(|(bits, seed)| Damage::Flip { bits, seed }),
        any::<u64>().prop_map(|seed| Damage::Smear { seed }),
        any::<u64>().prop_map(|seed| Damage::Blank { seed }),
    ]
}

/// The checks damage files in the same way every time: some damage makes a parser of somebody else's allocate without bound, which
/// only a child process survives, and fuzzing looks for that.
const SEED: u64 = 1;

/// `LONGSHORE_TEST_SEED` runs others, `PROPTEST_CASES` more.
#[test]
fn damaged_files_are_refused_or_converted() {
    let given = std::env::vars().find(|(name, _)| name == "LONGSHORE_TEST_SEED");
    let seed = given.map_or(SEED, |(_, seed)| seed.parse().unwrap());
    println!("LONGSHORE_TEST_SEED={seed}");
    let config = Config {
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    };
    // Panics of parsers are expected here, and their messages would bury the one that counts.
    std::panic::set_hook(Box::new(|_| {}));
    let ran = TestRunner::new(config).run(&(0..FIXTURES.len(), damage()), |(number, damage)| {
        let fixture = &FIXTURES[number];
        check(fixture.name, &damage.apply(&fixture.bytes))
    });
    drop(std::panic::take_hook());
    ran.unwrap_or_else(|error| panic!("LONGSHORE_TEST_SEED={seed}\n{error}"));
}

#[test]
fn whole_files_keep_the_promises() {
    for fixture in FIXTURES.iter() {
        check(fixture.name, &fixture.bytes).unwrap();
    }
}

/// The start of a file is what detection looks at and where lengths are stated: every short prefix, and every kind of file
/// under the name of every other.
#[test]
fn starts_and_wrong_names_are_refused_or_converted() {
    std::panic::set_hook(Box::new(|_| {}));
    let checked = FIXTURES.iter().try_for_each(|fixture| {
        for length in (0..64).chain((64..2048).step_by(97)) {
            check(fixture.name, &fixture.bytes[..length.min(fixture.bytes.len())])?;
        }
        FIXTURES
            .iter()
            .step_by(3)
            .try_for_each(|other| check(other.name, &fixture.bytes))
    });
    drop(std::panic::take_hook());
    checked.unwrap();
}
