"""The package makes and reads what tests/vectors/jobs.json says; `formats` makes the file from the document alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from placet.core import ledger_storage, masking
from placet.core.ceremonies import Ceremony
from placet.core.eip712 import job_domain
from placet.core.evidence import Evidence
from placet.core.hashing import commit, document_bytes, document_hash
from placet.core.job_list import FIRST_HEAD, list_head, signer_key
from placet.core.offers import Scope
from placet.core.plan import Terms, key_hash
from placet.core.receipts import SignedReceipt
from placet.core.row import row_commitment
from placet.core.sample import RowOpening
from placet.core.signatures import Key
from placet.core.statements import OpenedTotal, ProvenStatement
from placet.core.trail import Message, Step, acknowledgement_hash, trail_head, trail_start
from placet.core.values import Value, parse
from placet.jobs import link, randomness
from placet.jobs.replay_report import ReplayReport
from placet.vault.schema import Cell, Schema, dataset_id

from .formats import FILE, reference, shown

DOCUMENT = FILE.parents[2] / "docs" / "reference" / "formats.md"
VECTORS = json.loads(FILE.read_text())


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def test_the_file_is_what_the_document_says() -> None:
    assert reference() == VECTORS


def test_the_document_names_all_fields_of_all_documents() -> None:
    told = re.findall(r"^\| `(placet\.[a-z]+)` \|[^|]+\| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    documents: list[type[Value]] = [Scope, Schema, Terms, Step, ReplayReport, Evidence]
    documents += [OpenedTotal, ProvenStatement, Ceremony, SignedReceipt]
    found = {str(one.model_fields["type"].default): list(one.model_fields)[2:] for one in documents}
    assert {name: re.findall(r"`([a-z_]+)`", fields) for name, fields in told} == found
    assert all(list(one.model_fields)[:2] == ["type", "version"] for one in documents)


@pytest.mark.parametrize("case", VECTORS["datasets"]["ids"])
def test_dataset_ids(case: dict[str, Any]) -> None:
    assert shown(dataset_id(raw(case["institution"]), case["name"], raw(case["salt"]))) == case["id"]


@pytest.mark.parametrize("case", VECTORS["datasets"]["schemas"])
def test_schemas(case: dict[str, Any]) -> None:
    schema = parse(Schema, case["document"])
    assert document_bytes(schema).decode() == case["canonical"]
    assert shown(document_hash(schema)) == case["hash"]


@pytest.mark.parametrize("case", VECTORS["datasets"]["rows"])
def test_rows(case: dict[str, Any]) -> None:
    made: dict[str, Callable[[str], Cell]] = {"integer": int, "number": float, "text": str}
    row = {name: made[case["types"][name]](cell) for name, cell in case["row"].items()}
    assert shown(row_commitment(raw(case["salt"]), row)) == case["commitment"]
    closed = RowOpening.of(raw(case["salt"]), row, ())
    assert [shown(digest) for _, digest in sorted(closed.hidden.items())] == case["digests"]


@pytest.mark.parametrize("case", VECTORS["masked_outputs"])
def test_masked_outputs_open(case: dict[str, Any]) -> None:
    secret, key, part = raw(case["consumer_secret"]), raw(case["release_key"]), raw(case["part"])
    place: dict[str, Any] = {"job": raw(case["job"]), "attempt": case["attempt"], "party": case["party"]}
    assert shown(masking.public_key(secret)) == case["consumer_key"]
    assert shown(key_hash(key)) == case["release_key_hash"]
    assert masking.unmask(raw(case["masked"]), key=key, secret=secret, **place) == part
    ephemeral, consumer = raw(case["ephemeral_secret"]), raw(case["consumer_key"])
    assert masking.mask(part, key=key, ephemeral=ephemeral, consumer=consumer, **place) == raw(case["masked"])
    assert len(raw(case["encrypted"])) == 32 + len(part) + 16


def test_seeds_streams_and_commitments() -> None:
    seeds = VECTORS["seeds"]
    seed = raw(seeds["seed"])
    assert shown(randomness.seed_commitment(seed)) == seeds["commitment"]
    assert (shown(randomness.work_digest(seed)), shown(randomness.noise_seed(seed))) == (seeds["work"], seeds["noise"])
    for case in seeds["streams"]:
        entropy = randomness.stream(raw(seeds["seed"]), *map(raw, case["labels"]))
        assert shown(entropy(32) + entropy(68)) == case["first_100_bytes"]
    for case in seeds["commitments"]:
        assert shown(commit(raw(case["salt"]), raw(case["data"]))) == case["commitment"]


def test_messages() -> None:
    case = VECTORS["messages"]
    domain = job_domain(case["chain_id"], raw(case["job_ledger"]))
    message, payload = parse(Message, case["message"]), raw(case["payload"])
    sender, receiver = Key(raw(case["sender_key"])), Key(raw(case["receiver_key"]))
    assert (shown(sender.address), shown(receiver.address)) == (case["sender_recorder"], case["receiver_recorder"])
    assert (shown(message.hash), shown(domain.digest(message.hash))) == (case["message_hash"], case["message_digest"])
    assert shown(sender.sign(domain.digest(message.hash))) == case["signature"]
    envelope = link.Envelope(message=message, signature=raw(case["signature"]))
    assert shown(link.pack(envelope, payload)) == case["body"]
    assert link.unpack(raw(case["body"])) == (envelope, payload)
    told = acknowledgement_hash(message.hash)
    assert (shown(told), shown(domain.digest(told))) == (case["acknowledgement_hash"], case["acknowledgement_digest"])
    assert shown(receiver.sign(domain.digest(told))) == case["acknowledgement"]
    answer = link.Acknowledged(signature=raw(case["acknowledgement"]))
    assert answer.model_dump_json() == case["answer"]


def test_trails() -> None:
    case = VECTORS["trail"]
    step = parse(Step, case["step"])
    assert (document_bytes(step).decode(), shown(step.hash)) == (case["canonical"], case["step_hash"])
    start = trail_start(step.job, step.attempt, step.party)
    assert shown(start) == case["start"]
    hashes = list(map(raw, case["step_hashes"]))
    assert [shown(trail_head(start, hashes[: i + 1])) for i in range(2)] == case["heads"]


def test_lists_of_jobs() -> None:
    case, head = VECTORS["job_lists"], FIRST_HEAD
    name = signer_key(raw(case["signer"]))
    assert shown(name) == case["name"]
    for one in case["jobs"]:
        head = list_head(head, raw(one["job"]), one["block"])
        assert shown(head) == one["head"]
    job = raw(case["jobs"][-1]["job"])
    slots = {
        "job": ledger_storage.job_slot(job),
        "trail": ledger_storage.trail_slot(job, 1, 2),
        "list": ledger_storage.list_slot(name),
    }
    assert {kind: shown(slot.to_bytes(32, "big")) for kind, slot in slots.items()} == case["slots"]
    word = int.from_bytes(raw(case["word"]), "big")
    assert ledger_storage.ListWord.of(word) == ledger_storage.ListWord(2, head)
