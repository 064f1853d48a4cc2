"""Whether the copy is right: the registry's own rows, held through the keys against what the vault holds of them."""
