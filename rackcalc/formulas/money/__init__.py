"""Costs, revenue and return on investment.

Prices, running costs, cost per token, net present value, payback, and the value of a shorter latency.
"""
