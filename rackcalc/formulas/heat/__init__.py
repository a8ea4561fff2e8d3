"""Power and heat: what chips and servers draw, how it is carried off, and the clocks that temperatures allow."""
