"""Protocols between institutions: parties, a channel, and what each may learn.

Nothing here knows of chains, consents or jobs. What each party and each set of colluding parties learns stands in
`docs/explanation/protocols.md`.
"""
