"""The program's commands against real processes: chain, vault, node, enroller."""

from __future__ import annotations

import datetime
import json
import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from placet.chain.client import Chain
from placet.core.hashing import sha256
from placet.core.offers import Subjects
from placet.core.trust import Deployment
from placet.core.values import from_hex, parse, to_hex
from placet.vault import tables
from placet.vault.config import VaultSettings
from placet.vault.schema import Column
from placet.vault.setup import import_table

from .conftest import NAMESPACE, PASSPHRASE, Institutions, wait_for


def offer_words(institutions: Institutions, title: str, *more: str) -> list[str]:
    bank, lender = institutions.address("bank"), institutions.address("lender")
    return [
        *("offer", "make", "--config", "bank/node.toml", "--dataset", "accounts", "--title", title),
        *("--consumer", lender, "--purpose", "CreditChecking", "--operations", "psi,MPC", "--columns", "balance"),
        *("--output", "total", "--recipes", "asset-view", "--parties", f"{bank},{lender}", *more),
    ]


def listed(institutions: Institutions, consent: str) -> dict[str, Any]:
    found = institutions.run("owner", "list", "--wallet", "wallet", "--json").json
    return next(one for one in found if one["id"] == consent)


def height(institutions: Institutions) -> int:
    return int(institutions.chain.rpc("eth_blockNumber"), 16)


def test_an_offer_is_made_once_however_often_it_is_asked_for(institutions: Institutions) -> None:
    first = institutions.run(*offer_words(institutions, "Twice")).out
    bank = institutions.address("bank")
    sent = institutions.chain.rpc("eth_getTransactionCount", bank, "latest")
    again = institutions.run(*offer_words(institutions, "Twice"), "--json").json
    assert again["offer"] == first.strip()
    assert institutions.chain.rpc("eth_getTransactionCount", bank, "latest") == sent
    deployment = parse(Deployment, (institutions.folder / "deployment.json").read_bytes())
    state = Chain(institutions.chain.url, deployment).offer(from_hex(again["offer"]))
    assert (state.provider, state.offer.operations) == (from_hex(bank), 3)


def test_offers_that_make_no_sense_are_refused(institutions: Institutions) -> None:
    words = offer_words(institutions, "Bad")
    for old, new, said in (
        ("balance", "salary", "no such columns"),
        ("psi,MPC", "PSI,MAGIC", "unknown operation"),
        ("CreditChecking", "WorldDomination", "purpose"),
        ("total", "everything", "malformed"),
        ("accounts", "ledger", "no such table"),
        (institutions.address("lender"), "0x" + "11" * 20, "no such institution"),
    ):
        assert said in institutions.fails(*(new if word == old else word for word in words)).err
    scopes = [json.loads(p.read_text())["title"] for p in (institutions.folder / "bank" / "scopes").glob("*.json")]
    assert scopes.count("Bad") <= 1


def test_an_owner_consents_looks_checks_and_withdraws(institutions: Institutions) -> None:
    offer = institutions.run(*offer_words(institutions, "Accounts")).out.strip()
    record = institutions.run("offer", "record", "--config", "bank/node.toml", "--json").json
    [activity] = [one for one in record["activities"] if one["offer"] == offer]
    assert (record["controller"], activity["recipients"][0]["name"]) == ("Bank A", "Lender")
    shown = institutions.run("owner", "offers", "--wallet", "wallet", "--api", institutions.api, "--json").json
    assert offer in {one["id"] for one in shown}
    grant = ["owner", "grant", "--wallet", "wallet", "--api", institutions.api, "--offer", offer, "--subject", "C1"]
    grant += ["--code-file", "code", "--url", institutions.chain.url, "--uses", "2"]

    wrong = institutions.fails(*grant[:-4], "--yes", "--code-file", "accounts.csv")
    assert "person and code do not fit" in wrong.err

    given = institutions.run(*grant, "--yes")
    consent = given.out.strip()
    assert "You allow Bank A to let your data in “Accounts” be used for Lender." in given.err
    wait_for(lambda: listed(institutions, consent)["status"] == "given", "consent on chain")
    checked = institutions.run(
        "owner", "check", "--wallet", "wallet", consent, "--url", institutions.chain.url, "--json"
    ).json
    assert checked["chain_says"] == "batched"
    assert checked["anchored_at"] > 0
    assert (checked["openings_left"], checked["ended"]) == (2, False)
    kept = ("receipt.json", "--deployment", "deployment.json", "--trust", "trust.json")
    receipt = ("owner", "receipt", "--wallet", "wallet", consent, "--out", kept[0])
    assert institutions.run(*receipt).out.strip() == "given"
    assert "no file yet" in institutions.fails(*receipt).err
    read = institutions.run("owner", "check-receipt", *kept, "--url", institutions.chain.url, "--json").json
    assert (read["consent"], read["signed_by"], read["status"]) == (consent, "Bank A", "given")
    assert (read["ended_by_now"], read["openings_left"]) == (False, 2)
    assert institutions.run("owner", "uses", "--wallet", "wallet", "--json").json == []
    assert institutions.run("owner", "submit", "--wallet", "wallet", consent).out.strip() == "given"

    assert institutions.run("owner", "withdraw", "--wallet", "wallet", consent).out.strip() in (
        "withdrawing",
        "withdrawn",
    )
    wait_for(lambda: listed(institutions, consent)["status"] == "withdrawn", "withdrawal on chain")
    checked = institutions.run(
        "owner", "check", "--wallet", "wallet", consent, "--url", institutions.chain.url, "--json"
    ).json
    assert (checked["chain_says"], checked["ended"]) == ("withdrawn", True)


def test_a_request_of_another_system_is_signed_within_it_and_goes_out_again(institutions: Institutions) -> None:
    """Account Aggregator's artefact in, the owner's consent, and Account Aggregator's artefact out, with its status as
    of a block, before the withdrawal and after it."""
    samples = Path(__file__).resolve().parents[1] / "interchange" / "samples"
    artefact = json.loads((samples / "aa-artefact.json").read_text())
    ends = int(time.time()) + 86_400
    artefact["ConsentDetail"] |= {
        "consentStart": "2020-01-01T00:00:00.000Z",
        "consentExpiry": datetime.datetime.fromtimestamp(ends, datetime.UTC).isoformat(),
    }
    (institutions.folder / "artefact.json").write_text(json.dumps(artefact))
    asked = ("consent", "import", "artefact.json", "--from", "account-aggregator", "--out", "request.json")
    assert "ACTIVE there, given in our words; signature unchecked" in institutions.run(*asked).out

    offer = institutions.run(*offer_words(institutions, "For a month", "--data-life", "30")).out.strip()
    grant = ("owner", "grant", "--wallet", "wallet", "--api", institutions.api, "--subject", "C1", "--yes")
    grant = (*grant, "--code-file", "code", "--uses", "5", "--request", "request.json", "--json")
    given = institutions.run(*grant, "--offer", offer)
    assert "deletes each result at most 30 days after" in given.err
    consent = given.json["id"]
    assert given.json["not_after"] == ends
    wait_for(lambda: listed(institutions, consent)["status"] == "given", "consent on chain")

    institutions.run("consent", "receipt", consent, "--config", "bank/node.toml", "--out", "given.json")
    ours = ("--deployment", "deployment.json", "--trust", "trust.json", "--url", institutions.chain.url)
    out = ("consent", "export", "given.json", "--to", "account-aggregator", "--terms", samples / "aa-terms.json")
    report = institutions.run(*out, "--out", "out.json", *ours, "--json").json
    written = json.loads((institutions.folder / "out.json").read_text())
    detail = written["ConsentDetail"]
    assert (report["status"], written["status"], written["consentId"]) == ("given", "ACTIVE", consent)
    assert (detail["fetchType"], detail["DataLife"]) == ("ONETIME", {"unit": "DAY", "value": 30})
    assert "Customer" in report["from_author"]

    institutions.run("owner", "withdraw", "--wallet", "wallet", consent)
    wait_for(lambda: listed(institutions, consent)["status"] == "withdrawn", "withdrawal on chain")
    seen = height(institutions)  # the list is of the latest block, a receipt of the last one that counts
    wait_for(lambda: height(institutions) > seen, "block on top of the withdrawal's")
    assert "ended since the receipt" in institutions.fails(*out, "--out", "late.json", *ours).err
    institutions.run("owner", "receipt", "--wallet", "wallet", consent, "--out", "ended.json")
    out = ("consent", "export", "ended.json", "--to", "uk-open-banking", "--terms", samples / "uk-terms.json")
    shown = institutions.run(*out, "--out", "uk.json", *ours).out
    assert "no counterpart: data life" in shown
    data = json.loads((institutions.folder / "uk.json").read_text())["Data"]
    assert (data["Status"], data["StatusReason"][0]["StatusReasonCode"]) == ("CANC", "CN01")


def test_an_institution_revokes_and_erases(institutions: Institutions) -> None:
    offer = institutions.run(*offer_words(institutions, "Accounts")).out.strip()
    consent = institutions.run(
        *("owner", "grant", "--wallet", "wallet", "--api", institutions.api, "--offer", offer, "--subject", "C1"),
        *("--code-file", "code", "--yes", "--kind", "p256"),
    ).out.strip()
    wait_for(lambda: listed(institutions, consent)["status"] == "given", "consent on chain")
    revoke = ["revoke", consent, "--config", "bank/node.toml", "--reason", "lost key"]
    assert institutions.run(*revoke).out.strip() == "revoked"
    assert institutions.run(*revoke).out.strip() == "revoked"
    wait_for(lambda: listed(institutions, consent)["status"] == "revoked", "revocation at the node")
    erase = ["erase", consent, "--config", "bank/node.toml"]
    assert [institutions.run(*erase).out.strip() for _ in range(2)] == ["erased", "there was nothing"]


def test_without_a_yes_nothing_is_signed_or_sent(institutions: Institutions) -> None:
    offer = institutions.run(*offer_words(institutions, "Accounts")).out.strip()
    before = (institutions.folder / "wallet" / "wallet.json").read_bytes()
    answer = institutions.fails(
        *("owner", "grant", "--wallet", "wallet", "--api", institutions.api, "--offer", offer, "--subject", "C1"),
        *("--code-file", "code"),
    )
    assert "You allow Bank A" in answer.err
    assert (institutions.folder / "wallet" / "wallet.json").read_bytes() == before


def test_an_institution_consents_for_its_own_data_by_name(institutions: Institutions) -> None:
    assert "whose data" in institutions.fails(*offer_words(institutions, "Own book", "--own")).err
    own = ["book" if word == "accounts" else word for word in offer_words(institutions, "Own book", "--own")]
    assert "whose data" in institutions.fails(*own[:-1]).err
    offer = institutions.run(*own).out.strip()
    granted = institutions.run("grant", "--config", "bank/node.toml", "--offer", offer, "--uses", 3, "--json").json
    assert granted["status"] == "given"
    deployment = parse(Deployment, (institutions.folder / "deployment.json").read_bytes())
    state = Chain(institutions.chain.url, deployment).consent(from_hex(granted["consent"]))
    assert state.status.name == "GIVEN"
    persons = institutions.run(*offer_words(institutions, "Accounts")).out.strip()
    refused = institutions.fails("grant", "--config", "bank/node.toml", "--offer", persons)
    assert "belong to persons" in refused.err


def test_whose_rows_a_dataset_holds_is_said_once(institutions: Institutions, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault takes no such import; the chain's word refuses an offer over a table that is others' by now."""
    table = ("vault", "import", "--config", "bank-vault/vault.toml", "--name", "moved", "--file", "accounts.csv")
    table = (*table, "--identifier", "customer", "--namespace", NAMESPACE, "--column", "balance=amount:integer")
    words = ["moved" if word == "accounts" else word for word in offer_words(institutions, "Moved")]
    institutions.run(*table)
    offer = from_hex(institutions.run(*words).out.strip())
    chain = Chain(institutions.chain.url, parse(Deployment, (institutions.folder / "deployment.json").read_bytes()))
    dataset = chain.offer(offer).offer.dataset
    assert chain.dataset(dataset).subjects is Subjects.PERSONS

    assert "other people's rows" in institutions.fails(*table, "--own").err
    monkeypatch.setattr(tables, "_demand_same", lambda *_: None)
    settings = VaultSettings.load(institutions.folder / "bank-vault" / "vault.toml")
    columns = {"customer": Column(source="customer", type="text"), "balance": Column(source="amount", type="integer")}
    file = institutions.folder / "accounts.csv"
    import_table(settings, "moved", file, "customer", columns, personal=False, namespace=NAMESPACE)
    refused = institutions.fails(*words, "--own").err
    assert "whose data" in refused and "registered on chain" in refused and "another name" in refused
    assert chain.dataset(dataset).subjects is Subjects.PERSONS


def test_the_doctor_is_content_with_a_running_institution(institutions: Institutions) -> None:
    found = {one["check"]: one for one in institutions.run("doctor", "--config", "bank/node.toml", "--json").json}
    assert {one["state"] for one in found.values()} == {"ok"}, found
    assert "accounts (2 rows)" in found["vault"]["detail"]


def test_the_doctor_finds_what_is_wrong_with_one_that_is_not(institutions: Institutions) -> None:
    answer = institutions.fails("doctor", "--config", "lender/node.toml", "--json")
    found = {one["check"]: one for one in answer.json}
    assert {check for check, one in found.items() if one["state"] == "wrong"} == {"gas", "vault"}
    assert found["ports"]["state"] == "warning"
    assert all(one["remedy"] for one in found.values() if one["state"] != "ok")


def test_the_doctor_sees_another_trust_list_and_open_files(institutions: Institutions, tmp_path: Path) -> None:
    listed = json.loads((institutions.folder / "trust.json").read_text())
    lender = next(one for one in listed["institutions"] if one["name"] == "Lender")
    lender["api"] = "http://127.0.0.1:1"
    changed = tmp_path / "trust.json"
    changed.write_text(json.dumps(listed))
    folder = institutions.folder / "lender"
    folder.chmod(0o755)
    try:
        answer = institutions.fails("doctor", "--config", "lender/node.toml", "--json", PLACET_NODE_TRUST=str(changed))
    finally:
        folder.chmod(0o700)
    found = {one["check"]: one for one in answer.json}
    assert "another API URL" in found["trust list"]["detail"]
    assert "open to others" in found["files"]["detail"]
    url = "http://alice:s3cret@127.0.0.1:1/KEY-in-path?token=KEY-in-query"
    wrong = institutions.fails("doctor", "--config", "lender/node.toml", "--json", PLACET_NODE_CHAIN_URL=url)
    found = {one["check"]: one for one in wrong.json}
    assert {found[check]["state"] for check in ("chain", "fork", "finality", "clock", "gas", "logs", "fees")} == {
        "wrong"
    }
    assert "http://127.0.0.1:1: Connection refused" in found["chain"]["detail"]
    assert not [secret for secret in ("alice", "s3cret", "KEY-in") if secret in wrong.out + wrong.err]


def test_the_audit_of_an_unknown_job_says_so(institutions: Institutions) -> None:
    answer = institutions.fails(
        *("audit", "0x" + "ab" * 32, "--url", institutions.chain.url, "--deployment", "deployment.json"),
        *("--trust", "trust.json"),
    )
    assert "knows no such job" in answer.err


def test_no_process_logs_a_secret_or_a_person(institutions: Institutions) -> None:
    log = (institutions.folder / "log").read_text()
    code = (institutions.folder / "code").read_text().strip()
    for secret in (PASSPHRASE, code, (institutions.folder / "bank" / "credential").read_text().strip()):
        assert secret not in log


def test_a_measurement_is_accepted_and_retired_for_ever(institutions: Institutions) -> None:
    raw, config = secrets.token_bytes(32), ("--config", "bank/node.toml")
    words = ("tpm", to_hex(raw), *config)
    code = to_hex(sha256(b"placet.enclave.measurement/1tpm\0", raw))
    assert "never accepted" in institutions.run("enclave", "show", *words).err
    assert "never accepted" in institutions.fails("enclave", "retire", *words).err
    for _ in range(2):
        assert f"accepting id {code}, class simulated" in institutions.run("enclave", "accept", *words).err
    told = institutions.run("enclave", "show", *words, "--json").json
    assert (told["id"], told["class"]) == (code, "simulated")
    for other in ("sgx", "nitro"):  # of another kind it is another one
        long = to_hex(raw if other == "sgx" else raw + raw[:16])
        assert "never accepted" in institutions.run("enclave", "show", other, long, *config).err
    for _ in range(2):
        assert f"retiring id {code}, class simulated" in institutions.run("enclave", "retire", *words).err
    told = institutions.run("enclave", "show", *words, "--json").json
    assert told["since"] < told["until"]
    assert "MeasurementKnown" in institutions.fails("enclave", "accept", *words).err


def test_hardware_is_accepted_as_hardware(institutions: Institutions) -> None:
    words = ("snp", to_hex(secrets.token_bytes(48)), "--config", "bank/node.toml")
    assert "class hardware" in institutions.run("enclave", "accept", *words).err
    assert institutions.run("enclave", "show", *words, "--json").json["class"] == "hardware"
