"""Serving: engines under load, token rates, models split between pools of chips, a second software stack."""
