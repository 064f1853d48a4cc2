"""The contract, version 1: generated from proto/padan/v1 by proto/generate."""
