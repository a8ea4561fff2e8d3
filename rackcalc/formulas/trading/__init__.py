"""Trading: a rack's time beside that of an exchange."""
