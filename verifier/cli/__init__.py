"""The server-side command lines, a file a group."""
