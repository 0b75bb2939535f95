#!/usr/bin/env bash
# Runs every fuzz target for SECONDS each, or all of them for 60 seconds together: smoke.sh [SECONDS] [TARGET...]
# Ends with 1 when there are findings; they lie in artifacts/TARGET.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-0}
shift || true
target_dir=${FUZZ_TARGET_DIR:-target}

# No sanitizer: those need a nightly compiler, and there is no unsafe code of ours to look into.
cargo fuzz build --sanitizer none --target-dir "$target_dir"
host=$(rustc -vV | sed -n 's/^host: //p')
"$target_dir/$host/release/seeds" ${FUZZ_SEEDS:+"$FUZZ_SEEDS"}

targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    mapfile -t targets < <(cargo fuzz list | grep -v '^seeds$')
fi
if [ "$seconds" = 0 ]; then
    seconds=$((60 / ${#targets[@]}))
    seconds=$((seconds < 2 ? 2 : seconds))
fi

# The limits are those of the child process, roughly.
limits=(-timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=1024 -max_len=131072)
findings=0
for target in "${targets[@]}"; do
    mkdir -p "artifacts/$target"
    log="artifacts/$target.log"
    if "$target_dir/$host/release/$target" "corpus/$target" "${limits[@]}" \
        -max_total_time="$seconds" -artifact_prefix="artifacts/$target/" -print_final_stats=1 >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "$target: ${runs:-?} inputs, nothing found"
    else
        findings=$((findings + 1))
        echo "$target: FOUND"
        grep -E 'panicked at|overflowed its stack|ERROR: libFuzzer|memory allocation|artifact_prefix|Test unit written' "$log" | tail -5 || true
    fi
done
[ "$findings" = 0 ] || { echo "$findings targets found something; replay with: $target_dir/$host/release/TARGET artifacts/TARGET/FILE"; exit 1; }
