"""From YAML text to a spec: rack files, catalog parts, overrides, ranges to vary, Hugging Face files, streams of racks.

Imports spec and quantities.
"""
