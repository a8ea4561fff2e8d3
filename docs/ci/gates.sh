#!/bin/sh
# Any other CI: gates.sh [COMMIT [PATH...]]. Racks must keep their limits, and not be much dearer than in COMMIT, where
# the present branch left it. Needs the whole history. Writes gates.xml (JUnit) and gates.md (a comment).
# Exit codes: 0 kept, 3 broken, 2 something cannot be known, such as what the racks were.
set -eu
commit=${1:-origin/main}
[ $# -eq 0 ] || shift

rackcalc diff "$commit..." "$@" \
    --fail-if "delta(cost.tco) > 5 %" \
    --fail-if "latency.p99 > 2 ms" \
    -o gates.xml -o gates.md
