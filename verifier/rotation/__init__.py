"""Rotation: an epoch moved into one under new outer keys, or projected anew under inner ones, beside the service."""
