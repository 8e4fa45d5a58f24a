"""Which jobs a party can run again to the same bytes: those of engines that take all randomness from its seed."""

from __future__ import annotations

from placet.core.plan import Terms

DETERMINISTIC = frozenset({"embedded", "okamoto-uchiyama"})
_WHY = {
    "spu": "the engine SPU draws its own randomness and links its processes itself: no trail has its messages",
    "flower": "Flower's processes train by their own threads and messages: no trail has them",
    "hardware": "what runs in an enclave is shown by its evidence, and nobody outside can run it again",
    "simulated": "what runs in an enclave is shown by its evidence, and nobody outside can run it again",
}


def why_not_again(terms: Terms) -> str | None:
    """Why no party can run such a job again; None where each can."""
    if terms.engine in DETERMINISTIC:
        return None
    return _WHY.get(terms.engine, f"nobody says that the engine {terms.engine} takes all randomness from the seed")
