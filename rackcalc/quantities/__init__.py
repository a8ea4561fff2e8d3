"""Numbers that know their unit and their source, and problems that know their place.

Imports nothing else of rackcalc.
"""
