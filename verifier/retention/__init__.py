"""Retention: what the service keeps, for how long, and how it goes when its time is over."""
