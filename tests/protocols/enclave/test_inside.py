"""The enclave's program, spoken to over pipes as its host does, but without a sandbox: what it refuses, and how."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks._documents import Item, docx, pdf
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import examples
from placet.comparison.compare import compare
from placet.core.enclave_policy import ROLES, Recipient, Role
from placet.core.errors import DataError, InputError, PlacetError, ProtocolError
from placet.core.hashing import document_bytes, sha256
from placet.protocols.enclave import codes, frames
from placet.protocols.enclave.frames import FrameKind, encode
from placet.protocols.enclave.inside import main
from placet.protocols.enclave.sealed.documents import _encrypt
from placet.protocols.enclave.sealed.keys import seal
from placet.protocols.enclave.sealed.results import TAG
from placet.protocols.enclave.sealed.task import Task, role_byte

from . import hostile
from .jobs import Job

BEFORE = b"1. The Supplier shall deliver within 30 days.\n\n2. The Customer pays EUR 100."
AFTER = b"1. The Supplier shall deliver within 60 days.\n\n2. The Customer pays EUR 100."
Frames = list[bytes]


def talk(say: Callable[[bytes], Frames]) -> list[tuple[FrameKind, bytes]]:
    """What an enclave answers to what is said once its key is known."""
    (inside_in, outside_out), (outside_in, inside_out) = os.pipe(), os.pipe()

    def work() -> None:
        with os.fdopen(inside_in, "rb") as source, os.fdopen(inside_out, "wb") as sink:
            main.run(source, sink)

    thread = threading.Thread(target=work)
    thread.start()
    answers = []
    try:
        with os.fdopen(outside_in, "rb") as answered:
            with os.fdopen(outside_out, "wb", buffering=0) as said:
                _, key = frames.read(answered, FrameKind.READY)
                try:
                    for frame in say(key):
                        said.write(frame)
                except BrokenPipeError:
                    pass
            while answered.peek(1):
                answers.append(frames.read(answered, *FrameKind))
    finally:
        thread.join()
    return answers


def spoken(job: Job, **changes: Any) -> Callable[[bytes], Frames]:
    """An honest host's frames, or with `task`, `keys`, `documents` of another's."""

    def say(enclave: bytes) -> Frames:
        task: bytes = changes.get("task", document_bytes(job.task))
        keys = {one.role: seal(one.secrets, enclave, job.task, one.role) for one in job.sides}
        keys |= changes.get("keys", {})
        documents = {one.role: one.encrypted for one in job.sides} | changes.get("documents", {})
        said = [encode(FrameKind.TASK, task)]
        said += [encode(FrameKind.KEY, role_byte(role) + keys[role]) for role in ROLES]
        for role in ROLES:
            said += [encode(FrameKind.DOCUMENT, piece) for piece in frames.pieces(documents[role])]
            said.append(encode(FrameKind.END))
        return said

    return say


@dataclasses.dataclass
class Given:
    """The masked results, one for each recipient, and the key of the enclave that they are from."""

    job: Job
    enclave: bytes = b""
    masked: list[bytes] = dataclasses.field(default_factory=list)

    def opened(self, party: int, masked: bytes | None = None) -> bytes:
        return self.job.open(self.masked[party] if masked is None else masked, party, self.enclave)


def result(job: Job, **changes: Any) -> Given:
    """What the host raises for a code, where there is one."""
    given, masked = Given(job), b""

    def say(enclave: bytes) -> Frames:
        given.enclave = enclave
        return spoken(job, **changes)(enclave)

    for kind, body in talk(say):
        if kind is FrameKind.FAILED:
            raise codes.error(body.decode())
        masked += body
        if kind is FrameKind.END:
            given.masked.append(masked)
            masked = b""
    return given


def refusal(job: Job, **changes: Any) -> str:
    with pytest.raises(PlacetError) as caught:
        result(job, **changes)
    return caught.value.code


JOB = Job.of(BEFORE, AFTER)


def test_each_party_gets_the_same_comparison_sealed() -> None:
    given = result(JOB)
    first, second = given.masked
    expected = compare(BEFORE, "old.txt", AFTER, "new.txt").model_dump_json().encode()
    assert given.opened(0) == given.opened(1) == expected
    assert json.loads(expected)["summary"]["edited"] == 1
    assert first[:64] != second[:64]
    for party, masked in ((0, second), (1, first)):
        with pytest.raises(InputError):
            given.opened(party, masked)


def test_a_result_with_one_byte_changed_or_one_release_key_missing_does_not_open() -> None:
    given = result(JOB)
    masked = given.masked[0]
    for place in (0, len(masked) // 2, len(masked) - TAG - 1):
        with pytest.raises(InputError):
            given.opened(0, masked[:place] + bytes([masked[place] ^ 1]) + masked[place + 1 :])
    other = JOB.sides[1]
    withheld = dataclasses.replace(other, secrets=dataclasses.replace(other.secrets, release=bytes(32)))
    with pytest.raises(InputError):
        Job(JOB.task, (JOB.sides[0], withheld)).open(masked, 0, given.enclave)


ITEMS = [
    Item(0, False, "The Supplier shall deliver within 30 days."),
    Item(0, False, "The Customer shall pay EUR 100."),
]


@pytest.mark.parametrize("form", ["docx", "pdf", "utf-16"])
def test_every_format(form: str) -> None:
    make = {"docx": docx, "pdf": pdf, "utf-16": lambda *_: BEFORE.decode().encode("utf-16")}[form]
    name = "old.txt" if form == "utf-16" else f"old.{form}"
    job = Job.of(make(ITEMS, random.Random(1)), AFTER, (name, "new.txt"))
    assert b"60 days" in result(job).opened(0)


@pytest.mark.parametrize("name", sorted(hostile.DOCUMENTS))
@pytest.mark.parametrize("role", ROLES)
def test_hostile_documents_end_in_a_code_and_nothing_else(name: str, role: Role) -> None:
    file, content, code = hostile.DOCUMENTS[name]
    pair, names = [BEFORE, AFTER], ["old.txt", "new.txt"]
    place = ROLES.index(role)
    pair[place], names[place] = content(), file
    job = Job.of(pair[0], pair[1], (names[0], names[1]))
    assert talk(spoken(job)) == [(FrameKind.FAILED, code.encode())]
    assert isinstance(codes.error(code), DataError)


def test_another_document_in_its_place_is_refused() -> None:
    first, second = JOB.sides
    swapped = {"before": second.encrypted, "after": first.encrypted}
    assert refusal(JOB, documents=swapped) == "enclave.document"
    assert refusal(JOB, documents={"after": first.encrypted}) == "enclave.document"
    other = Job.of(AFTER, BEFORE, job=JOB.task.job)
    assert refusal(JOB, documents={"before": other.sides[0].encrypted}) == "enclave.document"
    # The same owner, the same key, the same job: a version that was not committed to.
    out = io.BytesIO()
    _encrypt(io.BytesIO(AFTER), out, first.secrets.document, job=JOB.task.job, role="before")
    assert refusal(JOB, documents={"before": out.getvalue()}) == "enclave.document"


def test_a_changed_cut_or_longer_ciphertext_is_refused() -> None:
    good = JOB.sides[0].encrypted
    for place in (0, 20, 60, 90, len(good) // 2, len(good) - 1):
        bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        assert refusal(JOB, documents={"before": bad}) == "enclave.document"
    for bad in (good[:-1], good + b"\0", b"", good + bytes(3_000_000)):
        assert refusal(JOB, documents={"before": bad}) == "enclave.document"


def last_bit_turned(sealed: bytes) -> bytes:
    return sealed[:-1] + bytes([sealed[-1] ^ 1])


def test_keys_for_another_enclave_job_role_or_task_are_refused() -> None:
    first, second = JOB.sides
    other = Job.of(BEFORE, AFTER)

    def with_keys(make: Callable[[bytes], dict[Role, bytes]]) -> list[tuple[FrameKind, bytes]]:
        return talk(lambda enclave: spoken(JOB, keys=make(enclave))(enclave))

    refused = [(FrameKind.FAILED, b"enclave.key")]
    stolen = JOB.task.recipients[0].key
    assert with_keys(lambda _: {"before": seal(first.secrets, stolen, JOB.task, "before")}) == refused
    assert with_keys(lambda key: {"before": seal(other.sides[0].secrets, key, other.task, "before")}) == refused
    assert with_keys(lambda key: {"before": seal(second.secrets, key, JOB.task, "after")}) == refused
    assert with_keys(lambda key: {"after": last_bit_turned(seal(second.secrets, key, JOB.task, "after"))}) == refused
    assert with_keys(lambda _: {"before": b""}) == refused


def test_a_host_that_changes_the_task_gets_nothing() -> None:
    """Its own key among the recipients, another document, another consent: no party's keys open under it."""
    first, second = JOB.task.recipients
    stolen = JOB.task.model_copy(update={"recipients": (first, Recipient(party=second.party, key=first.key))})
    assert refusal(JOB, task=document_bytes(stolen)) == "enclave.key"
    thief = Recipient(party=7, key=first.key)
    forged = JOB.task.model_copy(update={"recipients": (first, second, thief)})
    assert refusal(JOB, task=document_bytes(forged)) == "enclave.task"
    again = JOB.task.model_copy(update={"attempt": 2})
    assert refusal(JOB, task=document_bytes(again)) == "enclave.key"
    for bad in (b"", b"{}", document_bytes(JOB.task) + b" ", document_bytes(JOB.task)[:-1], b"\xff" * 100):
        assert refusal(JOB, task=bad) == "enclave.task"


def test_a_document_larger_than_the_comparison_takes_is_refused_before_it_comes() -> None:
    first = JOB.task.inputs[0].model_copy(update={"size": 30_000_000})
    task = JOB.task.model_copy(update={"inputs": (first, JOB.task.inputs[1])})
    job = Job(task, JOB.sides)
    assert refusal(job, documents={"before": b""}) == "data.large"


def test_messages_out_of_turn_are_refused() -> None:
    said = spoken(JOB)
    for change in (
        lambda good: good[1:],
        lambda good: [good[0], good[2], good[1], *good[3:]],
        lambda good: [good[0], *good],
        lambda good: [b"\x02" + (frames.LIMITS[FrameKind.TASK] + 1).to_bytes(4, "big"), *good[1:]],
        lambda good: [b"\x63\0\0\0\0", *good],
        lambda good: [encode(FrameKind.READY, bytes(32)), *good],
        lambda good: good[:2],
        lambda good: [],
        lambda good: [good[0][:-1]],
        lambda good: [*good[:3], encode(FrameKind.KEY, bytes(5)), *good[3:]],
    ):
        assert talk(lambda key, change=change: change(said(key))) == [(FrameKind.FAILED, b"enclave.protocol")]


@settings(max_examples=examples(60), deadline=None)
@given(st.binary(max_size=200))
def test_noise_ends_in_a_code(noise: bytes) -> None:
    [(kind, code)] = talk(lambda _: [noise])
    assert kind is FrameKind.FAILED
    assert code.decode() in codes.DOCUMENT | codes.SEALED | codes.OWN


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "enclave.memory"),
        (RecursionError("1. The Supplier"), "enclave.failed"),
        (ValueError("the Supplier's text"), "enclave.failed"),
        (DataError("x", code="data.bomb"), "data.bomb"),
        (DataError("x", code="data.the-supplier-shall"), "enclave.failed"),
        (InputError("x", code="document.altered"), "enclave.document"),
        (InputError("x"), "enclave.failed"),
        (ProtocolError("x", code="enclave.large"), "enclave.large"),
    ],
)
def test_whatever_happens_comes_out_as_one_of_the_codes(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(main, "compare", fail)
    assert talk(spoken(JOB)) == [(FrameKind.FAILED, code.encode())]


def test_codes_are_a_closed_set() -> None:
    known = codes.DOCUMENT | codes.SEALED | codes.OWN
    assert all(codes.error(code).code == code and len(code) <= frames.LIMITS[FrameKind.FAILED] for code in known)
    assert codes.error("the supplier shall").code == "enclave.failed"
    documented = {code for code in known if code.startswith("data.")}
    assert documented == {f"data.{one}" for one in hostile.CODES}
    text = (Path(__file__).resolve().parents[3] / "docs" / "explanation" / "enclave.md").read_text()
    assert all(f"`{code}`" in text for code in codes.SEALED | codes.OWN)


def test_a_result_too_large_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "MAX_RESULT", 10)
    assert refusal(JOB) == "enclave.large"


def test_tasks_of_one_hash_are_one_task() -> None:
    assert JOB.task.digest() == sha256(document_bytes(JOB.task))
    assert Task.model_validate(JOB.task.to_json()).digest() == JOB.task.digest()
