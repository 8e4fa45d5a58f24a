"""Secure multi-party computation by the small engine: additive sharing."""

from placet.protocols.mpc.additive import Vector, encode, reconstruct, scatter, sum_shares

__all__ = ["Vector", "encode", "reconstruct", "scatter", "sum_shares"]
