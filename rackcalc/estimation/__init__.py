"""THE calculation: estimate.py is the summary page, result.py what it returns.

Imports feasibility and what is below it.
"""
