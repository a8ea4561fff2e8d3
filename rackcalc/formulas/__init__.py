"""The science, one folder per subject: pure functions with units, a citation and examples.

Imports only spec and quantities.
"""
