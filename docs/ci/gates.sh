#!/bin/sh
# Any other CI: gates.sh RACK [COMMIT]. The rack must keep its limits, and not be much dearer than in COMMIT.
# Writes gates.xml (JUnit) and gates.md. Exit codes: 0 kept, 3 broken, 2 wrong input.
set -eu
rack=$1
commit=${2:-origin/main}

base=$(dirname "$rack")/.base.$$ # beside the rack: paths in it are relative to it
trap 'rm -f "$base.yaml" "$base.json"' EXIT
git show "$commit:./$rack" > "$base.yaml" 2> /dev/null || cp "$rack" "$base.yaml"
rackcalc estimate "$base.yaml" --json > "$base.json"
rackcalc check "$rack" \
    --baseline "$base.json" --fail-if "delta(cost.tco) > 5 %" \
    --fail-if "latency.p99 > 2 ms" \
    -o gates.xml -o gates.md
