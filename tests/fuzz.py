"""make fuzz: every setting of every rack under every load, and pairs of settings at random.

python tests/fuzz.py [PAIRS [SEED]] prints what crashes, speaks of inf or nan, or is accepted in silence; exit 1 if any.
"""

import random
import sys

from test_settings import LOADS, RACKS, faults_of_pairs, without_answer


def main() -> int:
    """Run both walks."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    found = 0
    print(f"seed {seed}")
    for fault in faults_of_pairs(seed, pairs):
        print(fault, flush=True)
        found += 1
    for rack in RACKS:
        for load_name in LOADS:
            for fault in without_answer(rack, load_name):
                print(f"{rack}, {load_name}: {fault}", flush=True)
                found += 1
    print(f"{pairs:,} pairs and every setting: {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
