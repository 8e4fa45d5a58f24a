"""tests/vectors/sealed.json: what docs/explanation/enclave.md says of documents, tasks, sealed keys
and joint keys, written a second time from the document, without the package. Run this file to write
the vectors anew.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from eth_hash.auto import keccak

FILE = Path(__file__).resolve().parents[2] / "vectors" / "sealed.json"
CHUNK = 65_536
ROLES = {"before": 1, "after": 2}
CHAIN, ATTEMPT = 31337, 3
PARTIES = {"before": 0, "after": 2}
NAMES = {"before": "agreement of 3 May.docx", "after": "Vertragsänderung.pdf"}
CONTENTS = {"before": (b"1. The Supplier shall deliver.", 1), "after": (b"\x61", CHUNK + 1)}
"""A piece, and how often it is repeated."""


def some(label: str, size: int = 32) -> bytes:
    return hashlib.shake_256(label.encode()).digest(size)


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


JOB = some("job")


def encrypted(role: str, plain: bytes) -> bytes:
    key, salt = some(f"data key {role}"), some(f"salt {role}")
    commitment = hashlib.sha256(b"placet.commit/1" + salt + hashlib.sha256(plain).digest()).digest()
    header = b"placet.document/\x01" + JOB + bytes([ROLES[role]]) + commitment
    chunks = [plain[start : start + CHUNK] for start in range(0, len(plain), CHUNK)] or [b""]
    made = header
    for number, chunk in enumerate(chunks):
        nonce = bytes(7) + u32(number) + bytes([number == len(chunks) - 1])
        made += AESGCM(key).encrypt(nonce, chunk, header)
    return made


def document(role: str, piece: bytes, times: int) -> dict[str, Any]:
    made = encrypted(role, piece * times)
    shown: dict[str, Any] = {"role": role, "job": hexed(JOB), "piece": hexed(piece), "times": times}
    shown |= {"key": hexed(some(f"data key {role}")), "salt": hexed(some(f"salt {role}"))}
    shown |= {"commitment": hexed(made[50:82]), "size": len(made), "digest": hexed(hashlib.sha256(made).digest())}
    return shown | ({"document": hexed(made)} if len(made) < 1_000 else {})


def task() -> dict[str, Any]:
    """What each party derives from the plan and from what both told."""
    inputs = []
    for role in ROLES:
        made = document(role, *CONTENTS[role])
        inputs.append(
            {
                "role": role,
                "party": PARTIES[role],
                "consent": hexed(some(f"consent {role}")),
                "document": made["digest"],
                "size": made["size"],
                "commitment": made["commitment"],
                "release": hexed(keccak(some(f"release {role}"))),
            }
        )
    recipients = [{"party": party, "key": hexed(public(some(f"recipient {party}")))} for party in PARTIES.values()]
    return {
        "type": "placet.enclave-task",
        "version": 1,
        "chain": str(CHAIN),
        "job": hexed(JOB),
        "policy": hexed(some("policy")),
        "attempt": ATTEMPT,
        "inputs": inputs,
        "recipients": recipients,
    }


def canonical(value: Any) -> bytes:
    """RFC 8785, for what a task holds: names and values in ASCII, no fractions."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def digest(value: dict[str, Any]) -> bytes:
    return hashlib.sha256(canonical(value)).digest()


def public(secret: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def extract(salt: bytes, key: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), key, "sha256")


def expand(key: bytes, info: bytes, size: int) -> bytes:
    assert size <= 32
    return hmac.digest(key, info + b"\x01", "sha256")[:size]


class Hpke:
    """RFC 9180 in base mode, single-shot: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305."""

    KEM = b"KEM" + bytes.fromhex("0020")
    SUITE = b"HPKE" + bytes.fromhex("002000010003")

    @staticmethod
    def _extract(suite: bytes, salt: bytes, label: bytes, key: bytes) -> bytes:
        return extract(salt, b"HPKE-v1" + suite + label + key)

    @staticmethod
    def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
        return expand(key, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, size)

    @classmethod
    def _context(cls, mine: bytes, theirs: bytes, kem_context: bytes, info: bytes) -> tuple[ChaCha20Poly1305, bytes]:
        """The cipher and its first nonce; `mine` is a secret key, `theirs` a public one."""
        agreed = X25519PrivateKey.from_private_bytes(mine).exchange(X25519PublicKey.from_public_bytes(theirs))
        start = cls._extract(cls.KEM, b"", b"eae_prk", agreed)
        shared = cls._expand(cls.KEM, start, b"shared_secret", kem_context, 32)
        names = (cls._extract(cls.SUITE, b"", b"psk_id_hash", b""), cls._extract(cls.SUITE, b"", b"info_hash", info))
        schedule = b"\x00" + b"".join(names)
        secret = cls._extract(cls.SUITE, shared, b"secret", b"")
        key = cls._expand(cls.SUITE, secret, b"key", schedule, 32)
        return ChaCha20Poly1305(key), cls._expand(cls.SUITE, secret, b"base_nonce", schedule, 12)

    @classmethod
    def seal(cls, content: bytes, to: bytes, info: bytes, ephemeral: bytes) -> bytes:
        cipher, nonce = cls._context(ephemeral, to, public(ephemeral) + to, info)
        return public(ephemeral) + cipher.encrypt(nonce, content, b"")

    @classmethod
    def open(cls, sealed: bytes, secret: bytes, info: bytes) -> bytes:
        cipher, nonce = cls._context(secret, sealed[:32], sealed[:32] + public(secret), info)
        return cipher.decrypt(nonce, sealed[32:], b"")


def key_info(role: str, consent: bytes, task_digest: bytes) -> bytes:
    place = CHAIN.to_bytes(32, "big") + JOB + u32(ATTEMPT)
    return b"placet.enclave-key/1" + place + consent + bytes([ROLES[role]]) + task_digest


def sealed_keys(role: str, task_digest: bytes) -> dict[str, Any]:
    parts = [some(f"{name} {role}") for name in ("data key", "salt", "release")]
    info = key_info(role, some(f"consent {role}"), task_digest)
    ephemeral = some(f"ephemeral {role}")
    sealed = Hpke.seal(b"".join(parts) + NAMES[role].encode(), public(some("enclave")), info, ephemeral)
    shown = {name: hexed(part) for name, part in zip(("key", "salt", "release"), parts, strict=True)}
    shown |= {"role": role, "name": NAMES[role], "info": hexed(info), "ephemeral": hexed(ephemeral)}
    return shown | {"sealed": hexed(sealed)}


def joint_key(party: int) -> dict[str, Any]:
    info = b"placet.joint/1" + JOB + u32(ATTEMPT) + u32(party) + public(some("enclave"))
    joined = b"".join(some(f"release {role}") for role in ROLES)
    return {"party": party, "info": hexed(info), "key": hexed(expand(extract(b"", joined), info, 32))}


def result_tag(role: str, task_digest: bytes) -> dict[str, Any]:
    """What follows a masked result, under the data key of its recipient's own document."""
    masked = some(f"masked {role}", 100)
    said = b"placet.result/1" + task_digest + public(some("enclave")) + masked
    return {
        "party": PARTIES[role],
        "key": hexed(some(f"data key {role}")),
        "masked": hexed(masked),
        "tag": hexed(hmac.digest(some(f"data key {role}"), said, "sha256")),
    }


def reference() -> dict[str, Any]:
    made = task()
    return {
        "documents": [*(document(role, *CONTENTS[role]) for role in ROLES), document("before", b"", 0)],
        "task": {"task": made, "canonical": canonical(made).decode(), "digest": hexed(digest(made))},
        "enclave": {"secret": hexed(some("enclave")), "key": hexed(public(some("enclave")))},
        "sealedKeys": [sealed_keys(role, digest(made)) for role in ROLES],
        "jointKeys": [joint_key(one["party"]) for one in made["recipients"]],
        "resultTags": [result_tag(role, digest(made)) for role in ROLES],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(reference(), indent=1, ensure_ascii=False) + "\n")
