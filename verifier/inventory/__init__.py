"""What keys there are, how they stand, what they were used for, and what the loss of one would mean."""
