"""The recorded graph of a result run again with other values: intervals, draws, design spaces.

Imports estimation and what is below it.
"""
