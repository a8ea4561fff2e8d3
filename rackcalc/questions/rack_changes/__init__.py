"""Racks before and after a change of a repository: which is which, and whether the change keeps the gates."""
