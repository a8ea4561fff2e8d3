"""`make schemas`."""

from rackcalc.schemas import write_all

write_all()
