# `just` lists these; tests/run.sh is what decides.

default:
    @just --list

# Index a folder and keep the index true to it.
up dir="docs" *flags="":
    cargo run --release --bin longshore -- up {{dir}} {{flags}}

# Everything that decides whether a change may land.
test:
    tests/run.sh

# The tests alone.
quick:
    cargo build --workspace --bins
    cargo nextest run --workspace

# The documentation: its links, and the site in target/book where mdbook is installed.
book *flags="":
    docs/check.sh {{flags}}

# Format and lint.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Dependencies that nothing uses, and spelling.
tidy:
    cargo machete
    typos

# Kill and go on at random moments, many times. A seed replays one.
crash rounds="20":
    for round in $(seq {{rounds}}); do cargo test --workspace --test e2e crash:: || exit 1; done

# Simulated fleets from a seed on, each of which must keep the promises. `just simulate 1 SEED` replays one.
simulate fleets="10000" seed="0":
    LONGSHORE_SIMULATION_FLEETS={{fleets}} LONGSHORE_SIMULATION_BEGIN={{seed}} \
        cargo nextest run --profile simulate --workspace --no-fail-fast -E 'test(/^seeds::part/)'

# Beside other tools, on a real corpus; see benches/README.md.
bench *flags="":
    cargo run --release -p benches -- {{flags}}

# Every fuzz target for a while (60 seconds all together, or SECONDS each); see docs/decisions/fuzzing.md.
fuzz-smoke seconds="0":
    index-processor/convert/fuzz/smoke.sh {{seconds}}

# Conversion beside markitdown, the sandbox's overhead, and memory; see benches/README.md.
bench-conversion *flags="":
    cargo bench -p convert --bench conversion -- {{flags}}
