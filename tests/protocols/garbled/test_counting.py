"""Circuit PSI by a garbled circuit: against plain sets, what a party gets, and peers that break the protocol."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from examples import examples
from garbling import BothSides, Counted, IdealTransfers, counted
from placet.core.errors import DataError, InputError, LimitError, PlacetError, ProtocolError
from placet.protocols.garbled import Brought, CountTerms, opened
from placet.protocols.garbled.matching import SLAB, TagCircuit, evaluated_slab, garbled_slab, tag_choices

BANK = [f"customer {number}".encode() for number in range(40)]
SHOP = [f"customer {2 * number}".encode() for number in range(30)]
AMOUNTS = [number * number - 300 for number in range(40)]
COMMON = list(range(0, 40, 2))
SUM = sum(AMOUNTS[number] for number in COMMON)


@pytest.fixture
def ideal(monkeypatch: pytest.MonkeyPatch) -> IdealTransfers:
    return IdealTransfers(monkeypatch)


def matching(**changes: Any) -> Counted:
    return counted(Brought(BANK, AMOUNTS), Brought(SHOP), **changes)


def test_count_and_sum_with_real_transfers() -> None:
    run = matching()
    assert run.numbers == (len(COMMON), SUM)
    assert {tag.partition(".")[0] for _, _, tag, _ in run.network.sent} == {"ot", "oprf", "opprf", "garbled"}


@pytest.mark.parametrize("smallest", [len(COMMON), len(COMMON) + 1])
def test_nothing_comes_out_below_the_smallest_group(ideal: IdealTransfers, smallest: int) -> None:
    assert matching(smallest=smallest).numbers == ((len(COMMON), SUM) if smallest <= len(COMMON) else (0, 0))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(30))
@given(
    st.lists(st.integers(0, 9), unique=True, min_size=1, max_size=8),
    st.lists(st.integers(0, 9), unique=True, min_size=1, max_size=8),
    st.lists(st.integers(-(2**58), 2**58), min_size=8, max_size=8),
    st.integers(1, 5),
)
def test_any_lists_and_amounts(
    ideal: IdealTransfers, bank: list[int], shop: list[int], amounts: list[int], smallest: int
) -> None:
    ours, theirs = [b"%d" % one for one in bank], [b"%d" % one for one in shop]
    run = counted(Brought(ours, amounts[: len(bank)]), Brought(theirs), smallest=smallest)
    common = [amount for one, amount in zip(bank, amounts, strict=False) if one in shop]
    assert run.numbers == ((len(common), sum(common)) if len(common) >= smallest else (0, 0))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(30))
@given(st.integers(-60, 60), st.integers(-60, 60), st.integers(1, 30))
def test_the_noisy_count_is_what_the_smallest_group_is_held_against(
    ideal: IdealTransfers, one: int, other: int, smallest: int
) -> None:
    run = counted(Brought(BANK, noise=one), Brought(SHOP, noise=other), smallest=smallest)
    noisy = len(COMMON) + one + other
    assert run.numbers == (noisy if noisy >= smallest else 0,)


def test_bins_are_compared_a_slab_at_a_time(ideal: IdealTransfers) -> None:
    """Room for more rows than there are: the tables' number and sizes follow from it alone."""
    run = matching(rows=(1700, 1700))
    tables = [len(payload) for _, _, tag, payload in run.network.sent if tag == "garbled.tables"]
    circuit = CountTerms((1700, 1700), summed=True, noisy=False, smallest=2).circuit
    assert run.numbers == (len(COMMON), SUM)
    assert tables == [circuit.slab_bytes(last - first) for first, last in circuit.slabs]
    assert len(tables) == -(-circuit.bins // SLAB) > 1


def test_what_crosses_depends_on_public_numbers_alone(ideal: IdealTransfers) -> None:
    """The same messages of the same sizes, whether all match or none do."""

    def sizes(identifiers: list[bytes]) -> list[tuple[str, int]]:
        sent = counted(Brought(BANK, AMOUNTS), Brought(identifiers)).network.sent
        return [(tag, len(payload)) for _, _, tag, payload in sent if not tag.startswith("ideal")]

    assert sizes(BANK[:30]) == sizes([b"nobody %d" % number for number in range(30)])


def test_a_share_alone_says_nothing(ideal: IdealTransfers) -> None:
    """The evaluator's is its own randomness, and the garbler's moves with it."""
    first, second = matching(seeds=(1, 2)), matching(seeds=(1, 3))
    assert first.numbers == second.numbers == (len(COMMON), SUM)
    assert all(one != other for one, other in zip(first.shares, second.shares, strict=True))
    fewer = counted(Brought(BANK, AMOUNTS), Brought(SHOP[:25]), smallest=30, seeds=(1, 2), rows=(40, 30))
    assert fewer.numbers == (0, 0) and fewer.shares[1] == first.shares[1]


def test_a_run_can_be_computed_again(ideal: IdealTransfers) -> None:
    """It follows from both seeds, the rows and the messages."""
    assert matching().network.sent == matching().network.sent != matching(seeds=(4, 2)).network.sent


def test_a_bin_without_a_row_never_matches() -> None:
    """Not even where its tag is the evaluator's."""
    circuit = TagCircuit(4, summed=False, noisy=False, smallest=1)
    both, tags = BothSides(), np.array([5, 6, 7, 8], np.uint64)
    used = np.array([1, 0, 1, 0], np.uint8)

    def slab(side: Any, wires: Any) -> Any:
        planes = wires.reshape(circuit.tag_bits, 4, 2)
        if side is both.evaluator:
            return evaluated_slab(side, circuit, planes)
        return garbled_slab(side, circuit, planes, tags, used)

    assert both.bits(slab, tag_choices(circuit, tags)).tolist() == [1, 0, 1, 0]


# -------------------------------------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("bank", "shop", "changes", "error", "words"),
    [
        (Brought(BANK, AMOUNTS[:-1]), Brought(SHOP), {}, DataError, "amount for each"),
        (Brought(BANK, AMOUNTS), Brought(SHOP, AMOUNTS[:30]), {}, InputError, "does not fit"),
        (Brought(BANK, noise=1), Brought(SHOP), {}, InputError, "does not fit"),
        (Brought(BANK), Brought(SHOP, noise=1), {}, InputError, "does not fit"),
        (Brought(BANK, noise=1 << 61), Brought(SHOP, noise=1), {}, DataError, "out of range"),
        (Brought(BANK), Brought(SHOP), {"smallest": 0}, InputError, "no such circuit"),
        (Brought(BANK), Brought([]), {}, DataError, "room for one"),
        (Brought(BANK), Brought(SHOP), {"rows": (300_000, 30)}, LimitError, "too many rows"),
    ],
)
def test_what_does_not_fit_never_starts(
    ideal: IdealTransfers, bank: Brought, shop: Brought, changes: dict[str, Any], error: type[PlacetError], words: str
) -> None:
    run = counted(bank, shop, **changes)
    with pytest.raises(error, match=words):
        _ = run.numbers


def cut(payload: bytes) -> bytes:
    return payload[:-1]


def longer(payload: bytes) -> bytes:
    return payload + b"\0" * 16


def nothing(payload: bytes) -> bytes:
    return b""


def flipped(payload: bytes) -> bytes:
    return bytes([payload[0] ^ 1]) + payload[1:]


def inverted(payload: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in payload)


@pytest.mark.parametrize("lie", [cut, longer, nothing])
@pytest.mark.parametrize("tag", ["garbled.tables", "garbled.ending"])
def test_tables_of_another_length(ideal: IdealTransfers, tag: str, lie: Any) -> None:
    """None are taken as a smaller circuit's, and none beyond its size are read."""
    share = matching(lies=({tag: lie}, {})).shares[1]
    assert isinstance(share, ProtocolError) and share.code in ("garbled.tables", "protocol")


@pytest.mark.parametrize("lie", [cut, longer, nothing])
@pytest.mark.parametrize("tag", ["garbled.shift", "garbled.labels"])
def test_an_evaluators_message_of_another_length(ideal: IdealTransfers, tag: str, lie: Any) -> None:
    share = matching(lies=({}, {tag: lie})).shares[0]
    assert isinstance(share, ProtocolError) and share.code in ("garbled.size", "protocol")


@pytest.mark.parametrize("lie", [flipped, inverted])
def test_labels_that_nobody_has_end_the_job(ideal: IdealTransfers, lie: Any) -> None:
    share = matching(lies=({}, {"garbled.labels": lie})).shares[0]
    assert isinstance(share, ProtocolError) and share.code == "garbled.label"


@pytest.mark.parametrize("tag", ["garbled.tables", "garbled.ending"])
def test_tables_that_were_changed_end_the_job(ideal: IdealTransfers, tag: str) -> None:
    """All of them: where an evaluator opens none that was changed, it has the right label."""
    share = matching(lies=({tag: inverted}, {})).shares[0]
    assert isinstance(share, ProtocolError) and share.code == "garbled.label"


@pytest.mark.parametrize("sizes", [(0, 16), (15, 16), (16, 17), (8, 8)])
def test_what_is_no_share_is_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="not a share"):
        opened((bytes(sizes[0]), bytes(sizes[1])), 2)
