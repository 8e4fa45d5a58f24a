"""Poseidon of two field elements (Grassi, Khovratovich, Rechberger, Roy, Schofnegger, Usenix Security 2021) over BN254
in circomlib's parameters: t = 3, 8 full and 57 partial rounds."""

from __future__ import annotations

from placet.protocols.zk.extra import light_poseidon


def poseidon(left: int, right: int) -> int:
    """P of two field elements."""
    return int(light_poseidon.poseidon_hash([left, right]))
