"""What a user and the catalog may say: frozen dataclasses whose fields declare unit, bounds and meaning.

Imports only quantities.
"""
