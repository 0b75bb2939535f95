#!/usr/bin/env bash
# Every check that decides whether a change may land: format, lints, docs, dependency policy, tests.
# Needs Debian (or anything with a C compiler) and Rust; installs cargo-deny into target/tools when it is not there, and
# uses cargo-nextest when it is.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH="$PWD/target/tools/bin:$PATH"
export RUST_BACKTRACE=${RUST_BACKTRACE:-0}

step() { printf '\n== %s (%s s so far)\n' "$1" "$SECONDS"; }

have() { command -v "$1" >/dev/null 2>&1; }

if ! have cc || ! have c++; then
  step "C compiler (for SQLite, the grammars and the vector store)"
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get -qq update
  $sudo apt-get -qq -y install build-essential
fi

step "format"
cargo fmt --all --check

# Features are resolved for the whole workspace in every step: a selection of packages would resolve others, and build
# the vector store, which takes minutes, once more.
step "build"
cargo build --locked --workspace --all-targets

step "tests"
if have cargo-nextest; then
  cargo nextest run --locked --workspace --profile ci
  cargo test --locked --workspace --doc
else
  cargo test --locked --workspace
fi

step "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings

step "docs"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

step "dependency policy"
if ! have cargo-deny; then
  # Unoptimised: it runs for seconds, and is compiled in half the time.
  cargo install --locked --quiet --debug --root target/tools cargo-deny
fi
# Advisories need their database from GitHub; where it cannot be reached, the rest of the policy still holds.
cargo deny --locked check bans licenses sources
cargo deny --locked check advisories || { [ "${LONGSHORE_ADVISORIES:-}" != required ] && echo "advisories were not checked"; }

step "all passed"
