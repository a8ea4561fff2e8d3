"""Simulators that share no code with the package, for tests of its laws."""
