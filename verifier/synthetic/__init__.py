"""A fictional population of any size, seeded: for demonstrations, tests and measurements.

Nobody in it exists. Every NIK and every family card number has a serial of 9000 or more, which no office has reached
for one district and one day, so that a synthetic number is recognised at sight. Names are drawn from parts that are
common among each people (data/peoples), whole names at the registry's published frequencies (data/popular.toml).
"""
