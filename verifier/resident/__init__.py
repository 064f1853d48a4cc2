"""What the registry's officers decide about one resident: marks, and the reset of a budget."""
