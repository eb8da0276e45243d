"""Training in worker processes, one at a time for each device."""
