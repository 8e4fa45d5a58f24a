"""The circuit `band` and its proofs: what can be proven, what can't, and that nothing else passes for it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from placet.core.eip712 import statement_domain
from placet.core.errors import ConfigError, InputError
from placet.core.ids import JobId
from placet.core.signatures import Key
from placet.core.statements import FIELD, MOST, ProvenStatement, VerificationKey
from placet.core.values import parse
from proving import band_keys, opened_total, proven, statement_of

pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")
from placet.protocols.zk import band, groth16
from placet.protocols.zk.poseidon import poseidon

DOMAIN = statement_domain(31337, bytes([7]) * 20)
ISSUER = Key(bytes(31) + b"\x09")
PROVER, LENDER = bytes([1]) * 20, bytes([2]) * 20


def witness(total: int, salt: int, job: int, low: int, high: int) -> dict[str, int]:
    """What satisfies the circuit where low <= total < high."""
    commitment = poseidon(poseidon(total % FIELD, salt), job)
    return {
        "context": 5, "job": job, "commitment": commitment, "low": low, "high": high, "total": total % FIELD,
        "salt": salt,
    }  # fmt: skip


def takes(inputs: dict[str, int]) -> bool:
    """Whether the circuit has a proof of them."""
    public = [inputs[name] for name in ("context", "job", "commitment", "low", "high")]
    try:
        band_keys().proving.prove(inputs, public, band_keys().verification())
    except InputError:
        return False
    return True


@pytest.mark.parametrize(("total", "low", "high"), [(0, 0, 1), (150, 100, 200), (MOST - 1, MOST - 1, MOST)])
def test_a_total_in_its_band(total: int, low: int, high: int) -> None:
    assert takes(witness(total, 3, 4, low, high))


@pytest.mark.parametrize(
    ("total", "low", "high"),
    [
        (99, 100, 200),
        (200, 100, 200),
        (150, 200, 100),
        (-1, 0, MOST),
        (2**64, 0, MOST),
        (2**64 + 150, 100, 200),
        (150, 2**64, MOST),
        (150, 100, 2**64),
        (150, 100, FIELD - 1),
        (FIELD - 2**64 + 150, 100, 200),
    ],
)
def test_a_witness_that_must_fail(total: int, low: int, high: int) -> None:
    """Out of the band, below zero, above 64 bits, bounds that wrap around: the commitment itself is right in each."""
    assert not takes(witness(total, 3, 4, low, high))


@pytest.mark.parametrize("wrong", ["salt", "job", "commitment", "total"])
def test_another_opening_is_none(wrong: str) -> None:
    inputs = witness(150, 3, 4, 100, 200)
    assert not takes(inputs | {wrong: inputs[wrong] + 1})


def test_poseidon_is_circomlibs() -> None:
    """The vector of circomlibjs's own tests for two inputs."""
    assert poseidon(1, 2) == 7853200120776062878684798364095072458815029376092732009249414926327459813530


def test_a_statement_holds_and_nothing_around_it_can_be_changed() -> None:
    opened, key = opened_total(DOMAIN, ISSUER, 123_456), band_keys().verification()
    statement = statement_of(opened, key, 100_000, MOST, prover=PROVER, relying_party=LENDER)
    made = proven(opened, statement, DOMAIN, key)
    assert band.holds(made, DOMAIN, key)
    changes: list[dict[str, Any]] = [
        {"prover": LENDER}, {"relying_party": PROVER}, {"until": statement.until + 1}, {"low": 100_001},
        {"high": MOST - 1}, {"job": JobId(secrets.token_bytes(32))}, {"commitment": bytes(32)},
    ]  # fmt: skip
    for change in changes:
        other = made.model_copy(update={"statement": statement.model_copy(update=change)})
        assert not band.holds(other, DOMAIN, key), change
    for domain in (statement_domain(1, DOMAIN.contract), statement_domain(31337, bytes(20))):
        assert not band.holds(made, domain, key)
    for place in (0, 64, 128, 255):
        proof = bytearray(made.proof)
        proof[place] ^= 1
        assert not band.holds(made.model_copy(update={"proof": bytes(proof)}), DOMAIN, key)
    assert not band.holds(made.model_copy(update={"proof": bytes(256)}), DOMAIN, key)


def test_what_is_not_true_is_refused_by_its_name() -> None:
    opened, key = opened_total(DOMAIN, ISSUER, 123_456), band_keys().verification()
    with pytest.raises(InputError) as caught:
        proven(opened, statement_of(opened, key, 123_457, MOST, prover=PROVER), DOMAIN, key)
    assert caught.value.code == "proof.band"
    lie = opened.model_copy(update={"value": 200_000})
    with pytest.raises(InputError) as caught:
        proven(lie, statement_of(lie, key, 123_457, MOST, prover=PROVER), DOMAIN, key)
    assert caught.value.code == "proof.opening"
    with pytest.raises(InputError, match="another deployment"):
        proven(opened, statement_of(opened, key, 1, MOST, prover=PROVER), statement_domain(1, DOMAIN.contract), key)
    for total in (-1, MOST):
        with pytest.raises(InputError) as caught:
            band.commitment(total, bytes(32), bytes(32))
        assert caught.value.code == "proof.total"


def test_a_key_of_another_set_up_or_circuit_is_refused() -> None:
    opened, key = opened_total(DOMAIN, ISSUER, 5), band_keys().verification()
    statement = statement_of(opened, key, 1, MOST, prover=PROVER)
    made = proven(opened, statement, DOMAIN, key)
    other = key.model_copy(update={"circuit": bytes(32)})
    assert other.id != key.id
    with pytest.raises(InputError, match="another circuit"):
        band.holds(made, DOMAIN, other)
    with pytest.raises(InputError, match="another one"):
        band.holds(made, DOMAIN, band_keys().verification(ceremony=b"\1" * 32))
    swapped = key.model_copy(update={"key": key.key[:448] + key.key[512:576] + key.key[448:512] + key.key[576:]})
    with pytest.raises(InputError) as caught:
        proven(opened, statement.model_copy(update={"key": swapped.id}), DOMAIN, swapped)
    assert caught.value.code == "proof.false"


def test_inputs_that_are_no_field_elements_are_no_second_form() -> None:
    opened, key = opened_total(DOMAIN, ISSUER, 5), band_keys().verification()
    statement = statement_of(opened, key, 1, MOST, prover=PROVER)
    made, public = proven(opened, statement, DOMAIN, key), statement.public_inputs(DOMAIN)
    assert groth16.verify(key, public, made.proof)
    for place in range(5):
        for shifted in (public[place] + FIELD, public[place] - FIELD):
            assert not groth16.verify(key, [*public[:place], shifted, *public[place + 1 :]], made.proof)
    assert not groth16.verify(key, public[:-1], made.proof)
    assert not groth16.verify(key, public, made.proof[:-1])


def test_files_are_read_back_and_hostile_ones_refused(tmp_path: Path) -> None:
    key = band_keys().verification()
    opened = opened_total(DOMAIN, ISSUER, 5)
    made = proven(opened, statement_of(opened, key, 1, MOST, prover=PROVER), DOMAIN, key)
    for value in (key, opened, made):
        assert parse(type(value), json.dumps(value.to_json())) == value
    assert len(json.dumps(made.to_json())) < 2_500
    assert "5" not in repr(opened) and opened.salt.hex() not in f"{opened!r}{opened}"
    wire = made.to_json()
    other = opened_total(DOMAIN, ISSUER, 5)
    hostile: list[dict[str, Any]] = [
        wire | {"proof": wire["proof"][:-2]},
        wire | {"signed": other.signed.to_json()},
        wire | {"statement": wire["statement"] | {"low": "2", "high": "2"}},
        wire | {"statement": wire["statement"] | {"high": str(2**64)}},
        wire | {"more": 1},
    ]
    hostile += [wire | {"statement": wire["statement"] | {"low": low}} for low in (1.0, True, "1.0", "+1", " 1", "1e0")]
    for one in hostile:
        with pytest.raises(InputError):
            parse(ProvenStatement, json.dumps(one))
    for length in (0, 448, 512, 577, 448 + 66 * 64):
        with pytest.raises(InputError):
            parse(VerificationKey, json.dumps(key.to_json() | {"key": "0x" + "00" * length}))
    (tmp_path / "none.key").write_bytes(b"no key")
    # So many points that the library's Rust panics, which is no `Exception` of Python's.
    whole = (band_keys().folder / "proving.key").read_bytes()
    (tmp_path / "long.key").write_bytes(whole[:454] + b"\xff" * 8 + whole[462:])
    for file in (tmp_path / "none.key", tmp_path / "missing.key", tmp_path / "long.key"):
        with pytest.raises(ConfigError):
            groth16.ProvingKey(file)


def test_snarkjs_keys_there_and_back() -> None:
    key = band_keys().verification()
    assert groth16.from_snarkjs(groth16.to_snarkjs(key)) == key.key
    assert groth16.to_snarkjs(key)["IC"] == band_keys().snarkjs["IC"]
    assert len(key.key) == 448 + 6 * 64
