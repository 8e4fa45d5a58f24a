"""Which jobs a party can run again to the same bytes: those that take all randomness from its seed."""

from __future__ import annotations

from placet.core.plan import Terms

DETERMINISTIC = frozenset({"embedded", "okamoto-uchiyama"})
_WHY = {
    "spu": "the engine SPU draws its own randomness and links its processes itself: no trail has its messages",
    "flower": "Flower's processes train by their own threads and messages: no trail has them",
    "hardware": "what runs in an enclave is shown by its evidence, and nobody outside can run it again",
    "simulated": "what runs in an enclave is shown by its evidence, and nobody outside can run it again",
}

_BY_PROTOCOL = {"fhe": "SEAL draws the randomness of its ciphertexts itself, and takes no seed for it"}
"""By the parameter `psi`: what an engine that is deterministic otherwise leaves to a library's own randomness."""


def why_not_again(terms: Terms) -> str | None:
    """Why no party can run such a job again; None where each can."""
    if terms.engine in DETERMINISTIC:
        return _BY_PROTOCOL.get(str(terms.parameters.get("psi")))
    return _WHY.get(terms.engine, f"nobody says that the engine {terms.engine} takes all randomness from the seed")
