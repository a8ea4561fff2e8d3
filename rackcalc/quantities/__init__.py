"""Numbers that carry their unit and their source, and problems that carry their place in the input.

Imports nothing else of rackcalc.
"""
