"""The published tree: sequencing, tiles, checkpoints, and the proofs that come from them."""
