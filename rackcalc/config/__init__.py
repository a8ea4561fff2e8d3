"""YAML text -> document -> spec: rack files, catalog parts, overrides, Hugging Face files, streams of racks.

Imports spec and quantities.
"""
