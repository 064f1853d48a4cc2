"""What an auditor may read of the log: a signed, versioned document for each auditor."""
