"""The projector: the only place where raw people and keys meet.

It reads the registry's rows, projects each into keyed values, seals them and writes a vault epoch. Nothing raw is
written to a disk: what it keeps for resuming are runs of sealed rows. It runs as a process of its own, with a database
role of its own.
"""
