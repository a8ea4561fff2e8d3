"""Names that figures and keys had once: who types one is told the present name, and never gets another number."""

FORMER: dict[str, str] = {
    # figures
    "roi.value_terms.tokens": "write roi.value_terms.output_tokens; there are input_tokens and cached_tokens too",
    "cost.opex_terms.rent of gpu": "write cost.opex_terms.rent_gpu",
    "cost.opex_terms.rent of lpu": "write cost.opex_terms.rent_lpu",
    "cost.opex_terms.rent of rack": "write cost.opex_terms.rent_rack",
    # keys of a rack file
    "token_price": "write token_prices: {input: ..., output: ...}; token_price was the price of output tokens",
}


def called_now(typed: str) -> str:
    """'; write ...' for a former name; "" for all others.

    >>> called_now("cost.opex_terms.rent of gpu")
    '; write cost.opex_terms.rent_gpu'
    """
    return f"; {FORMER[typed]}" if typed in FORMER else ""
