"""Communication between chips: transfers over a link, collectives among GPUs, bit errors and their correction."""
