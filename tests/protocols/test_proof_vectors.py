"""tests/vectors/proofs.json as Python judges it; `backend/web/client/test/proof.test.ts` has the page's half."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from placet.cli.proof_files import read_proof
from placet.core.ceremonies import demand_institutions
from placet.core.code import content_of
from placet.core.errors import InputError, PlacetError
from placet.core.statements import MAX_FILE, ProvenStatement, VerificationKey
from placet.core.trust import Contract, Deployment, Institution, TrustList
from placet.core.values import ZERO32, from_hex, parse

pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")
from placet.protocols.zk.relying import demand_proven

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "proofs.json").read_text())
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
    return Deployment(**chain, **dict.fromkeys(names, contract))


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
