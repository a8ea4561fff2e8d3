"""rackcalc sweep: every point of a design space, as a stream: number -> box -> filter -> reduce. No grid is built."""
