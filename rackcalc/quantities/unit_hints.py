"""What to write instead of a unit that cannot be read, or that could mean two things."""

import re

from rackcalc.quantities.units_table import TABLE

# (what was typed, which unit the field has or "" for any, what to say)
_HINTS = (
    (r"[kMG]?VA", "", "that is apparent power: write kW, which is kVA times the power factor"),
    (r"(EUR|GBP|CHF|JPY|CNY|euros?|cents?|ct)(/.*)?", "", "rackcalc counts in USD: convert it"),
    (r"M+(BTU|Btu)(/h|/hr|H)?|MBH", "", "M is a thousand there in some trades, a million in others: write kBTU/h"),
    (r"k?BTU[Hh]", "", "write BTU/h"),
    (r"[tT][pP][sS]", "", "write token/s or request/s"),
    (r"[tT][pP][mM]", "", "write token/min"),
    (r"[rR][pP][mM]", "", "write request/min"),
    (r"[MG]T/s", "", "a transfer carries as many bits as the link has lanes: write GB/s"),
    (r"([GTPE])F", "", "write TFLOP/s"),
    (r"[a-z]?bps/.*", "", "bps is a bit per second; write bp for a basis point"),
    (r"bps", "1", "bps is a bit per second; write bp for a basis point"),
    (r"([kmgt])(bps|b/s|bit/s|bits/s|bytes?/s)", "", "write {upper}bit/s or {upper}B/s"),
    (r"[bB]", "1", "B is a byte; for billions write 70e9"),
    (r"[kKMGT]", "1", "write the number out, such as 70e9"),
    (r"[kKMGT]", "token", "write 8192 token, or 8 ktoken for 8,000"),
    (r"[cCfF]", "K", "write degC or degF"),
    (r"\d.*", "", "write the number without spaces"),
)


def hint(typed: str, unit: str, example: str) -> str:
    """': ...', what to write instead of the typed unit in a field of that unit; "" when nothing is known."""
    for pattern, field, words in _HINTS:
        match = re.fullmatch(pattern, typed)
        if match and field in ("", unit):
            prefix = match[1].upper() if match.groups() and match[1] else ""
            return ": " + words.replace("{upper}", prefix.replace("K", "k"))
    if re.fullmatch(r"[kKMGT]i?", typed):
        return f': that is only a prefix; write it with its unit, such as "{example}"'
    spaced = re.fullmatch(r"([kMGT])\s+(\S+)", typed)
    if spaced and spaced[1] + spaced[2] in TABLE:
        return f": write {spaced[1]}{spaced[2]} in one word"
    same = [text for text in TABLE if text.casefold() == typed.casefold() and text != typed]
    same = [text for text in same if TABLE[text][0] == unit] or same
    return f": case matters in units; write {' or '.join(sorted(same))}" if same else ""
