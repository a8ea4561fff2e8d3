"""rackcalc solve, goal seek and break-even: the first or best point of a design space at which criteria hold."""
