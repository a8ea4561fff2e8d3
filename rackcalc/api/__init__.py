"""The Python API: what `import rackcalc` offers. Composes the rooms below as the command line does; computes nothing.

Imports everything but cli. Nobody imports it but users, through the lazy names of rackcalc/__init__.py.
"""
