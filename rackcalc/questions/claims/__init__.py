"""What is claimed about a rack, judged by what rackcalc computes. docs/gates.md defines the verdicts."""
