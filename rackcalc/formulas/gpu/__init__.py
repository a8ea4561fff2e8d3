"""Time on GPUs: kernels, layers, whole forward passes, and what fits into memory."""
