"""What wallets make of the API's own typed data: ethers, viem and eth-sig-util hash it as we do, and whatever form
their signatures have, the node takes them and keeps the contract's one form."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import utils

from placet.core.consent import Consent
from placet.core.ecdsa import SECP256K1_N
from placet.core.hashing import canonical
from placet.core.requests import request_hash, request_typed_data
from placet.core.signatures import Key
from placet.core.values import from_hex, parse, to_hex
from placet.core.withdrawal import withdrawal_hash
from placet.node.state import consents, withdrawals

from .conftest import Owner, Running

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("ethers", "viem", "sigUtil")


def wallets(key: Key, *documents: dict[str, Any]) -> list[dict[str, Any]]:
    """What each library makes of each document. Skips where Node or the libraries are not installed."""
    program = shutil.which("node")
    if program is None or not (ROOT / "hardhat-free-local" / "node_modules" / "ethers").is_dir():
        pytest.skip("needs Node and the packages that scripts/setup installs")
    question = json.dumps({"key": to_hex(key.secret), "documents": documents})
    script = Path(__file__).with_name("wallets.cjs")
    answer = subprocess.run([program, script], input=question, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    return found


def encodings(made: dict[str, Any], form: bytes) -> dict[str, Any]:
    """The signature as wallets, hardware and key services hand it out."""
    r, s, v = int.from_bytes(form[:32], "big"), int.from_bytes(form[32:64], "big"), form[64]
    high = (SECP256K1_N - s).to_bytes(32, "big")
    return {
        "ethers": made["ethers"]["signature"],
        "ethers, compact": made["ethers"]["compact"],
        "ethers, parts": made["ethers"]["parts"],
        "viem": made["viem"]["signature"],
        "viem, compact": made["viem"]["compact"],
        "viem, parts": made["viem"]["parts"],
        "eth-sig-util": made["sigUtil"]["signature"],
        "Ledger": {"r": form[:32].hex(), "s": form[32:64].hex(), "v": v - 27},
        "Ledger, joined": form[:64].hex().upper() + f"{v - 27:02x}",
        "AWS": base64.b64encode(utils.encode_dss_signature(r, SECP256K1_N - s)).decode(),
        "Azure": base64.urlsafe_b64encode(form[:64]).decode().rstrip("="),
        "high s": "0x" + form[:32].hex() + high.hex() + f"{55 - v:02x}",
    }


async def test_wallets_sign_what_the_api_hands_out(node: Running, owner: Owner) -> None:
    assert isinstance(owner.key, Key)
    key, domain = owner.key, node.environment.deployment.consents
    offer, _ = node.offer()
    draft = await node.draft(owner, offer)
    consent = parse(Consent, draft["consent"])
    path = f"/v1/consents/{to_hex(consent.id)}"
    taken_back = (await node.client.post(path + "/withdrawal/draft")).json()["typed_data"]
    nonce, expiry = bytes(range(32)), int(time.time()) + 120
    request = request_typed_data(node.environment.provider.address, "GET", path, b"", nonce, expiry, domain)
    of_request = request_hash(node.environment.provider.address, "GET", path, b"", nonce, expiry)
    hashes = (consent.id, withdrawal_hash(consent.id), of_request)
    made = await asyncio.to_thread(wallets, key, draft["typed_data"], taken_back, request)
    for struct_hash, one in zip(hashes, made, strict=True):
        digest = domain.digest(struct_hash)
        for library in LIBRARIES:
            assert one[library]["hash"] == to_hex(digest), library
            assert one[library]["signature"] == to_hex(key.sign(digest)), library

    form = key.sign(domain.digest(consent.id))
    body = owner.submission(draft)
    for kind, wrong in (("erc6492", made[0]["viem"]["erc6492"]), ("personal-message", made[0]["viem"]["personal"])):
        answer = await node.client.post("/v1/consents", json=body | {"signature": wrong})
        assert (answer.status_code, answer.json()["code"]) == (403, f"signature.{kind}")
        assert answer.json()["remedy"]
    enrolment = body["enrolment"] | {"signature": from_hex(body["enrolment"]["signature"])[:64].hex()}
    for name, given in encodings(made[0], form).items():
        answer = await node.client.post("/v1/consents", json=body | {"signature": given, "enrolment": enrolment})
        assert answer.status_code == 202, (name, answer.json())
    with node.node.engine.connect() as connection:
        row = connection.execute(sa.select(consents).where(consents.c.id == consent.id)).mappings().one()
    assert bytes(row["signature"]) == form

    for name, given in encodings(made[2], key.sign(domain.digest(of_request))).items():
        fields = {"signer": to_hex(key.address), "nonce": to_hex(nonce), "expiry": expiry, "signature": given}
        header = "Placet " + base64.urlsafe_b64encode(canonical(fields)).decode()
        answer = await node.client.get(path, headers={"Authorization": header})
        expected = 200 if name == "ethers" else 401  # the nonce was used: the signature itself is good
        assert answer.status_code == expected, (name, answer.json())
        assert expected == 200 or answer.json()["code"] == "access.replayed"

    ending = key.sign(domain.digest(withdrawal_hash(consent.id)))
    for name, given in encodings(made[1], ending).items():
        answer = await node.client.post(path + "/withdrawal", json={"signature": given})
        assert answer.status_code == 202, (name, answer.json())
    with node.node.engine.connect() as connection:
        row = connection.execute(sa.select(withdrawals).where(withdrawals.c.consent == consent.id)).mappings().one()
    assert bytes(row["signature"]) == ending
