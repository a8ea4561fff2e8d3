"""The command line: options, exit codes, and what goes to which stream. Imports everything else but the Python API."""
