"""The splits of the work between GPUs and LPUs: from a rack to a model of its service on an idle rack.

Imports config and what is below it.
"""
