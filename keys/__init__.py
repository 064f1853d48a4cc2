"""Who may use which key, when. Imports padan only."""
