"""What can be asked of racks: explain, compare, gates, claims, sweep, solve, uncertainty.

Imports replay and what is below it.
"""
