"""tests/vectors/proofs.json and consent_proofs.json as Python judges them; the page's half is in
`backend/web/client/test/proof.test.ts` and `anonymous.test.ts`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from placet.cli.proof_files import read_proof
from placet.core.ceremonies import demand_institutions
from placet.core.code import content_of
from placet.core.consent_trees import ConsentOnChain, ConsentProof, PublishedTree, TreeState
from placet.core.errors import InputError, NotFoundError, PlacetError
from placet.core.statements import MAX_FILE, ProvenStatement, VerificationKey
from placet.core.trust import Contract, Deployment, Institution, TrustList
from placet.core.values import ZERO32, from_hex, parse, to_hex

pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")
from placet.protocols.zk.relying import demand_consent_proven, demand_proven

VECTORS, CONSENTS = (
    json.loads((Path(__file__).parents[1] / "vectors" / name).read_text())
    for name in ("proofs.json", "consent_proofs.json")
)
TRUST = TrustList(
    institutions=tuple(
        Institution(
            address=from_hex(one["address"]), name=one["name"], api=f"http://127.0.0.1:{place}",
            peer=f"https://127.0.0.1:{place + 100}", certificate="-----BEGIN CERTIFICATE-----",
        )
        for place, one in enumerate(VECTORS["institutions"], 1)
    )
)  # fmt: skip


def deployment(chain_id: int) -> Deployment:
    names = [name for name, field in Deployment.model_fields.items() if field.annotation is Contract]
    contract = Contract(address=from_hex(VECTORS["statements"]), code_hash=ZERO32)
    chain: dict[str, Any] = {
        "chain_id": chain_id,
        "block": 0,
        "genesis": ZERO32,
        "confirmations": 0,
        "finality": "blocks",
        "evm": "osaka",
    }
    trees = {"consent_trees": Contract(address=from_hex(VECTORS["consent_trees"]), code_hash=ZERO32)}
    return Deployment(**chain, **(dict.fromkeys(names, contract) | trees))


def judged(case: dict[str, Any]) -> str:
    """The code of the refusal, or nothing."""
    key = VECTORS["keys"][case["own_key"] or case["key"]["key"]]
    try:
        demand_proven(
            parse(ProvenStatement, case["proof"]),
            parse(VerificationKey, key),
            deployment=deployment(case["chain_id"]),
            trust=TRUST,
            relying_party=None if case["reader"] is None else from_hex(case["reader"]),
            now=case["now"],
        )
        if case["own_key"] is None and case["key"]["key"] != "test":
            demand_institutions([from_hex(one) for one in case["key"]["contributors"]], TRUST)
    except PlacetError as error:
        return error.code
    return ""


def test_python_says_what_the_vectors_say() -> None:
    cases = [case for case in VECTORS["cases"] if case["own_key"] or isinstance(case["key"], dict)]
    assert len(cases) > 20
    codes = {case["name"]: judged(case) for case in cases}
    assert codes == {case["name"]: case["code"] for case in cases}


def on_chain(case: dict[str, Any], proof: ConsentProof) -> ConsentOnChain:
    """What a node says of a consent, as Python has it of the chain itself."""
    said = case["consent"]
    if said == "refused":
        raise NotFoundError("no such offer on chain")
    window = {"until": said["until"], "opens_before": 5, "leaves": max(said["leaves"], 1)}
    heads = {"epoch": bytes(24), "unproven": bytes(24)}
    tree = PublishedTree(offer=proof.statement.offer, root=proof.statement.root, **heads, **window)
    state = TreeState[said["state"].upper()]
    return ConsentOnChain(
        block=said["block"],
        time=said["time"],
        provider=from_hex(said["provider"]),
        state=state,
        tree=None if state is TreeState.UNKNOWN else tree,
        is_used=said["used"],
        recorded_at=said["recorded"],
        is_confirmed=said["confirmed"],
    )


def judged_consent(case: dict[str, Any]) -> str:
    """As `placet prove check` goes about it: the code of the refusal, or nothing."""
    key = CONSENTS["keys"][case["own_key"] or case["key"]["key"]]
    try:
        proof = parse(ConsentProof, case["proof"])
        demand_consent_proven(
            proof,
            parse(VerificationKey, key),
            deployment=deployment(case["chain_id"]),
            relying_party=None if case["reader"] is None else from_hex(case["reader"]),
            now=case["now"],
        )
        if case["own_key"] is None and case["key"]["key"] != "test":
            demand_institutions([from_hex(one) for one in case["key"]["contributors"]], TRUST)
        stands = on_chain(case, proof)
        if stands.tree is not None:
            TRUST.institution(stands.provider)
        stands.demand_stands()
    except PlacetError as error:
        return error.code
    return ""


def test_python_says_of_consents_what_the_vectors_say() -> None:
    cases = [case for case in CONSENTS["cases"] if case["consent"] and isinstance(case["key"], dict)]
    assert len(cases) > 45
    codes = {case["name"]: judged_consent(case) for case in cases}
    assert codes == {case["name"]: case["code"] for case in cases}
    for one in CONSENTS["texts"]:
        proof = parse(ConsentProof, content_of(one["code"], limit=MAX_FILE))
        assert proof.to_json() == one["proof"]
        assert to_hex(proof.statement.id_on(deployment(int(proof.chain_id)).proven)) == one["statement_id"]


def test_a_codes_text_holds_the_document(tmp_path: Path) -> None:
    scanned = tmp_path / "scanned.txt"
    scanned.write_text(VECTORS["texts"][0]["code"])
    assert read_proof(scanned).to_json() == VECTORS["texts"][0]["proof"]
    for one in VECTORS["texts"]:
        assert json.loads(content_of(f" {one['code']}\n", limit=MAX_FILE)) == one["proof"]
        assert parse(ProvenStatement, content_of(json.dumps(one["proof"]), limit=MAX_FILE)).to_json() == one["proof"]


def test_a_codes_text_that_is_none_is_refused() -> None:
    code = VECTORS["texts"][0]["code"]
    damaged = [
        "PLACET1:",
        "PLACET1:lower",
        "PLACET1::::",
        code[:-3],
        code[:-1],
        code + "00",
        code + "000",
        code[:9] + code[12:],
    ]
    for text in damaged:
        with pytest.raises(InputError):
            content_of(text, limit=MAX_FILE)
    size = len(content_of(code, limit=MAX_FILE).encode())
    assert content_of(code, limit=size)
    with pytest.raises(InputError, match="cut short or holds too much"):
        content_of(code, limit=size - 1)
