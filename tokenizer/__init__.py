"""Personal data to keyed values. Pure: no clock, no socket, no database.

Guarantees: the same input and the same keys give the same values, except that absent slots of a record are filled with
random bytes. Assumes that whoever calls holds the inner keys (`keys`) and may see raw values.
"""
