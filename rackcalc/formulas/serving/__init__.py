"""From passes to service: batches, engines under load, work split between chips, a second software stack."""
