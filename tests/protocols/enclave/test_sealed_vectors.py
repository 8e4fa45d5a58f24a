"""tests/vectors/sealed.json is written by sealed_vectors.py, without the package; both read what the other wrote."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519

from placet.core.hashing import document_bytes
from placet.core.values import from_hex, parse, to_hex
from placet.protocols.enclave.sealed import keys, results
from placet.protocols.enclave.sealed.documents import DocumentKey, _encrypt, decrypt
from placet.protocols.enclave.sealed.task import Task, read_task

from . import sealed_vectors

VECTORS: dict[str, Any] = json.loads(sealed_vectors.FILE.read_text())
SECRET = from_hex(VECTORS["enclave"]["secret"])
ENCLAVE = from_hex(VECTORS["enclave"]["key"])


def task() -> Task:
    return read_task(VECTORS["task"]["canonical"].encode())


def test_the_vectors_are_what_the_document_says() -> None:
    assert sealed_vectors.reference() == VECTORS


@pytest.mark.parametrize("place", range(len(VECTORS["documents"])))
def test_documents(place: int) -> None:
    one = VECTORS["documents"][place]
    plain, job = from_hex(one["piece"]) * one["times"], from_hex(one["job"])
    key = DocumentKey(key=from_hex(one["key"]), salt=from_hex(one["salt"]))
    out = io.BytesIO()
    told = _encrypt(io.BytesIO(plain), out, key, job=job, role=one["role"])
    assert (to_hex(told.digest), told.size, to_hex(told.commitment)) == (one["digest"], one["size"], one["commitment"])
    theirs = sealed_vectors.encrypted(one["role"], plain)
    assert out.getvalue() == theirs
    assert "document" not in one or from_hex(one["document"]) == theirs
    plaintext = decrypt(io.BytesIO(theirs).read, key, job=job, role=one["role"], commitment=told.commitment)
    assert b"".join(plaintext) == plain


def test_the_task() -> None:
    vector = VECTORS["task"]
    made = parse(Task, vector["task"])
    assert made == task()
    assert document_bytes(made).decode() == vector["canonical"]
    assert to_hex(made.digest()) == vector["digest"]


@pytest.mark.parametrize("one", VECTORS["sealedKeys"], ids=lambda one: one["role"])
def test_sealed_keys(one: dict[str, Any]) -> None:
    info = from_hex(one["info"])
    assert keys._info(task(), one["role"]) == info
    given = keys.Secrets(
        document=DocumentKey(key=from_hex(one["key"]), salt=from_hex(one["salt"])),
        release=from_hex(one["release"]),
        name=one["name"],
    )
    secret = x25519.X25519PrivateKey.from_private_bytes(SECRET)
    assert keys.unseal(from_hex(one["sealed"]), secret, task(), one["role"]) == given
    ours = keys.seal(given, ENCLAVE, task(), one["role"])
    content = b"".join(from_hex(one[name]) for name in ("key", "salt", "release")) + one["name"].encode()
    assert sealed_vectors.Hpke.open(ours, SECRET, info) == content


@pytest.mark.parametrize("one", VECTORS["jointKeys"], ids=lambda one: str(one["party"]))
def test_joint_keys(one: dict[str, Any]) -> None:
    released = [from_hex(side["release"]) for side in VECTORS["sealedKeys"]]
    assert to_hex(results._joint_key(released, ENCLAVE, task(), one["party"])) == one["key"]


@pytest.mark.parametrize("one", VECTORS["resultTags"], ids=lambda one: str(one["party"]))
def test_result_tags(one: dict[str, Any]) -> None:
    owner = DocumentKey(key=from_hex(one["key"]), salt=bytes(32))
    sealed = from_hex(one["masked"]) + from_hex(one["tag"])
    results.demand_genuine(sealed, enclave=ENCLAVE, task=task(), document=owner)
