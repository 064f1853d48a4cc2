"""Captures of a resident: opened, compared with protected references, and answered yes or no."""
