"""One person makes a ceremony of several accounts of his own, and so knows the secret behind its key.

The contract counts accounts and takes it: that is the form without the check, and it succeeds. Who relies on the proof
has a list of institutions, and refuses it.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from tests.chain.conftest import a_ceremony, dev_key, sent
from typer.testing import CliRunner

from placet.chain.ceremonies import confirm_key, open_phase, record_contribution
from placet.chain.client import Chain
from placet.chain.deploy import deploy
from placet.chain.local import LocalChain
from placet.chain.statements import record_statement, recorded_at, register_key
from placet.cli.main import app
from placet.core.statements import MOST
from placet.core.values import to_hex
from proving import band_keys, opened_total, proven, statement_of

pytest.importorskip("groth16py", reason="no groth16py here: pip install 'placet[zk]'")


def institution(address: bytes, name: str) -> dict[str, str]:
    return {
        "address": to_hex(address),
        "name": name,
        "api": "http://127.0.0.1:1",
        "peer": "https://127.0.0.1:2",
        "certificate": "-----BEGIN CERTIFICATE-----",
    }


def test_accounts_of_one_person_are_no_ceremony_to_who_has_a_list(fresh_anvil: LocalChain, tmp_path: Path) -> None:
    bank, accounts = dev_key(0), [dev_key(1).address, dev_key(2).address]
    deployment = deploy(fresh_anvil.url, bank, 0)
    ceremony = a_ceremony(deployment, accounts[0], accounts)
    sent(fresh_anvil, accounts[0], open_phase(deployment, ceremony, ceremony.key))
    for account in accounts:
        sent(fresh_anvil, account, record_contribution(deployment, ceremony.key, secrets.token_bytes(32)))
    key = band_keys().verification(ceremony.key.id)  # of a set-up by one person
    sent(fresh_anvil, accounts[0], register_key(deployment, key))
    for account in accounts:
        sent(fresh_anvil, account, confirm_key(deployment, ceremony, key.id))
    opened = opened_total(deployment.proven, bank, 150)
    statement = statement_of(opened, key, 100, MOST, prover=accounts[0])
    proof = proven(opened, statement, deployment.proven, key)
    sent(fresh_anvil, accounts[0], record_statement(deployment, proof))
    assert recorded_at(Chain(fresh_anvil.url, deployment), statement) > 0

    (tmp_path / "deployment.json").write_text(json.dumps(deployment.to_json()))
    (tmp_path / "proof.json").write_text(json.dumps(proof.to_json()))

    def checked(*named: dict[str, str]) -> str:
        (tmp_path / "trust.json").write_text(json.dumps({"institutions": list(named)}))
        files = ("--deployment", tmp_path / "deployment.json", "--trust", tmp_path / "trust.json")
        words = ("prove", "check", *files, tmp_path / "proof.json", "--url", fresh_anvil.url)
        result = CliRunner().invoke(app, list(map(str, words)))
        assert result.exit_code != 0
        return result.output

    one, two = institution(accounts[0], "One"), institution(accounts[1], "Two")
    refusal = "not one among institutions that you trust"
    assert refusal in checked(institution(bank.address, "Bank"))
    assert refusal in checked(institution(bank.address, "Bank"), one)
    # It was the list: with both named the next thing is missing, the job.
    assert "no such job on chain" in checked(institution(bank.address, "Bank"), one, two)
