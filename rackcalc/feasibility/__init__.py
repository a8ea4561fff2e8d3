"""What cannot be answered, and why: refusals that name their place in the file and how to fix it.

Imports serving and what is below it.
"""
