"""Institutions on this machine: a chain, a node and a vault each, an enroller. For trying out, examples and tests."""
