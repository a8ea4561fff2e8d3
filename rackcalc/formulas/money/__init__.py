"""Cost, income and return.

Purchase, running cost, cost per token, net present value, the value of a shorter latency.
"""
