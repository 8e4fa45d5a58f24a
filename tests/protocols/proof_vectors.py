"""Makes tests/vectors/proofs.json: proofs, what is held against them, and what is to be said. The page checks the same.

`python tests/protocols/proof_vectors.py` makes all of it anew, with keys of a set-up of its own.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from placet.core.eip712 import statement_domain
from placet.core.hashing import canonical
from placet.core.ids import JobId
from placet.core.signatures import Key
from placet.core.statements import (
    MOST,
    BandStatement,
    OpenedTotal,
    ProvenStatement,
    SignedTotal,
    Total,
    VerificationKey,
)
from placet.core.values import ZERO20, Value, to_hex
from proving import band_keys

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "proofs.json"
BANK, OTHER_BANK, PERSON, THIEF = (Key(bytes(31) + bytes([place])) for place in (1, 2, 3, 4))
LENDER, ANOTHER = bytes([8]) * 20, bytes([9]) * 20
STATEMENTS, TREES, JOB = bytes([5]) * 20, bytes([12]) * 20, JobId(bytes([6]) * 32)
LOCAL, ELSEWHERE = 31337, 8453
NOW, UNTIL, VALID = 1_900_000_000, 1_900_600_000, 1_907_000_000
CEREMONY = bytes([7]) * 32
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_CHECKS = ("place", "issuer", "signature", "reader", "time", "key", "ceremony", "proof", "job")
Json = dict[str, Any]


def code_of(document: Json) -> str:
    """The text of a code, as formats.md has it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(canonical(document)) + packer.flush()
    letters = ""
    for at in range(0, len(packed), 2):
        pair = packed[at : at + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            number, digit = divmod(number, 45)
            letters += _LETTERS[digit]
    return "PLACET1:" + letters


def proven(chain_id: int, key: VerificationKey, *, bounds: tuple[int, int], relying_party: bytes) -> ProvenStatement:
    """Of a total of 12,345.67 that the bank signed."""
    from placet.protocols.zk.band import commitment, new_salt, prove

    domain, salt, value = statement_domain(chain_id, STATEMENTS), new_salt(), 1_234_567
    total = Total(
        job=JOB,
        person=PERSON.address,
        commitment=commitment(value, salt, JOB),
        decimals=2,
        issued_at=NOW - 1000,
        not_after=VALID,
        purpose="a lease",
    )
    signed = SignedTotal(total=total, issuer=BANK.address, signature=BANK.sign(total.digest(domain)))
    opened = OpenedTotal(chain_id=chain_id, statements=STATEMENTS, signed=signed, value=value, salt=salt)
    statement = BandStatement(
        key=key.id,
        job=JOB,
        prover=PERSON.address,
        relying_party=relying_party,
        until=UNTIL,
        commitment=total.commitment,
        low=bounds[0],
        high=bounds[1],
    )
    return prove(opened, statement, domain, band_keys().proving, key)


def changed(proven_: Value, /, **changes: Any) -> Json:
    """With these fields, by their path as in `statement__until`."""
    document = proven_.to_json()
    for path, value in changes.items():
        *above, last = path.split("__")
        within: Any = document
        for name in above:
            within = within[name]
        within[last] = value
    return document


def cases_of(checks: Sequence[str], usual: Json) -> tuple[list[Json], Callable[..., None]]:
    """A list of cases, and what adds one to it: its name, the proof and the code of Python's refusal, or "" for none.
    `failed`, `sandbox` and `unknown` name checks, one word after the other; what else is given are grounds in place of
    the usual ones."""
    cases: list[Json] = []

    def case(name: str, document: Json, code: str = "", **more: Any) -> None:
        states = dict.fromkeys(checks, "ok")
        for state in ("unknown", "sandbox", "failed"):
            states |= dict.fromkeys(more.pop(state, "").split(), state)
        names = {"failed": "fails", "sandbox": "sandbox", "unknown": "incomplete"}
        verdict = next((verdict for state, verdict in names.items() if state in states.values()), "holds")
        entry = {"name": name, "proof": document, **(usual | more), "code": code, "verdict": verdict, "states": states}
        cases.append(entry)

    return cases, case


def document() -> Json:
    """The whole file."""
    test, common = band_keys().verification(), band_keys().verification(CEREMONY)
    another = band_keys().verification(bytes([3]) * 32)
    counted = common.model_copy(update={"nullifier": 4})
    local = proven(LOCAL, test, bounds=(1_000_000, MOST), relying_party=LENDER)
    far = proven(ELSEWHERE, common, bounds=(1_000_000, MOST), relying_party=LENDER)
    band = proven(ELSEWHERE, common, bounds=(1_000_000, 2_000_000), relying_party=ZERO20)
    elsewhere_test = proven(ELSEWHERE, test, bounds=(1_000_000, MOST), relying_party=LENDER)
    shared = {"key": "common", "contributors": [to_hex(BANK.address), to_hex(OTHER_BANK.address)]}
    on_local = {"key": "test", "contributors": []}
    job = {"consumer": to_hex(BANK.address), "status": "completed"}
    thief = far.model_copy(
        update={
            "signed": SignedTotal(
                total=far.signed.total,
                issuer=THIEF.address,
                signature=THIEF.sign(far.signed.total.digest(statement_domain(ELSEWHERE, STATEMENTS))),
            )
        }
    )
    usual = {"chain_id": ELSEWHERE, "reader": to_hex(LENDER), "now": NOW, "own_key": None, "key": shared, "job": job}
    cases, case = cases_of(_CHECKS, usual)
    plain, signature, nobody = far.to_json(), "signature", to_hex(ANOTHER)
    case("holds", plain)
    case("for everybody", band.to_json(), reader=None)
    case("own key and the chain's", plain, own_key="common")
    case("a sandbox's key", local.to_json(), sandbox="ceremony", chain_id=LOCAL, key=on_local)
    case("a sandbox's key elsewhere", elsewhere_test.to_json(), "proof.test-key", failed="ceremony", key=on_local)
    case("another chain's", plain, "input", failed="place signature proof", chain_id=LOCAL)
    case("nobody of the list", thief.to_json(), "not-found", failed="issuer job")
    case("in a bank's name", changed(thief, signed__issuer=to_hex(BANK.address)), signature, failed=signature)
    high = changed(far, signed__signature=to_hex(_high(far.signed.signature)))
    case("signed with a high s", high, "signature.form", failed=signature)
    case("another purpose", changed(far, signed__total__purpose="a loan"), signature, failed=signature)
    case("another lender", plain, "proof.relying-party", failed="reader", reader=nobody)
    case("nobody says who reads", plain, "proof.relying-party", unknown="reader", reader=None)
    case("readdressed", changed(far, statement__relying_party=nobody), "proof.false", failed="proof", reader=nobody)
    case("to the last second", plain, now=UNTIL)
    case("over", plain, "proof.expired", failed="time", now=UNTIL + 1)
    case("prolonged", changed(far, statement__until=VALID), "proof.false", failed="proof")
    over = changed(far, statement__until=VALID + 9)
    case("the total is over", over, "proof.expired", failed="time proof", now=VALID + 1)
    case("more than was proven", changed(far, statement__low="1000001"), "proof.false", failed="proof")
    a, b, c = far.proof[:64], far.proof[64:192], far.proof[192:]
    for name, proof in {
        "a changed proof": far.proof[:-1] + bytes([far.proof[-1] ^ 1]),
        "points swapped": c + b + a,
        "points at infinity": bytes(256),
        "beyond the prime": beyond(far.proof),
    }.items():
        case(name, changed(far, proof=to_hex(proof)), "proof.false", failed="proof")
    case("negated", changed(far, proof=to_hex(negated(far.proof))))
    case("a key that is another", plain, "input", failed="key", unknown="proof", own_key="another")
    other = changed(far, statement__key=to_hex(counted.id))
    case("a key that is registered as another circuit's", other, "input", failed="key", unknown="proof",
         key=shared | {"key": "counted"})  # fmt: skip
    case("no key", plain, unknown="key ceremony proof job", key=None, job=None)
    case("own key alone", plain, unknown="ceremony job", own_key="common", key=None, job=None)
    case("a key that the chain refuses", plain, failed="key ceremony", unknown="proof", key="refused")
    bank, stranger = to_hex(BANK.address), to_hex(THIEF.address)
    for name, makers in {
        "nobody": [],
        "one": [bank],
        "one twice": [bank, bank],
        "a stranger": [bank, stranger],
    }.items():
        key = shared | {"contributors": makers}
        case(f"a ceremony of {name}", plain, "proof.ceremony", failed="ceremony", key=key)
    case("another job's consumer", plain, failed="job", job=job | {"consumer": to_hex(OTHER_BANK.address)})
    case("a job that was aborted", plain, failed="job", job=job | {"status": "aborted"})
    case("no such job", plain, failed="job", job="refused")
    return {
        "institutions": [
            {"address": to_hex(BANK.address), "name": "Bank"},
            {"address": to_hex(OTHER_BANK.address), "name": "Other Bank"},
        ],
        "statements": to_hex(STATEMENTS),
        "consent_trees": to_hex(TREES),
        "keys": {
            "test": test.to_json(),
            "common": common.to_json(),
            "another": another.to_json(),
            "counted": counted.to_json(),
        },
        "texts": [{"proof": one.to_json(), "code": code_of(one.to_json())} for one in (far, band, local)],
        "cases": cases,
    }


def _high(signature: bytes) -> bytes:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - signature[64]])


_PRIME = 21888242871839275222246405745257275088696311157297823662689037894645226208583


def negated(proof: bytes) -> bytes:
    """−A and −B prove what A and B prove."""
    words = [int.from_bytes(proof[at : at + 32], "big") for at in range(0, 256, 32)]
    for place in (1, 4, 5):
        words[place] = -words[place] % _PRIME
    return b"".join(word.to_bytes(32, "big") for word in words)


def beyond(proof: bytes) -> bytes:
    return (int.from_bytes(proof[:32], "big") + _PRIME).to_bytes(32, "big") + proof[32:]


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(document(), indent=1) + "\n")
