"""The journal as a process of its own: one writer commits for all workers of a host, over a Unix socket."""
