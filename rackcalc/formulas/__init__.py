"""The formulas, one folder per subject: pure functions with units, a citation and an example.

They import only the specifications of parts and the quantities.
"""
