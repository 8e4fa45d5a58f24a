"""Makes tests/vectors/proofs.json: proofs, what is held against them, and what is to be said. The page checks the same.

`python tests/protocols/proof_vectors.py` makes all of it anew, with keys of a set-up of its own.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from placet.core.eip712 import statement_domain
from placet.core.hashing import canonical
from placet.core.ids import JobId
from placet.core.signatures import Key
from placet.core.statements import MOST, OpenedTotal, ProvenStatement, SignedTotal, Statement, Total, VerificationKey
from placet.core.values import ZERO20, to_hex
from proving import band_keys

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "proofs.json"
BANK, OTHER_BANK, PERSON, THIEF = (Key(bytes(31) + bytes([place])) for place in (1, 2, 3, 4))
LENDER, ANOTHER = bytes([8]) * 20, bytes([9]) * 20
STATEMENTS, JOB = bytes([5]) * 20, JobId(bytes([6]) * 32)
LOCAL, ELSEWHERE = 31337, 8453
NOW, UNTIL, VALID = 1_900_000_000, 1_900_600_000, 1_907_000_000
CEREMONY = bytes([7]) * 32
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_GOOD = dict.fromkeys(("place", "issuer", "signature", "reader", "time", "key", "ceremony", "proof", "job"), "ok")
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
        job=JOB, person=PERSON.address, commitment=commitment(value, salt, JOB), decimals=2, issued_at=NOW - 1000,
        not_after=VALID, purpose="a lease",
    )  # fmt: skip
    signed = SignedTotal(total=total, issuer=BANK.address, signature=BANK.sign(total.digest(domain)))
    opened = OpenedTotal(chain_id=chain_id, statements=STATEMENTS, signed=signed, value=value, salt=salt)
    statement = Statement(
        key=key.id, job=JOB, prover=PERSON.address, relying_party=relying_party, until=UNTIL,
        commitment=total.commitment, low=bounds[0], high=bounds[1],
    )  # fmt: skip
    return prove(opened, statement, domain, band_keys().proving, key)


def _changed(proven_: ProvenStatement, /, **changes: Any) -> Json:
    """With these fields, by their path as in `statement__until`."""
    document = proven_.to_json()
    for path, value in changes.items():
        *above, last = path.split("__")
        within: Any = document
        for name in above:
            within = within[name]
        within[last] = value
    return document


def made() -> Json:
    """The whole file."""
    test, common = band_keys().verification(), band_keys().verification(CEREMONY)
    another = band_keys().verification(bytes([3]) * 32)
    local = proven(LOCAL, test, bounds=(1_000_000, MOST), relying_party=LENDER)
    far = proven(ELSEWHERE, common, bounds=(1_000_000, MOST), relying_party=LENDER)
    band = proven(ELSEWHERE, common, bounds=(1_000_000, 2_000_000), relying_party=ZERO20)
    elsewhere_test = proven(ELSEWHERE, test, bounds=(1_000_000, MOST), relying_party=LENDER)
    on_chain = {"key": "common", "contributors": [to_hex(BANK.address), to_hex(OTHER_BANK.address)]}
    on_local = {"key": "test", "contributors": []}
    job = {"consumer": to_hex(BANK.address), "status": "completed"}
    high_s = _high(far.signed.signature)
    thief = far.model_copy(
        update={
            "signed": SignedTotal(
                total=far.signed.total,
                issuer=THIEF.address,
                signature=THIEF.sign(far.signed.total.digest(statement_domain(ELSEWHERE, STATEMENTS))),
            )
        }
    )
    cases: list[Json] = []

    def case(name: str, document: Json, *, code: str, verdict: str, states: Json, **grounds: Any) -> None:
        usual = {
            "chain_id": ELSEWHERE,
            "reader": to_hex(LENDER),
            "now": NOW,
            "own_key": None,
            "key": on_chain,
            "job": job,
        }
        cases.append({"name": name, "proof": document, **(usual | grounds), "code": code, "verdict": verdict,
                      "states": _GOOD | states})  # fmt: skip

    plain = far.to_json()
    case("holds", plain, code="", verdict="holds", states={})
    case("for everybody", band.to_json(), code="", verdict="holds", states={}, reader=None)
    case("own key and the chain's", plain, code="", verdict="holds", states={}, own_key="common")
    case(
        "a sandbox's key",
        local.to_json(),
        code="",
        verdict="sandbox",
        states={"ceremony": "sandbox"},
        chain_id=LOCAL,
        key=on_local,
    )
    case("a sandbox's key elsewhere", elsewhere_test.to_json(), code="proof.test-key", verdict="fails",
         states={"ceremony": "failed"}, key=on_local)  # fmt: skip
    case("another chain's", plain, code="input", verdict="fails",
         states={"place": "failed", "signature": "failed", "proof": "failed"}, chain_id=LOCAL)  # fmt: skip
    case(
        "nobody of the list",
        thief.to_json(),
        code="not-found",
        verdict="fails",
        states={"issuer": "failed", "job": "failed"},
    )
    case("in a bank's name", _changed(thief, signed__issuer=to_hex(BANK.address)), code="signature", verdict="fails",
         states={"signature": "failed"})  # fmt: skip
    case("signed with a high s", _changed(far, signed__signature=to_hex(high_s)), code="signature.form", verdict="fails",
         states={"signature": "failed"})  # fmt: skip
    case("another purpose", _changed(far, signed__total__purpose="a loan"), code="signature", verdict="fails",
         states={"signature": "failed"})  # fmt: skip
    case(
        "another lender",
        plain,
        code="proof.relying-party",
        verdict="fails",
        states={"reader": "failed"},
        reader=to_hex(ANOTHER),
    )
    case(
        "nobody says who reads",
        plain,
        code="proof.relying-party",
        verdict="incomplete",
        states={"reader": "unknown"},
        reader=None,
    )
    case("readdressed", _changed(far, statement__relying_party=to_hex(ANOTHER)), code="proof.false", verdict="fails",
         states={"proof": "failed"}, reader=to_hex(ANOTHER))  # fmt: skip
    case("to the last second", plain, code="", verdict="holds", states={}, now=UNTIL)
    case("over", plain, code="proof.expired", verdict="fails", states={"time": "failed"}, now=UNTIL + 1)
    case(
        "prolonged",
        _changed(far, statement__until=VALID),
        code="proof.false",
        verdict="fails",
        states={"proof": "failed"},
    )
    case("the total is over", _changed(far, statement__until=VALID + 9), code="proof.expired", verdict="fails",
         states={"time": "failed", "proof": "failed"}, now=VALID + 1)  # fmt: skip
    case(
        "more than was proven",
        _changed(far, statement__low="1000001"),
        code="proof.false",
        verdict="fails",
        states={"proof": "failed"},
    )
    case("a changed proof", _changed(far, proof=to_hex(far.proof[:-1] + bytes([far.proof[-1] ^ 1]))), code="proof.false",
         verdict="fails", states={"proof": "failed"})  # fmt: skip
    case("points swapped", _changed(far, proof=to_hex(far.proof[192:] + far.proof[64:192] + far.proof[:64])),
         code="proof.false", verdict="fails", states={"proof": "failed"})  # fmt: skip
    case(
        "points at infinity",
        _changed(far, proof=to_hex(bytes(256))),
        code="proof.false",
        verdict="fails",
        states={"proof": "failed"},
    )
    case("negated", _changed(far, proof=to_hex(_negated(far.proof))), code="", verdict="holds", states={})
    case(
        "beyond the prime",
        _changed(far, proof=to_hex(_beyond(far.proof))),
        code="proof.false",
        verdict="fails",
        states={"proof": "failed"},
    )
    case("a key that is another", plain, code="input", verdict="fails",
         states={"key": "failed", "proof": "unknown"}, own_key="another")  # fmt: skip
    case("no key", plain, code="", verdict="incomplete",
         states={"key": "unknown", "ceremony": "unknown", "proof": "unknown", "job": "unknown"}, key=None, job=None)  # fmt: skip
    case("own key alone", plain, code="", verdict="incomplete", states={"ceremony": "unknown", "job": "unknown"},
         own_key="common", key=None, job=None)  # fmt: skip
    case("a key that the chain refuses", plain, code="", verdict="fails",
         states={"key": "failed", "ceremony": "failed", "proof": "unknown"}, key="refused")  # fmt: skip
    case(
        "a ceremony of nobody",
        plain,
        code="",
        verdict="fails",
        states={"ceremony": "failed"},
        key=on_chain | {"contributors": []},
    )
    case(
        "another job's consumer",
        plain,
        code="",
        verdict="fails",
        states={"job": "failed"},
        job=job | {"consumer": to_hex(OTHER_BANK.address)},
    )
    case(
        "a job that was aborted",
        plain,
        code="",
        verdict="fails",
        states={"job": "failed"},
        job=job | {"status": "aborted"},
    )
    case("no such job", plain, code="", verdict="fails", states={"job": "failed"}, job="refused")
    return {
        "institutions": [{"address": to_hex(BANK.address), "name": "Bank"}, {"address": to_hex(OTHER_BANK.address), "name": "Other Bank"}],
        "statements": to_hex(STATEMENTS),
        "keys": {"test": test.to_json(), "common": common.to_json(), "another": another.to_json()},
        "texts": [{"proof": one.to_json(), "code": code_of(one.to_json())} for one in (far, band, local)],
        "cases": cases,
    }  # fmt: skip


def _high(signature: bytes) -> bytes:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - signature[64]])


_PRIME = 21888242871839275222246405745257275088696311157297823662689037894645226208583


def _negated(proof: bytes) -> bytes:
    """−A and −B prove what A and B prove."""
    words = [int.from_bytes(proof[at : at + 32], "big") for at in range(0, 256, 32)]
    for place in (1, 4, 5):
        words[place] = -words[place] % _PRIME
    return b"".join(word.to_bytes(32, "big") for word in words)


def _beyond(proof: bytes) -> bytes:
    return (int.from_bytes(proof[:32], "big") + _PRIME).to_bytes(32, "big") + proof[32:]


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(made(), indent=1) + "\n")
