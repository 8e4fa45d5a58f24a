"""Private set intersection: where my rows stand in a peer's secret order."""

from placet.protocols.psi.ecdh import Placement, arrange, place

__all__ = ["Placement", "arrange", "place"]
