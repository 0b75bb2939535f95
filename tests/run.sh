#!/usr/bin/env bash
# Every check that decides whether a change may land: format, lints, docs, dependency policy, tests.
# Needs Debian 12 and Rust. Installs what is missing: a C compiler, PostgreSQL, RabbitMQ, npm, poppler, tesseract, openssl, curl,
# Prometheus, Python's venv and docker-compose from Debian; Azurite, schemathesis, cargo-deny and what checks deploy/ into
# target/tools. Uses cargo-nextest when it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH="$PWD/target/tools/bin:$PATH"
export RUST_BACKTRACE=${RUST_BACKTRACE:-0}

step() { printf '\n== %s (%s s so far)\n' "$1" "$SECONDS"; }

have() { command -v "$1" >/dev/null 2>&1; }

# Backends that the fleet's tests start as child processes of their own. Nothing of them has to run beforehand.
missing=()
{ have cc && have c++; } || missing+=(build-essential)
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
[ -e /usr/lib/rabbitmq/bin/rabbitmq-env ] || missing+=(rabbitmq-server)
have npm || missing+=(nodejs npm)
{ have pdftotext && have pdftoppm; } || missing+=(poppler-utils)
have tesseract || missing+=(tesseract-ocr)
have openssl || missing+=(openssl)
have curl || missing+=(curl)
have docker-compose || missing+=(docker-compose)
# For promtool, and a server that tests start on a port of their own; the package's own service may run or not.
{ have prometheus && have promtool; } || missing+=(prometheus)
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  step "packages: ${missing[*]}"
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get -qq update
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "${missing[@]}"
fi
if ! have azurite-blob && [ ! -e target/tools/azurite/node_modules/.bin/azurite-blob ]; then
  step "Azurite, the emulator of Azure Blob Storage"
  npm install --prefix target/tools/azurite --no-audit --no-fund --omit=dev --loglevel=error azurite@3.35.0
fi

if [ ! -x target/tools/schemathesis/bin/schemathesis ]; then
  step "schemathesis, requests made from the OpenAPI document"
  python3 -m venv target/tools/schemathesis
  target/tools/schemathesis/bin/pip install --quiet --disable-pip-version-check schemathesis==4.32.5
fi

step "documentation: links, pages, and the site where mdbook is installed"
docs/check.sh

step "dependencies that nothing uses"
python3 tests/unused.py
# It looks for the same, where it is installed: compiling it takes longer than all other checks of this kind.
if have cargo-machete; then cargo machete; fi

step "format"
cargo fmt --all --check

step "rules of Prometheus"
promtool check rules deploy/prometheus/rules/*.yml
promtool test rules deploy/prometheus/tests/alerts.yml

# Features are resolved for the whole workspace in every step: a selection of packages would resolve others, and build
# the vector store, which takes minutes, once more.
step "build"
cargo build --locked --workspace --all-targets

beside() {
  cargo clippy --locked --workspace --all-targets -- -D warnings
  RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
  # Unoptimised: it runs for seconds, and is compiled in half the time.
  have cargo-deny || cargo install --locked --quiet --debug --root target/tools cargo-deny
}

step "tests, with lints and docs beside them"
if have cargo-nextest; then
  # What is built is listed first, so that nobody waits for the build folder's lock. Fleets leave the machine idle much of the time.
  cargo metadata --locked --format-version 1 >target/metadata.json
  cargo nextest list --locked --workspace --profile ci --list-type binaries-only --message-format json >target/tests.json
  export -f beside have
  nice -n 19 bash -euo pipefail -c beside >target/beside.log 2>&1 & beside=$!
  cargo nextest run --profile ci --cargo-metadata target/metadata.json --binaries-metadata target/tests.json
  step "lints and docs"
  wait "$beside" || { cat target/beside.log; exit 1; }
  cargo test --locked --workspace --doc
else
  # Tests of whole processes and fleets one after the other.
  cargo test --locked --workspace -- --test-threads=2
  beside
fi

step "deployments"
deploy/test.sh

step "requests of every form"
# The same for every change, as the simulated fleets are; by itself the script makes others each time.
LONGSHORE_TEST_SEED=${LONGSHORE_TEST_SEED:-832340988} tests/schemathesis.sh 60

step "dependency policy"
# Advisories need their database from GitHub; where it cannot be reached, the rest of the policy still holds.
cargo deny --locked check bans licenses sources
cargo deny --locked check advisories || { [ "${LONGSHORE_ADVISORIES:-}" != required ] && echo "advisories were not checked"; }

step "all passed"
