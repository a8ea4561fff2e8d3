"""What a rack file and the catalog may contain: frozen dataclasses whose fields declare unit, bounds and meaning.

Imports only quantities.
"""
