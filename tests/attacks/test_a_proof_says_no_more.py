"""A statement in zero knowledge is what its prover proved, for whom it proved it, under keys that nobody owns.

Each attempt is refused by what a relying party checks; where there is a form without the check, it succeeds there.
What strangers try at the contracts, with keys whose secret they know, is in `contracts/test/Statements.t.sol`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from placet.cli import prove
from placet.cli.operator import EnsureTransaction
from placet.core.errors import InputError, LimitError, PlacetError
from placet.core.signatures import Key
from placet.core.statements import MOST, ProvenStatement, VerificationKey
from placet.core.trust import Contract, Deployment, Institution, TrustList
from placet.core.values import ZERO20, ZERO32, parse, to_hex
from proving import band_keys, compiled, opened_total, proven, statement_of

pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")
from placet.protocols.zk import apart, band, groth16
from placet.protocols.zk.relying import demand_proven

BANK, THIEF, PERSON = (Key(bytes(31) + bytes([place])) for place in (1, 2, 3))
LENDER, OTHER = bytes([8]) * 20, bytes([9]) * 20
CONTRACT = Contract(address=bytes([5]) * 20, code_hash=ZERO32)
NAMES = [name for name, field in Deployment.model_fields.items() if field.annotation is Contract]
TRUST = TrustList(
    institutions=(
        Institution(
            address=BANK.address, name="Bank", api="http://127.0.0.1:1", peer="https://127.0.0.1:2",
            certificate="-----BEGIN CERTIFICATE-----",
        ),
    )
)  # fmt: skip


def deployment(chain_id: int = 31337) -> Deployment:
    return Deployment(
        chain_id=chain_id,
        block=0,
        genesis=ZERO32,
        confirmations=0,
        finality="blocks",
        evm="osaka",
        **dict.fromkeys(NAMES, CONTRACT),
    )


def shown(place: Deployment, issuer: Key, value: int = 150, relying_party: bytes = LENDER) -> ProvenStatement:
    """ "At least 100", as the person hands it to the lender."""
    key = band_keys().verification()
    opened = opened_total(place.proven, issuer, value, person=PERSON.address)
    statement = statement_of(opened, key, 100, MOST, prover=PERSON.address, relying_party=relying_party)
    return proven(opened, statement, place.proven, key)


def relied_on(proof: ProvenStatement, place: Deployment, **changes: Any) -> str:
    """What a relying party says: the code of the refusal, or nothing."""
    asked: dict[str, Any] = {"relying_party": LENDER, "now": int(time.time())} | changes
    try:
        demand_proven(proof, band_keys().verification(), deployment=place, trust=TRUST, **asked)
    except PlacetError as error:
        return error.code
    return ""


def test_a_proof_is_shown_to_nobody_else_and_not_later() -> None:
    place = deployment()
    proof = shown(place, BANK)
    assert relied_on(proof, place) == ""
    assert relied_on(proof, place, relying_party=OTHER) == relied_on(proof, place, relying_party=None)
    assert relied_on(proof, place, relying_party=OTHER) == "proof.relying-party"
    readdressed = proof.model_copy(update={"statement": proof.statement.model_copy(update={"relying_party": OTHER})})
    assert relied_on(readdressed, place, relying_party=OTHER) == "proof.false"
    assert relied_on(proof, place, now=proof.statement.until + 1) == "proof.expired"
    prolonged = proof.model_copy(update={"statement": proof.statement.model_copy(update={"until": 2**40})})
    assert relied_on(prolonged, place, now=proof.statement.until + 1) == "proof.false"
    assert relied_on(proof, place, now=proof.signed.total.not_after + 1) == "proof.expired"
    # For everybody is for everybody: the form without an addressee.
    open_to_all = shown(place, BANK, relying_party=ZERO20)
    assert relied_on(open_to_all, place, relying_party=OTHER) == relied_on(open_to_all, place) == ""


def test_nobody_vouches_for_himself_or_in_anothers_name() -> None:
    place = deployment()
    own = shown(place, THIEF, 10**12)
    assert relied_on(own, place) == "not-found"
    in_its_name = own.model_copy(update={"signed": own.signed.model_copy(update={"issuer": BANK.address})})
    assert relied_on(in_its_name, place).startswith("signature")
    # The proof itself is right: only who vouches for the commitment is not.
    assert band.holds(own, place.proven, band_keys().verification())


def test_a_signed_total_of_somebody_else_does_not_fit_the_proof() -> None:
    place = deployment()
    proof, other = shown(place, BANK), opened_total(place.proven, BANK, 10**12, person=THIEF.address)
    with pytest.raises(ValueError, match="another total"):
        ProvenStatement.model_validate(proof.to_json() | {"signed": other.signed.to_json()})
    total = proof.signed.total.model_copy(update={"person": THIEF.address})
    stolen = proof.model_copy(update={"signed": proof.signed.model_copy(update={"total": total})})
    assert relied_on(stolen, place).startswith("signature")


def test_a_key_of_one_person_proves_nothing_off_local_chains() -> None:
    assert relied_on(shown(deployment(), BANK), deployment()) == ""
    elsewhere = deployment(chain_id=8453)
    assert relied_on(shown(elsewhere, BANK), elsewhere) == "proof.test-key"
    assert relied_on(shown(deployment(), BANK), elsewhere) == "input"


def test_a_key_to_which_nobody_contributed_proves_anything() -> None:
    """Where δ = γ, A = α, B = β, C = −IC₀ prove that every input is 0, without a witness. groth16py takes that. No file
    with such a key is read, and the contract does not take it, as `contracts/test/Groth16Verifier.t.sol` shows."""
    key = band_keys().verification()
    bytes_ = key.key
    broken = key.model_copy(update={"key": bytes_[:320] + bytes_[192:320] + bytes_[448:]})

    def negated(point: bytes) -> bytes:
        return point[:32] + (groth16.PRIME - int.from_bytes(point[32:], "big")).to_bytes(32, "big")

    forged = negated(bytes_[:64]) + bytes_[64:192] + negated(bytes_[448:512])
    assert groth16.verify(broken, [0] * 5, forged)
    assert not groth16.verify(key, [0] * 5, forged)
    with pytest.raises(InputError, match="nobody contributed"):
        parse(VerificationKey, json.dumps(broken.to_json()))
    for start, end in ((0, 64), (64, 192), (192, 320), (320, 448), (448, 512), (704, 768), (768, 832)):
        infinite = bytes_[:start] + bytes(end - start) + bytes_[end:]
        with pytest.raises(InputError, match="at infinity"):
            parse(VerificationKey, json.dumps(key.to_json() | {"key": to_hex(infinite)}))


TELLTALE = """pragma circom 2.1.6;
template Telltale() {
    signal input context, job, commitment, low, high, total, salt;
    signal product <== total * context;
}
component main {public [context, job, commitment, low, high]} = Telltale();
"""
INFINITY = bytes(63) + b"\x40"


def test_a_lenders_own_keys_do_not_tell_it_the_total(tmp_path: Path) -> None:
    """The lender gives the keys: of a circuit where the total is the only secret in A, with the δ that blinds A taken
    out. Its proof verifies, and A is the same for the same total: the lender tries totals until A comes out."""
    (tmp_path / "telltale.circom").write_text(TELLTALE)
    proving, verification = compiled(tmp_path / "telltale.circom")
    proving.save(str(tmp_path / "proving.key"))
    content = bytearray((tmp_path / "proving.key").read_bytes())
    # After 6 bytes: the verification key with 6 points, β and δ of the first group, and the queries of A and B.
    beta = 6 + 448 + 8 + 6 * 64
    content[beta : beta + 128] = INFINITY * 2
    count = int.from_bytes(content[beta + 128 : beta + 136], "little")
    of_b = beta + 128 + 8 + 64 * count + 8
    content[of_b : of_b + 64 * count] = INFINITY * count
    (tmp_path / "proving.key").write_bytes(content)

    place, key = deployment(), band_keys().verification()
    key = key.model_copy(update={"key": groth16.from_snarkjs(json.loads(verification.to_json()))})
    opened = opened_total(place.proven, BANK, 150, person=PERSON.address)
    statement = statement_of(opened, key, 100, MOST, prover=PERSON.address, relying_party=LENDER)
    public = statement.public_inputs(place.proven)
    known = dict(zip(("context", "job", "commitment", "low", "high"), public, strict=True))
    hostile = groth16.ProvingKey(tmp_path / "proving.key")

    def bare(total: int) -> bytes:
        return bytes(groth16.groth16py.prove(hostile._key, known | {"total": total, "salt": 1}))

    unprotected = bare(opened.value)
    assert groth16.verify(key, public, unprotected)
    assert [total for total in range(140, 160) if bare(total)[:64] == unprotected[:64]] == [150]
    with pytest.raises(InputError) as caught:
        band.prove(opened, statement, place.proven, hostile, key)
    assert caught.value.code == "proof.bare"


ENDLESS = """pragma circom 2.1.6;
function spin(n) { var i = 0; while (i < n) { i = i + n - n; } return i; }
template Endless() {
    signal input context, job, commitment, low, high, total, salt;
    signal spun <-- spin(total);
    signal product <== total * context;
}
component main {public [context, job, commitment, low, high]} = Endless();
"""


def test_a_lenders_own_keys_do_not_hang_the_prover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program in its key never ends: what proves is ended, and says so. An honest key proves beside it, and an
    error is the same as without the process."""
    (tmp_path / "endless.circom").write_text(ENDLESS)
    compiled(tmp_path / "endless.circom")[0].save(str(tmp_path / "proving.key"))
    place, key = deployment(), band_keys().verification()
    opened = opened_total(place.proven, BANK, 150, person=PERSON.address)
    statement = statement_of(opened, key, 100, MOST, prover=PERSON.address, relying_party=LENDER)
    honest = apart.ProverApart(band_keys().folder / "proving.key")
    assert band.holds(band.prove(opened, statement, place.proven, honest, key), place.proven, key)
    monkeypatch.setattr(apart, "SECONDS", 4)
    with pytest.raises(LimitError) as caught:
        band.prove(opened, statement, place.proven, apart.ProverApart(tmp_path / "proving.key"), key)
    assert caught.value.code == "proof.limits" and "150" not in str(caught.value)
    (tmp_path / "none.key").write_bytes(b"no key")
    for file, code in (("none.key", "config"), ("missing.key", "config")):
        with pytest.raises(PlacetError) as refused:
            band.prove(opened, statement, place.proven, apart.ProverApart(tmp_path / file), key)
        assert refused.value.code == code


def test_two_proofs_of_one_moment_are_two_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prover shows 100 and, with the same until, 120: the context of both is one. Were the name of the transaction
    the context's, the second would be taken for sent while the first is under way."""
    place, key = deployment(), band_keys().verification()
    opened = opened_total(place.proven, BANK, 150, person=PERSON.address)
    less = statement_of(opened, key, 100, MOST, prover=PERSON.address, relying_party=LENDER)
    more = less.model_copy(update={"low": 120})
    assert less.public_inputs(place.proven)[0] == more.public_inputs(place.proven)[0]
    wishes: list[EnsureTransaction] = []

    class Node:
        deployment = place
        chain = None

        def __init__(self, _: Path) -> None: ...

        def send(self, some: list[EnsureTransaction], _: float) -> None:
            wishes.extend(some)

    monkeypatch.setattr(prove, "Operator", Node)
    monkeypatch.setattr("placet.chain.statements.recorded_at", lambda *_: 1)
    for statement in (less, more):
        (tmp_path / "proof.json").write_text(json.dumps(proven(opened, statement, place.proven, key).to_json()))
        prove.record(tmp_path / "node.toml", tmp_path / "proof.json")
    assert len({wish.name for wish in wishes}) == len({wish.call.data for wish in wishes}) == 2
    monkeypatch.setattr(Node, "deployment", deployment(chain_id=8453))
    with pytest.raises(InputError, match="another deployment"):
        prove.record(tmp_path / "node.toml", tmp_path / "proof.json")
