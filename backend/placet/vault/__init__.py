"""The process that keeps an institution's data and is the only one that can read them.

It trusts neither its node nor the sponsor: rows leave it only for a job that *its own* chain endpoint shows opened, at
the network's confirmation depth, and only rows whose owner's consent it has checked itself and finds alive.
"""
