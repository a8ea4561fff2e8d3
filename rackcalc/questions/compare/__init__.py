"""Racks side by side: what differs, what moved, and why."""
