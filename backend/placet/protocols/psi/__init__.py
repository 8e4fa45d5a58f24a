"""Private set intersection: which rows a peer has too, or where they stand in its secret order."""

from placet.protocols.psi.ecdh import BlindedList, Placement, arrange, intersect, place

__all__ = ["BlindedList", "Placement", "arrange", "intersect", "place"]
