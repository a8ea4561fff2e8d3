"""The draws of a Latin hypercube: levels of the normal law, and in which order each leaf of an estimate takes them."""

from functools import lru_cache
from zlib import crc32

from rackcalc.replay.distributions import Column, Law

# Quantiles of the normal law at the middles of 45 equal slices, upper half, in units of its 90 % quantile. With 45
# slices (55 or 65 would do as well) one middle is exactly on that quantile. More draws: less noise, more time.
UPPER = (
    0.043488, 0.087111, 0.131008, 0.175325, 0.220214, 0.265846, 0.312405, 0.360105, 0.409192, 0.459955, 0.512745,
    0.567994, 0.62625, 0.688227, 0.754883, 0.827561, 0.908235, 1.0, 1.108172, 1.243195, 1.431011, 1.784203,
)  # fmt: skip
LEVELS = (*(-x for x in reversed(UPPER)), 0.0, *UPPER)
TAIL = 4  # levels beyond the 10 % quantile

# Orders of the levels that hardly correlate (0.006 root mean square, 0.021 at most), a letter a level: for the leaves
# in most doubt, whose chance correlation would distort a width most. Made by swapping levels as long as that helped.
_LETTERS = """
FqAYKdNCabhOoUcRQjXmMPGEJfSpelTIHsDWBgVkLinZr aEDWFmkTIULHSfOXhRqNoBAiZrdlgGjseYcCKVnQMbPpJ
HoWEdmqjJlZBFcfSiabeXnrRGkIVgQTYLPhDNMpOUACKs JBnPbrMQeCNsEjZThFgOqpiIGYmkSLaXKcAdRDVUHWlfo
mNkJIrFQVBWGUZaApnMsEhlOqeDLcfjdKXPHTRgiboYSC FGQDcCLEAZaYUsePnXoMHSdTgipJRqrOfkNmhjKlbIBWV
LiMGZPVDpXNYbChraFfcASqkoenQdETHlWJIgBmUOjKsR hpKGsgNiXTAUCrJjBkmoRbPdOHfFnEWcYqZaIVLlMSeQD
fMRisNTkZKBbWIlHcCOLYAXEnUJQghFmepSaVPqodjDGr RjEobSBfGTPQFHCXeIYaVngsqUKiJdklpLDhAWOMrNcZm
FLMTPREkVqacjQSDXOUCgrodHBJInbZipsWAemfNGlYhK PrpUqJcIiAeRohmHSElQVkGdNLCsYOXjZTWFbgBafKDnM
iLRkFPIESrTOVbgNKDHqWsGcYMjfJAQoChZmnalpeXBUd oprUYFdZNQRGTPSIWbqOMaEjVJlDHnLgCeAcfksBKXimh
CPZkqLYOgpfQDBTWisnaVmJGXbEUHhRrdISlcFMoAeNjK qGLlTMiQaXUpehsYrnKdEbFRNJCBWDfZogPVHOSIcAjmk
TjFqGIDsABieSWrlcfpmoVYdKRJPgNOCLQXbkHaZMnEhU nPXYNUWKleGapRDQZrbMiIosEgHckfTdCqJmhAFLjOBSV
NlbkHZgJihOsDYfXTIaeMWQSqKULrnojBRpVEcGAFmCPd nkQKMpSUboOGLjWerYcBXiCDNAfalmJIhFPZTERdsqHgV
aFMQmPHXlkfRBscAIiTNLOYneoGhVKCDUJjdbgSEWqZrp JXKBYPrmFZTqlGNAgneaVkEisHjpoCMIdQOfhLWSRUcDb
fHdKXibMALEIpacsRgDFPnjVkTGmoYChUNSrJqWOBeQlZ JoWPMLTOINVcFkGQnRAXdEYifBUhZlSjHeramCgpKDqsb
VhCIiYEkUcOHpKqFXNMZgTeLPlrDnWasGBQdmRAJbSojf MUiqZQHfhrAKpobNsCljIOXkJYRngcTESDWdPVeaBLmFG
XaHWTIjEgNGFPmsldiQDpkbrqOURCYcZMVSBeKLfJonAh rcKlskVCDqmoOQNaiTMdpLeZjXWUgYJFEIBAhnSfRHPbG
DcFkOsiSRfUanrZTGPpjXImHqEJQAdBlhbNgoMVCeLWYK irUPOofpcYhaMQgKsNEJSLbkRjnTAIGWeqVmFlCZBdDXH
AURMNZQVrOBXCJqfgmDloTHiSbWdhkKPcaGensjIpFLYE PsarTMgEJWUOFfYHVcKBXQnCRmNdoApZhbGqkSlIeijLD
FSdVgsiWBfHhOEceaQbNAILqCRDPKMoXGYZTrmJjnplUk dVTmXoAHbFfIMERclZrCJjLSnhgWkPDOQqsYpaNKUBiGe
TEmhojSJGdqBLIsPKeOlWCbnMArpgafXkiZcHFUDRYVNQ UmcgQqAakRMineWOFsNDPGTYdHlbKJrXfBSLZhojEICVp
qhZHAPXBSWQkDJgIOTrjbGpfEMRYiaCmsFVcdnNoLUeKl EdqoWfcHQMaGglBYbSDphZCjVieAnTIRsXKOmNFUJkLPr
qXMlWLbgGTAcKSOVRjHmEkYDJiosFpeUnhdBrPICNaQZf iFAoSfskrDgBJVHPTIaULbhZXCYWldqKRQGmpnNjEMOec
pgiBRjIZVqQJUHhYGDWbrSFOofAXPcsClkTmnKNMELaed MRprHboVKdAJXGiCFfhNmcjPnZlIUTSBQegODaEqkLYsW
QPrWCIMscokKHiXpVeYUFDZJqTRnlGOmLjAEfaBhbNdSg SQbLhHPKdTJIfOCgsikpqFnDYBWZGAjRNalXVrMEcmUeo
"""
ORDERS = _LETTERS.split()
WIDE = 1.2  # high over low, from which on a leaf gets one of them; the others are shuffled


@lru_cache(maxsize=4096)
def _levels(law: Law) -> Column:
    return law.at(LEVELS)


@lru_cache(maxsize=4096)
def shuffled(name: str) -> list[int]:
    """An order of the levels that depends on the name alone."""
    state, places = crc32(name.encode()), list(range(len(LEVELS)))
    for i in range(len(places) - 1, 0, -1):
        state = (state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        j = (state >> 33) % (i + 1)
        places[i], places[j] = places[j], places[i]
    return places


class Orders:
    """The order of every leaf met so far, by name."""

    def __init__(self) -> None:
        self._orders: dict[str, list[int]] = {}
        self._taken: set[int] = set()

    def placed(self, law: Law, name: str) -> Column:
        """The levels of a law in the leaf's own order."""
        levels = _levels(law)
        if name not in self._orders:
            wide = levels[TAIL] <= 0 or levels[-1 - TAIL] > WIDE * levels[TAIL]
            self._orders[name] = self._apart(name) if wide and len(self._taken) < len(ORDERS) else shuffled(name)
        return list(map(levels.__getitem__, self._orders[name]))

    def _apart(self, name: str) -> list[int]:
        """One of ORDERS that no other leaf has: the name's own, or the next that is free."""
        slot = crc32(name.encode()) % len(ORDERS)
        while slot in self._taken:
            slot = (slot + 1) % len(ORDERS)
        self._taken.add(slot)
        return [ord(letter) - (65 if letter <= "Z" else 71) for letter in ORDERS[slot]]
