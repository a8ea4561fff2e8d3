"""rackcalc sweep: every point of a design space, computed in numbered boxes, filtered and reduced. No grid is built."""
