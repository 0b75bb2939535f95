#!/usr/bin/env bash
# Requests of every form that the OpenAPI document allows, and of many that it does not, against a running service: no answer may
# be a server error, and each must be as the document says. Made from a seed, which is printed; LONGSHORE_TEST_SEED=… replays.
#
# Usage: tests/schemathesis.sh [SECONDS]. Needs target/debug/longshore and target/tools/schemathesis (tests/run.sh makes both).
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-90}
seed=${LONGSHORE_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
work=$(mktemp -d)
service=""
finish() {
  [ -z "$service" ] || kill "$service" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

mkdir "$work/docs"
for number in 1 2 3 4 5; do
  printf '# Document %s\n\nCranes and quays, berth %s.\n' "$number" "$number" >"$work/docs/guide$number.md"
done

LONGSHORE_ADMIN_KEY=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
export LONGSHORE_ADMIN_KEY
# The name that the examples of the document use.
target/debug/longshore up "$work/docs" --name team-docs --data-dir "$work/data" --listen 127.0.0.1:0 --rate-per-key 0 \
  2>"$work/log" &
service=$!
url=""
for _ in $(seq 600); do
  url=$(grep -o 'http://[0-9.:]*' "$work/log" | head -1 || true)
  [ -n "$url" ] && break
  kill -0 "$service" 2>/dev/null || { cat "$work/log"; exit 1; }
  sleep 0.1
done

echo "LONGSHORE_TEST_SEED=$seed"
failed=0
program=$PWD/target/tools/schemathesis/bin/schemathesis
# It leaves notes where it runs.
cd "$work"
NO_PROXY='*' "$program" --config-file /dev/null run "$url/openapi.json" \
  --header "Authorization: Bearer $LONGSHORE_ADMIN_KEY" \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance \
  --phases examples,coverage,fuzzing --max-examples 25 --max-time "$seconds" --seed "$seed" --generation-database none \
  --request-timeout 30 --continue-on-failure --suppress-health-check all --warnings off --no-color >"$work/report" || failed=$?
if [ "$failed" != 0 ]; then
  cat "$work/report"
  echo "the service said:"; tail -20 "$work/log"
  echo "replay with LONGSHORE_TEST_SEED=$seed tests/schemathesis.sh"
  exit 1
fi
tail -15 "$work/report"
# It has to be there still, and well.
kill -0 "$service"
