"""Which steps a seal brings on chain: those from a trail's head there to the head that its party tells."""

from __future__ import annotations

from collections.abc import Sequence

from placet.core.hashing import sha256
from placet.core.trail import trail_head
from placet.jobs.messages import LEFT_TO_SEAL, AttemptStatus
from placet.jobs.trail import lacking_steps

START = sha256(b"start")
HASHES = [sha256(bytes([number])) for number in range(LEFT_TO_SEAL + 10)]


def standing(hashes: Sequence[bytes], **changes: object) -> AttemptStatus:
    """What an honest party of these steps says, but for `changes`."""
    values = {"head": trail_head(START, hashes), "steps": len(hashes), "last": tuple(hashes[-LEFT_TO_SEAL:])}
    return AttemptStatus.model_validate({"state": "computed", **values, **changes})


def test_a_seal_brings_what_lacks_wherever_the_trail_stands() -> None:
    hashes = HASHES[:5]
    for count in range(6):
        assert lacking_steps(trail_head(START, hashes[:count]), count, standing(hashes)) == tuple(hashes[count:])


def test_a_seal_brings_no_more_than_it_may_and_nothing_else() -> None:
    assert lacking_steps(START, 0, standing(HASHES)) is None
    assert lacking_steps(trail_head(START, HASHES[:9]), 9, standing(HASHES)) is None
    assert lacking_steps(trail_head(START, HASHES[:10]), 10, standing(HASHES)) == tuple(HASHES[10:])
    hashes = HASHES[:5]
    for lie in ({"head": sha256(b"another")}, {"steps": 4}, {"steps": 6}, {"last": ()}, {"last": HASHES[1:6]}):
        assert lacking_steps(START, 0, standing(hashes, **lie)) is None
    assert lacking_steps(trail_head(START, HASHES[:6]), 6, standing(hashes)) is None
