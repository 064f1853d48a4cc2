"""Biometric references: protected templates of residents, kept in the vault's database beside the epochs' people."""
