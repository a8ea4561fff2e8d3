"""What somebody says about a rack, judged by what rackcalc computes. The verdicts are defined in docs/gates.md."""
