"""rackcalc uncertainty: how sure the figures are, and which doubt matters most."""
