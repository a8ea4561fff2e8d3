"""Why a rack cannot be computed: requirements whose refusals name their place in the file and how to fix it.

Imports serving and what is below it.
"""
