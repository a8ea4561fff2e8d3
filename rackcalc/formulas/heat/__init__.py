"""Power and heat: power of chips and servers, cooling, chip temperatures, and the clocks that they allow."""
