"""Racks side by side: which inputs differ, which figures changed, and why."""
