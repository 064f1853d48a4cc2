"""Disputes: an agency contests an answer that it got, and the registry's officer decides by the agreement's clock."""
