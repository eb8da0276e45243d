"""Numbers about one model."""
