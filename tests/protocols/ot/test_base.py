"""Base transfers: both sides agree, choices stay hidden, and peers that break the protocol."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from placet.core.errors import ProtocolError
from placet.protocols.local import LocalNetwork
from placet.protocols.order import Entropy
from placet.protocols.ot.base import ANSWERS, POINTS, receive_base, send_base

Together = Callable[..., list[Any]]
Seeded = Callable[[str], Entropy]
CONTEXT = b"job 1, attempt 1"
CHOICES = [0, 1, 1, 0, 1, 0, 0, 1]
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "ot.json").read_text(encoding="utf-8"))


def run(
    together: Together, seeded: Seeded, choices: list[int], contexts: tuple[bytes, bytes] = (CONTEXT, CONTEXT)
) -> tuple[Any, Any, dict[str, bytes]]:
    network = LocalNetwork(("sender", "receiver"))
    pairs, seeds = together(
        send_base(network.channel("sender"), "receiver", len(choices), context=contexts[0], entropy=seeded("sender")),
        receive_base(network.channel("receiver"), "sender", choices, context=contexts[1], entropy=seeded("receiver")),
    )
    return pairs, seeds, {tag: payload for _, _, tag, payload in network.sent}


def test_the_receiver_gets_the_seeds_it_chose_and_no_others(together: Together, seeded: Seeded) -> None:
    pairs, seeds, sent = run(together, seeded, CHOICES)
    assert all((pairs[i, choice] == seeds[i]).all() for i, choice in enumerate(CHOICES))
    assert len({one.tobytes() for pair in pairs for one in pair}) == 2 * len(CHOICES)
    assert {tag: len(payload) for tag, payload in sent.items()} == {POINTS: 64 * 8, ANSWERS: 32 * 8}


def test_a_run_is_wholly_determined_by_both_streams(together: Together, seeded: Seeded) -> None:
    pairs, _, sent = run(together, seeded, CHOICES)
    case = VECTORS["base"]
    assert {tag: hashlib.sha256(payload).hexdigest() for tag, payload in sent.items()} == case["messages_sha256"]
    assert [[one.tobytes().hex() for one in pair] for pair in pairs[:2]] == case["first_pairs"]


def test_two_contexts_have_unrelated_seeds(together: Together, seeded: Seeded) -> None:
    pairs, seeds, _ = run(together, seeded, CHOICES, (CONTEXT, b"another"))
    assert not ({one.tobytes() for pair in pairs for one in pair} & {one.tobytes() for one in seeds})


@pytest.mark.parametrize("answer", [b"", bytes(31), bytes(33)])
def test_a_wrong_number_of_points_is_refused(scripted: Any, answer: bytes) -> None:
    with pytest.raises(ProtocolError, match="another number of points"):
        asyncio.run(send_base(scripted({POINTS: answer}), "peer", 1, context=CONTEXT))
    with pytest.raises(ProtocolError, match="another number of points"):
        asyncio.run(receive_base(scripted({ANSWERS: answer}), "peer", [1], context=CONTEXT))


@pytest.mark.parametrize("point", [bytes(32), b"\xff" * 32, b"\x01" + bytes(31)], ids=["identity", "large", "negative"])
def test_what_is_no_point_is_refused(scripted: Any, point: bytes) -> None:
    good = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")
    for pair in (good + point, point + good):
        with pytest.raises(ProtocolError, match=r"^peer sent"):
            asyncio.run(send_base(scripted({POINTS: pair}), "peer", 1, context=CONTEXT))
    with pytest.raises(ProtocolError, match=r"^peer sent"):
        asyncio.run(receive_base(scripted({ANSWERS: point}), "peer", [0], context=CONTEXT))
