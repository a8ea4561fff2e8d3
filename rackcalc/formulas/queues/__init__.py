"""Waiting under load: the laws of queues, and waits beside other work on the same chips."""
