"""Time on GPUs: kernels, layers, whole forward passes; and the memory that a model needs there."""
