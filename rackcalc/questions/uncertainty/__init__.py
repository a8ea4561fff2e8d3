"""How sure the figures are, and which doubt matters most."""
