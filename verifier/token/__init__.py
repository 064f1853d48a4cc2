"""Tokens that agencies keep instead of NIKs: their domains, and the residents behind them."""
