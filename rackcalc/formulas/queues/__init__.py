"""Waits in queues: the laws of the standard queues, latency under load, and GPUs shared with other work."""
