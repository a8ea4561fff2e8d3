"""rackcalc sweep: every point of a design space, streamed: index -> box -> filter -> reduce. The grid is never built."""
