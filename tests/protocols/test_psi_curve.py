"""The curve against RFC 7748, against an independent reference, and against the language-neutral vectors."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.core.errors import InputError, ProtocolError
from placet.protocols.psi import curve

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "psi_curve.json").read_text())
P = 2**255 - 19


def euler(value: int) -> bool:
    """Euler's criterion, against the Jacobi symbol of the package."""
    return pow(value, (P - 1) // 2, P) == 1


def reference_hash(identifier: bytes, context: bytes) -> tuple[int, bytes]:
    """Try-and-increment, written from the definition, with Euler's criterion: the counter and the point."""
    for counter in range(256):
        digest = hashlib.sha256(
            b"placet.psi.curve/1" + len(context).to_bytes(4, "big") + context + bytes([counter]) + identifier
        ).digest()
        u = int.from_bytes(digest, "little") % 2**255
        if u < P and euler(u**3 + 486662 * u**2 + u) and reference_multiply(8, u):
            return counter, u.to_bytes(32, "little")
    raise AssertionError("no point")


def reference_multiply(scalar: int, u: int) -> int:
    """The Montgomery ladder of RFC 7748, section 5, for any scalar."""
    x2, z2, x3, z3 = 1, 0, u, 1
    for bit in f"{scalar:b}":
        if bit == "1":
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b = x2 + z2, x2 - z2
        aa, bb, da, cb = a * a, b * b, (x3 - z3) * a, (x3 + z3) * b
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, (aa - bb) * (aa + 121665 * (aa - bb)) % P
        if bit == "1":
            x2, z2, x3, z3 = x3, z3, x2, z2
    return x2 * pow(z2, P - 2, P) % P


def reference_blind(scalar: bytes, point: bytes) -> bytes:
    clamped = (int.from_bytes(scalar, "little") & (2**254 - 8)) | 2**254
    return reference_multiply(clamped, int.from_bytes(point, "little")).to_bytes(32, "little")


def blind(scalar: bytes, point: bytes) -> bytes:
    return curve.Blinding(lambda count: scalar)(point)


@pytest.mark.parametrize(
    ("scalar", "u", "out"),
    [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ],
)
def test_blinding_is_the_x25519_of_rfc_7748(scalar: str, u: str, out: str) -> None:
    assert blind(bytes.fromhex(scalar), bytes.fromhex(u)).hex() == out


def test_blinding_a_thousand_times_over_is_that_of_rfc_7748() -> None:
    k = u = (9).to_bytes(32, "little")
    after = {1: "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"}
    after[1000] = "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"
    for turn in range(1, 1001):
        k, u = blind(k, u), k
        if turn in after:
            assert k.hex() == after[turn]


@given(st.integers(min_value=0, max_value=2**800))
def test_jacobi_symbol_is_eulers_criterion(value: int) -> None:
    assert curve.is_square(value) == euler(value)
    assert curve.is_square(value * value) == (value % P != 0)


@given(st.binary(max_size=200), st.binary(max_size=100))
def test_hash_to_curve_is_the_reference_and_valid(identifier: bytes, context: bytes) -> None:
    point = curve.hash_to_curve(identifier, context)
    assert point == reference_hash(identifier, context)[1]
    curve.require_point(point, "peer")


@given(st.binary(max_size=40), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_blindings_commute_and_stay_valid(identifier: bytes, a: bytes, b: bytes) -> None:
    point = curve.hash_to_curve(identifier, b"job")
    once = blind(a, point)
    curve.require_point(once, "peer")
    assert blind(b, once) == blind(a, blind(b, point))


def test_context_and_identifier_can_not_be_shifted_into_each_other() -> None:
    assert curve.hash_to_curve(b"bc", b"a") != curve.hash_to_curve(b"c", b"ab")
    assert curve.hash_to_curve(b"a", b"job 1") != curve.hash_to_curve(b"a", b"job 2")


def test_an_identifier_without_a_point_is_an_error_not_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "is_valid", lambda u: False)
    with pytest.raises(InputError, match="no point found"):
        curve.hash_to_curve(b"anybody", b"job")


def test_low_order_is_all_that_eight_times_makes_zero() -> None:
    assert all(reference_multiply(8, u) == 0 for u in curve.LOW_ORDER)
    on_curve = {u for u in curve.LOW_ORDER if curve.is_on_curve(u)}
    assert on_curve == curve.LOW_ORDER - {0} and len(on_curve) == 3
    # The curve is cyclic of order 8·l: one u of order 4 and two of order 8, found here as halves of u = 0 and u = 1.
    quarter = {u for u in (1, P - 1) if curve.is_on_curve(u)}
    assert quarter == {1}
    assert {u for u in on_curve if reference_multiply(2, u) == 1} == on_curve - {1}


@pytest.mark.parametrize("case", VECTORS["points"], ids=lambda case: case["note"])
def test_point_vectors(case: dict[str, str | int]) -> None:
    identifier, context = bytes.fromhex(str(case["identifier"])), bytes.fromhex(str(case["context"]))
    counter, point = reference_hash(identifier, context)
    assert (counter, point.hex()) == (case["counter"], case["point"])
    assert curve.hash_to_curve(identifier, context).hex() == case["point"]


@pytest.mark.parametrize("case", VECTORS["blindings"], ids=lambda case: case["point"][:8])
def test_blinding_vectors(case: dict[str, str]) -> None:
    a, b, point = (bytes.fromhex(case[name]) for name in ("a", "b", "point"))
    assert blind(a, point).hex() == reference_blind(a, point).hex() == case["by_a"]
    assert blind(b, point).hex() == reference_blind(b, point).hex() == case["by_b"]
    assert blind(b, blind(a, point)).hex() == blind(a, blind(b, point)).hex() == case["by_both"]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["note"])
def test_refused_vectors(case: dict[str, str]) -> None:
    with pytest.raises(ProtocolError, match=f"^peer sent a point {case['reason']}"):
        curve.require_point(bytes.fromhex(case["point"]), "peer")
