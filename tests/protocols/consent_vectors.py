"""Makes tests/vectors/consent_proofs.json: proofs of consents, what is held against them, and what is to be said. The
page checks the same.

`python tests/protocols/consent_vectors.py` makes all of it anew, with keys of a set-up of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from proof_vectors import (
    ANOTHER,
    BANK,
    CEREMONY,
    ELSEWHERE,
    JOB,
    LENDER,
    LOCAL,
    NOW,
    OTHER_BANK,
    STATEMENTS,
    THIEF,
    TREES,
    UNTIL,
    VALID,
    Json,
    beyond,
    cases_of,
    changed,
    code_of,
    negated,
)

from consent_proving import Holder, consent_keys, tree_of
from placet.core.consent_trees import ConsentProof, ConsentStatement
from placet.core.ids import OfferId
from placet.core.statements import VerificationKey
from placet.core.trust import Contract, Deployment
from placet.core.values import ZERO20, ZERO32, to_hex

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "consent_proofs.json"
FRESH = bytes([13]) * 20
OFFER = OfferId(b"\xf1" * 32)
_CHECKS = ("place", "reader", "time", "key", "ceremony", "proof", "publisher", "tree", "use")


def deployment(chain_id: int) -> Deployment:
    """One in which only these two contracts matter."""
    names = [name for name, field in Deployment.model_fields.items() if field.annotation is Contract]
    contract = Contract(address=STATEMENTS, code_hash=ZERO32)
    chain: Json = {"chain_id": chain_id, "block": 0, "genesis": ZERO32, "confirmations": 0}
    trees = {"consent_trees": Contract(address=TREES, code_hash=ZERO32)}
    return Deployment(**chain, finality="blocks", evm="osaka", **(dict.fromkeys(names, contract) | trees))


def proven(chain_id: int, key: VerificationKey, relying_party: bytes = LENDER) -> ConsentProof:
    """Of one of three consents."""
    from placet.protocols.zk.consent import membership, nullifier_of, prove

    place, holders = deployment(chain_id), [Holder() for _ in range(3)]
    tree, secret = tree_of(holders, OFFER, place), holders[1].secret
    root, witness = membership(tree, secret)
    statement = ConsentStatement(
        key=key.id,
        job=JOB,
        prover=FRESH,
        relying_party=relying_party,
        until=UNTIL,
        offer=OFFER,
        root=root,
        nullifier=nullifier_of(secret, JOB),
    )
    return prove(witness, statement, place, consent_keys().proving, key)


def document() -> Json:
    """The whole file."""
    place = deployment(ELSEWHERE)
    test, common = (consent_keys().verification(place, ceremony) for ceremony in (ZERO32, CEREMONY))
    keys = {
        "test": test,
        "common": common,
        "another": consent_keys().verification(place, bytes([3]) * 32),
        "without a nullifier": common.model_copy(update={"nullifier": 0}),
        "with another nullifier": common.model_copy(update={"nullifier": 3}),
        "without a checker": common.model_copy(update={"checker": ZERO20}),
        "of another checker": common.model_copy(update={"checker": STATEMENTS}),
        "of another circuit": common.model_copy(update={"circuit": bytes([4]) * 32}),
    }
    far, everybody = proven(ELSEWHERE, common), proven(ELSEWHERE, common, ZERO20)
    local, elsewhere_test = proven(LOCAL, test), proven(ELSEWHERE, test)
    shared = {"key": "common", "contributors": [to_hex(BANK.address), to_hex(OTHER_BANK.address)]}
    on_local = {"key": "test", "contributors": []}
    live: Json = {
        "block": 77,
        "time": NOW - 12,
        "provider": to_hex(BANK.address),
        "state": "live",
        "leaves": 3,
        "until": NOW + 9_999,
        "used": False,
        "recorded": 0,
        "confirmed": False,
    }
    recorded = live | {"used": True, "recorded": NOW - 500, "confirmed": True}
    usual = {
        "chain_id": ELSEWHERE,
        "reader": to_hex(LENDER),
        "now": NOW,
        "own_key": None,
        "key": shared,
        "consent": live,
    }
    cases, case = cases_of(_CHECKS, usual)
    plain, nobody, false = far.to_json(), to_hex(ANOTHER), "proof.false"
    case("holds", plain)
    case("for everybody", everybody.to_json(), reader=None)
    case("own key and the chain's", plain, own_key="common")
    case("a sandbox's key", local.to_json(), sandbox="ceremony", chain_id=LOCAL, key=on_local)
    case("a sandbox's key elsewhere", elsewhere_test.to_json(), "proof.test-key", failed="ceremony", key=on_local)
    case("another chain's", plain, "input", failed="place proof", chain_id=LOCAL)
    case("other contracts'", changed(far, statements=nobody), "input", failed="place")
    case("another lender", plain, "proof.relying-party", failed="reader", reader=nobody)
    case("nobody says who reads", plain, "proof.relying-party", unknown="reader", reader=None)
    case("readdressed", changed(far, statement__relying_party=nobody), false, failed="proof", reader=nobody)
    case("to the last second", plain, now=UNTIL)
    case("over", plain, "proof.expired", failed="time", now=UNTIL + 1)
    case("prolonged", changed(far, statement__until=VALID), false, failed="proof")
    for name, change in {
        "another prover": {"statement__prover": nobody},
        "another job": {"statement__job": to_hex(bytes(31) + b"\1")},
        "a job that is the same but for its last bits": {"statement__job": to_hex(JOB[:-1] + bytes([JOB[-1] ^ 1]))},
        "another offer": {"statement__offer": to_hex(b"\xf2" * 32)},
        "another root": {"statement__root": to_hex(ZERO32)},
        "another nullifier": {"statement__nullifier": to_hex(bytes(31) + b"\1")},
        "somebody else's proof": {"proof": to_hex(everybody.proof)},
    }.items():
        case(name, changed(far, **change), false, failed="proof")
    # The circuit sees 253 bits of an offer's id; the registry knows the whole one.
    near = {"statement__offer": to_hex(OFFER[:-1] + bytes([OFFER[-1] ^ 1]))}
    absent = "publisher tree use"
    case("an offer that is the same but for its last bits", changed(far, **near), "not-found", failed=absent,
         consent="refused")  # fmt: skip
    a, b, c = far.proof[:64], far.proof[64:192], far.proof[192:]
    for name, proof in {
        "a changed proof": far.proof[:-1] + bytes([far.proof[-1] ^ 1]),
        "points swapped": c + b + a,
        "points at infinity": bytes(256),
        "beyond the prime": beyond(far.proof),
    }.items():
        case(name, changed(far, proof=to_hex(proof)), false, failed="proof")
    case("negated", changed(far, proof=to_hex(negated(far.proof))))
    case("a key that is another", plain, "input", failed="key", unknown="proof", own_key="another")
    for name in list(keys)[3:]:
        other = changed(far, statement__key=to_hex(keys[name].id))
        case(f"a key {name}", other, "input", failed="key", unknown="proof", key=shared | {"key": name})
    case("nothing from the chain", plain, unknown=f"key ceremony proof {absent}", key=None, consent=None)
    case("own key alone", plain, unknown=f"ceremony {absent}", own_key="common", key=None, consent=None)
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
    case("a stranger's tree", plain, "not-found", failed="publisher", consent=live | {"provider": stranger})
    never = live | {"state": "unknown", "leaves": 0, "until": 0}
    case("a tree that nobody published", plain, "proof.tree", failed="publisher tree", consent=never)
    for state in ("ended", "expired", "exhausted"):
        case(f"an {state} tree", plain, "proof.tree", failed="tree", consent=live | {"state": state})
        case(f"recorded before its tree was {state}", plain, consent=recorded | {"state": state})
    soon = recorded | {"confirmed": False}
    case("recorded in the last block", plain, consent=soon)
    case("recorded in the last block, and its tree ended", plain, "proof.unconfirmed", unknown="tree",
         consent=soon | {"state": "ended"})  # fmt: skip
    case("used in another statement", plain, "proof.nullifier", failed="use", consent=live | {"used": True})
    case("no such offer", plain, "not-found", failed=absent, consent="refused")
    return {
        "institutions": [
            {"address": to_hex(BANK.address), "name": "Bank"},
            {"address": to_hex(OTHER_BANK.address), "name": "Other Bank"},
        ],
        "statements": to_hex(STATEMENTS),
        "consent_trees": to_hex(TREES),
        "keys": {name: key.to_json() for name, key in keys.items()},
        "texts": [
            {
                "proof": one.to_json(),
                "code": code_of(one.to_json()),
                "statement_id": to_hex(one.statement.id_on(deployment(int(one.chain_id)).proven)),
            }
            for one in (far, local)
        ],
        "cases": cases,
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(document(), indent=1) + "\n")
