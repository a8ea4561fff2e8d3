"""The calculation of a rack: estimate.py holds its order, result.py the records it returns.

Imports feasibility and what is below it.
"""
