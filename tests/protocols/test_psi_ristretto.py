"""Points of PSI against RFC 9496 and RFC 9497, an independent reference, and the language-neutral vectors."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.core.errors import ProtocolError
from placet.protocols.local import LocalNetwork
from placet.protocols.order import Entropy
from placet.protocols.psi import BlindedList, Placement, arrange, place, ristretto
from protocols import ristretto_reference as reference

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "psi_ristretto.json").read_text())
scalars = st.integers(1, reference.ORDER - 1).map(lambda scalar: scalar.to_bytes(64, "little"))
GENERATOR = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")


def blind(scalar: bytes, point: bytes) -> bytes:
    return ristretto.Blinding(lambda count: scalar)(point)


def reference_hash(identifier: bytes, context: bytes) -> bytes:
    tag = b"placet.psi.ecdh-ristretto255/2-with-ristretto255_XMD:SHA-512_R255MAP_RO_"
    return reference.encode(reference.hash_to_group(len(context).to_bytes(4, "big") + context + identifier, tag))


def reference_blind(scalar: bytes, point: bytes) -> bytes:
    decoded = reference.decode(point)
    assert decoded is not None
    return reference.encode(reference.multiply(int.from_bytes(scalar, "little") % reference.ORDER, decoded))


@pytest.mark.parametrize("case", VECTORS["multiples"], ids=lambda case: str(case["scalar"]))
def test_multiples_of_the_generator_are_those_of_rfc_9496(case: dict[str, str | int]) -> None:
    scalar, point = int(case["scalar"]).to_bytes(64, "little"), str(case["point"])
    assert blind(scalar, GENERATOR).hex() == reference_blind(scalar, GENERATOR).hex() == point


@pytest.mark.parametrize("case", VECTORS["blinded"], ids=lambda case: case["input"][:4])
def test_a_blinded_hash_is_that_of_rfc_9497(case: dict[str, str]) -> None:
    """Appendix A.1.1: hash to the group and multiplication, under the tag of OPRF(ristretto255, SHA-512)."""
    point = ristretto.hash_to_ristretto255(bytes.fromhex(case["input"]), case["tag"].encode("latin-1"))
    assert blind(bytes.fromhex(case["blind"]) + bytes(32), point).hex() == case["point"]


@settings(deadline=None, max_examples=examples(30))
@given(st.binary(max_size=200), st.binary(max_size=100))
def test_hash_to_group_is_the_reference_and_valid(identifier: bytes, context: bytes) -> None:
    point = ristretto.hash_to_group(identifier, context)
    assert point == reference_hash(identifier, context)
    ristretto.require_point(point, "peer")


@settings(deadline=None, max_examples=examples(60))
@given(st.binary(max_size=40), scalars, scalars)
def test_blindings_commute_and_stay_valid(identifier: bytes, a: bytes, b: bytes) -> None:
    point = ristretto.hash_to_group(identifier, b"job")
    once = blind(a, point)
    ristretto.require_point(once, "peer")
    assert blind(b, once) == blind(a, blind(b, point))


@settings(deadline=None, max_examples=examples(20))
@given(st.lists(scalars, max_size=6))
def test_an_inverse_undoes_its_scalar(drawn: list[bytes]) -> None:
    keys = [ristretto.Blinding(lambda _, one=one: one) for one in drawn]  # type: ignore[misc]
    point = ristretto.hash_to_group(b"ana", b"job")
    undoing = ristretto.Blinding.inverses(keys)
    assert [undo(key(point)) for key, undo in zip(keys, undoing, strict=True)] == [point] * len(keys)


@settings(deadline=None, max_examples=examples(20))
@given(st.lists(scalars, max_size=5), scalars)
def test_sums_are_those_of_the_reference(drawn: list[bytes], a: bytes) -> None:
    points = [blind(one, GENERATOR) for one in drawn]
    whole = sum(int.from_bytes(one, "little") for one in drawn) % reference.ORDER
    generator = reference.decode(GENERATOR)
    assert generator is not None
    together = ristretto.total(points)
    expected = reference.encode(reference.multiply(whole, generator)) if whole else bytes(32)
    assert together == expected
    assert ristretto.subtract(together, ristretto.total(points[:1])) == ristretto.total(points[1:])
    assert ristretto.Blinding(lambda _: a)(together) == ristretto.total([blind(a, point) for point in points])


@settings(deadline=None, max_examples=examples(100))
@given(st.binary(min_size=32, max_size=32))
def test_what_is_accepted_is_what_the_rfc_decodes(encoding: bytes) -> None:
    valid = encoding != bytes(32) and reference.decode(encoding) is not None
    try:
        ristretto.require_point(encoding, "peer")
    except ProtocolError:
        assert not valid
    else:
        assert valid


def test_context_and_identifier_can_not_be_shifted_into_each_other() -> None:
    assert ristretto.hash_to_group(b"bc", b"a") != ristretto.hash_to_group(b"c", b"ab")
    assert ristretto.hash_to_group(b"a", b"job 1") != ristretto.hash_to_group(b"a", b"job 2")


def test_the_library_leaves_no_file_in_the_temporary_folder(tmp_path: Path) -> None:
    code = "from placet.protocols.psi import ristretto; ristretto.hash_to_group(b'', b'')"
    subprocess.run([sys.executable, "-c", code], check=True, env={"TMPDIR": str(tmp_path)}, timeout=120)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", VECTORS["points"], ids=lambda case: case["note"])
def test_point_vectors(case: dict[str, str]) -> None:
    identifier, context = bytes.fromhex(case["identifier"]), bytes.fromhex(case["context"])
    assert ristretto.hash_to_group(identifier, context).hex() == case["point"]
    assert reference_hash(identifier, context).hex() == case["point"]


@pytest.mark.parametrize("case", VECTORS["blindings"], ids=lambda case: case["point"][:8])
def test_blinding_vectors(case: dict[str, str]) -> None:
    a, b, point = (bytes.fromhex(case[name]) for name in ("a", "b", "point"))
    assert blind(a, point).hex() == reference_blind(a, point).hex() == case["by_a"]
    assert blind(b, point).hex() == reference_blind(b, point).hex() == case["by_b"]
    assert blind(b, blind(a, point)).hex() == blind(a, blind(b, point)).hex() == case["by_both"]


@pytest.mark.parametrize("case", VECTORS["placements"], ids=lambda case: case["note"])
def test_placement_vectors(case: dict[str, Any]) -> None:
    """Messages and places of both sides, of what they draw."""
    context = bytes.fromhex(case["context"])
    customers, rows = ([bytes.fromhex(one) for one in case[name]] for name in ("customers", "rows"))

    def drawn(name: str) -> Entropy:
        return io.BytesIO(bytes.fromhex(case[name])).read

    async def both() -> tuple[LocalNetwork, Placement]:
        network = LocalNetwork(("shop", "bank", "fund"))
        shown = await BlindedList.of(customers, case["permutation"], context=context, entropy=drawn("consumer_entropy"))
        fund = network.channel("fund")
        await fund.send("bank", "psi.agreed", bytes.fromhex(case["agreed"]))
        _, placement = await asyncio.gather(
            arrange(network.channel("shop"), "bank", shown, max_rows=9),
            place(
                network.channel("bank"), "shop", ["fund"], rows,
                context=context, max_positions=9, entropy=drawn("provider_entropy"),
            ),
        )  # fmt: skip
        return network, placement

    network, placement = asyncio.run(both())
    messages = {tag: payload.hex() for *_, tag, payload in network.sent}
    assert messages["psi.list"] == case["list"]
    assert messages["psi.agreed"] == case["agreed"]
    assert messages["psi.rows"] == case["shown"]
    assert messages["psi.doubled"] == case["doubled"]
    assert list(placement.positions) == case["positions"] and placement.total == len(customers)


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["note"])
def test_refused_vectors(case: dict[str, str]) -> None:
    with pytest.raises(ProtocolError, match=f"^peer sent {case['reason']}"):
        ristretto.require_point(bytes.fromhex(case["point"]), "peer")
