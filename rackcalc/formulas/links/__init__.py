"""Moving bytes between chips: single transfers, collectives among GPUs, bit errors on the way."""
