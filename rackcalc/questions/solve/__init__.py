"""Goal seek and break-even: the first, smallest or best point of a design space at which something holds."""
