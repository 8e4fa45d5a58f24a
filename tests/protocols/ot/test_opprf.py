"""The OPPRF over bins: tags agree exactly where both have the identifier, payloads come along, sizes are public."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import DataError, InputError, LimitError, ProtocolError
from placet.protocols.local import LocalNetwork
from placet.protocols.order import Entropy
from placet.protocols.ot import opprf
from placet.protocols.ot.opprf import (
    STORE,
    BinWords,
    bins_for,
    receive_programmed,
    send_programmed,
    tag_bits,
)

Together = Callable[..., list[Any]]
Seeded = Callable[[str], Entropy]
CONTEXT = b"job 1, attempt 1"
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "ot.json").read_text(encoding="utf-8"))
people = st.lists(st.binary(max_size=2), max_size=40, unique=True)


def payloads_of(identifiers: Sequence[bytes], count: int) -> Any:
    return np.array(
        [[int.from_bytes(one[:7], "big") << column for column in range(count)] for one in identifiers], np.uint64
    ).reshape(len(identifiers), count)


def run(
    together: Together,
    seeded: Seeded,
    ours: Sequence[bytes],
    theirs: Sequence[bytes],
    rows: tuple[int, int],
    count: int = 1,
) -> tuple[BinWords, Any, LocalNetwork]:
    network = LocalNetwork(("receiver", "sender"))
    common = {"rows": rows, "context": CONTEXT}
    bins, targets = together(
        receive_programmed(
            network.channel("receiver"), "sender", ours, payload_words=count, entropy=seeded("receiver"), **common
        ),
        send_programmed(
            network.channel("sender"),
            "receiver",
            theirs,
            payloads_of(theirs, count),
            entropy=seeded("sender"),
            **common,
        ),
    )
    return bins, targets, network


def matched(bins: BinWords, targets: Any, ours: Sequence[bytes]) -> dict[bytes, list[int]]:
    """The receiver's identifiers in bins whose tags agree, and their payloads, each once."""
    equal = np.flatnonzero(bins.words[:, 0] == targets[:, 0])
    assert (bins.rows[equal] >= 0).all() and len(set(bins.rows[equal])) == len(equal)
    return {ours[bins.rows[bin_]]: (bins.words[bin_, 1:] ^ targets[bin_, 1:]).tolist() for bin_ in equal}


@pytest.mark.usefixtures("dealt_seeds")
@settings(deadline=None, max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people, people, st.integers(0, 3), st.integers(0, 20))
def test_tags_agree_exactly_where_both_have_the_identifier(
    together: Together, seeded: Seeded, ours: list[bytes], theirs: list[bytes], count: int, room: int
) -> None:
    rows = len(ours) + room + 1, len(theirs) + room + 1
    bins, targets, _ = run(together, seeded, ours, theirs, rows, count)
    assert bins.words.shape == targets.shape == (bins_for(rows[0]), 1 + count)
    expected = dict(zip(theirs, payloads_of(theirs, count).tolist(), strict=True))
    assert matched(bins, targets, ours) == {one: expected[one] for one in set(ours) & set(theirs)}


@pytest.mark.parametrize("size", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_rows(together: Together, seeded: Seeded, size: int) -> None:
    ours, theirs = ([f"customer {step * n}".encode() for n in range(size)] for step in (1, 2))
    bins, targets, _ = run(together, seeded, ours, theirs, (size, size))
    assert matched(bins, targets, ours).keys() == set(ours) & set(theirs)


@pytest.mark.usefixtures("dealt_seeds")
def test_where_they_do_not_agree_words_are_noise(together: Together, seeded: Seeded) -> None:
    ours, theirs = ([f"{side} {n}".encode() for n in range(400)] for side in ("shop", "bank"))
    bins, targets, _ = run(together, seeded, ours, theirs, (400, 400))
    assert not (bins.words == targets).any()
    assert abs(np.unpackbits((bins.words ^ targets).view(np.uint8)).mean() - 0.5) < 0.01


@pytest.mark.usefixtures("dealt_seeds")
def test_messages_have_the_length_of_the_public_numbers_of_rows(together: Together, seeded: Seeded) -> None:
    sizes = []
    for ours, theirs in (([], []), ([b"a"], [b"a", b"b"])):
        _, _, network = run(together, seeded, ours, theirs, (30, 40))
        sizes.append([(sender, tag, len(payload)) for sender, _, tag, payload in network.sent])
    assert sorted(sizes[0]) == sorted(sizes[1])


@pytest.mark.usefixtures("dealt_seeds")
def test_a_receiver_that_lays_an_identifier_in_all_of_its_bins_has_it_thrice(
    together: Together, seeded: Seeded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not prevented, and said so in docs/explanation/protocols.md: the OPPRF is for parties that follow it."""

    def thrice(spots: Any, bins: int) -> Any:
        holder = np.full(bins, -1)
        holder[spots[0]] = 0
        return holder

    monkeypatch.setattr(opprf, "cuckoo_rows", thrice)
    bins, targets, _ = run(together, seeded, [b"ana"], [b"ana", b"bo"], (2, 2))
    assert (bins.words[:, 0] == targets[:, 0]).sum() == 3


def vector(together: Together, seeded: Seeded) -> dict[str, Any]:
    """A run on repeatable randomness: digests of messages, and the first words."""
    bins, targets, network = run(together, seeded, [b"ana", b"bo"], [b"bo", b"cy", b"dee"], (2, 3))
    equal = int(np.flatnonzero(bins.words[:, 0] == targets[:, 0])[0])
    return {
        "messages_sha256": {
            f"{sender} {tag}": hashlib.sha256(payload).hexdigest() for sender, _, tag, payload in network.sent
        },
        "matching_bin": equal,
        "words": [f"{word:016x}" for word in bins.words[equal].tolist()],
        "targets": [f"{word:016x}" for word in targets[equal].tolist()],
    }


def test_a_run_is_wholly_determined_by_both_streams(together: Together, seeded: Seeded) -> None:
    assert vector(together, seeded) == VECTORS["opprf"]


def test_what_does_not_fit_is_refused_before_anything_is_sent(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    none = np.zeros((0, 0), np.uint64)

    def sender(identifiers: list[bytes], payloads: Any, rows: tuple[int, int] = (2, 2)) -> None:
        channel = scripted({})
        try:
            asyncio.run(send_programmed(channel, "peer", identifiers, payloads, rows=rows, context=CONTEXT))
        finally:
            assert channel.sent == {}

    with pytest.raises(DataError, match="occurs twice"):
        sender([b"a", b"a"], np.zeros((2, 0), np.uint64))
    with pytest.raises(DataError, match="more rows than there is room for"):
        sender([b"a", b"b", b"c"], np.zeros((3, 0), np.uint64))
    with pytest.raises(DataError, match="a payload for each"):
        sender([b"a"], none)
    with pytest.raises(InputError, match="does not fit"):
        sender([], np.zeros((0, 4), np.uint64))
    with pytest.raises(InputError, match="does not fit"):
        sender([], none, (0, 1))
    monkeypatch.setattr(opprf, "MAX_ROWS", 5)
    with pytest.raises(LimitError, match="too many rows"):
        sender([], none, (6, 1))


@pytest.mark.usefixtures("dealt_seeds")
def test_a_store_of_the_wrong_length_is_refused(scripted: Any, together: Together, seeded: Seeded) -> None:
    _, _, network = run(together, seeded, [b"a"], [b"a"], (2, 2))
    answers = {tag: payload for sender, _, tag, payload in network.sent if sender == "sender"}
    for wrong in (answers[STORE][:-1], answers[STORE] + bytes(8), b""):
        with pytest.raises(ProtocolError, match="store of the wrong length"):
            asyncio.run(
                receive_programmed(
                    scripted(answers | {STORE: wrong}),
                    "peer",
                    [b"a"],
                    payload_words=1,
                    rows=(2, 2),
                    context=CONTEXT,
                    entropy=seeded("receiver"),
                )
            )


@pytest.mark.parametrize(("bins", "bits"), [(1, 40), (2, 41), (12_700, 54), (12_702, 54), (127_002, 57)])
def test_as_many_bits_of_a_tag_as_bins_demand(bins: int, bits: int) -> None:
    assert tag_bits(bins) == bits
