"""The questions that rackcalc answers about racks: explain, compare, gates, claims, sweep, solve, uncertainty.

Imports replay and what is below it.
"""
