"""Equipment around a rack: coolant distribution, outdoor cooling, electrical supply, their prices, water and carbon."""
