"""Rotation of the outer keys: every row of an epoch moved into a new one under new keys, while the service answers."""
