"""A remote for Amazon Photos: one abstract interface, many faces."""
