"""Transparency logs: the tree of RFC 6962, and the C2SP texts on tiles, notes, checkpoints, policies and proofs."""
