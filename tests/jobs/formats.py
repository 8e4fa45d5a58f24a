"""tests/vectors/jobs.json: what docs/reference/formats.md says of datasets and jobs, written a
second time from the document, without the package. Run this file to write the vectors anew.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

FILE = Path(__file__).resolve().parents[1] / "vectors" / "jobs.json"


def octets(start: int, count: int = 32) -> bytes:
    """Fixed bytes with nothing special about them."""
    return bytes((start + 7 * i) % 256 for i in range(count))


def shown(value: bytes) -> str:
    return "0x" + value.hex()


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def canonical(value: Any) -> bytes:
    """RFC 8785 for what occurs here: ASCII keys, no floats."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


# RFC 9180, base mode, with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20Poly1305.

KEM = b"KEM" + struct.pack(">H", 0x20)
HPKE = b"HPKE" + struct.pack(">HHH", 0x20, 1, 3)


def extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    assert length <= 32
    labelled = struct.pack(">H", length) + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labelled + b"\x01", "sha256")[:length]


def hpke_seal(part: bytes, info: bytes, consumer: bytes, ephemeral: bytes) -> bytes:
    """enc ‖ ciphertext."""
    own = X25519PrivateKey.from_private_bytes(ephemeral)
    sent = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(consumer))
    secret = expand(KEM, extract(KEM, b"", b"eae_prk", shared), b"shared_secret", sent + consumer, 32)
    context = b"\x00" + extract(HPKE, b"", b"psk_id_hash", b"") + extract(HPKE, b"", b"info_hash", info)
    schedule = extract(HPKE, secret, b"secret", b"")
    key = expand(HPKE, schedule, b"key", context, 32)
    nonce = expand(HPKE, schedule, b"base_nonce", context, 12)
    return sent + ChaCha20Poly1305(key).encrypt(nonce, part, b"")


def datasets() -> dict[str, Any]:
    made: dict[str, Any] = {"ids": [], "schemas": [], "rows": []}
    for name in ("accounts", "a.b-c_0"):
        salt, institution = octets(1), octets(2, 20)
        identity = sha(b"placet.dataset/1", salt, institution, name.encode())
        made["ids"].append({"salt": salt, "institution": institution, "name": name, "id": identity})
    columns = [("customer", "text"), ("balance", "integer"), ("rate", "number")]
    document = {
        "type": "placet.schema",
        "version": 1,
        "identifier": "customer",
        "namespace": "urn:example:person",
        "columns": [{"name": name, "type": kind} for name, kind in columns],
    }
    made["schemas"].append(
        {"document": document, "canonical": canonical(document).decode(), "hash": sha(canonical(document))}
    )
    for row in ({"customer": "Zoë", "balance": -(2**62)}, {"rate": 0.5, "customer": "C1", "balance": 0}):
        salt = octets(3)
        told = {name: str(cell) if isinstance(cell, int) else cell for name, cell in sorted(row.items())}
        salts = hashlib.shake_256(b"placet.cells/1" + salt).digest(32 * len(told))
        digests = [
            sha(b"placet.cell/1", salts[32 * number : 32 * number + 32], canonical(cell))
            for number, cell in enumerate(told.values())
        ]
        kinds = {name: dict(columns)[name] for name in row}
        cells = {name: str(cell) for name, cell in row.items()}
        commitment = sha(b"placet.row/1", sha(canonical(list(told))), *digests)
        made["rows"].append({"salt": salt, "types": kinds, "row": cells, "digests": digests, "commitment": commitment})
    return made


def masked() -> list[dict[str, Any]]:
    made = []
    secret, ephemeral, key, job = octets(10), octets(11), octets(12), octets(13)
    consumer = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    for attempt, party, part in ((1, 0, b""), (2, 258, octets(14, 48))):
        info = b"placet.output/1" + job + u32(attempt) + u32(party)
        inner = hpke_seal(part, info, consumer, ephemeral)
        outer = AESGCM(key).encrypt(bytes(12), inner, info)
        made.append(
            {
                "consumer_secret": secret,
                "consumer_key": consumer,
                "ephemeral_secret": ephemeral,
                "release_key": key,
                "release_key_hash": keccak(key),
                "job": job,
                "attempt": attempt,
                "party": party,
                "info": info,
                "part": part,
                "encrypted": inner,
                "masked": outer,
                "masked_hash": sha(outer),
            }
        )
    return made


def seeds() -> dict[str, Any]:
    seed, job = octets(20), octets(21)
    work, noise = sha(b"placet.seed.work/1", seed), hmac.digest(seed, b"placet.seed.noise/1", "sha256")
    commitment = sha(b"placet.seed/1", work, sha(b"placet.seed.noise/1", noise))
    made: dict[str, Any] = {"seed": seed, "work": work, "noise": noise, "commitment": commitment, "streams": []}
    for labels in (
        [job],
        [job, b"permutation"],
        [job, u32(1), b"psi"],
        [job, u32(2), b"salt", b"psi-place", b"placement"],
    ):
        key = hmac.digest(seed, b"placet.stream/1" + b"".join(u32(len(one)) + one for one in labels), "sha256")
        content = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(100))
        made["streams"].append({"labels": labels, "key": key, "first_100_bytes": content})
    salt, data = octets(22), b"what a step made"
    made["commitments"] = [{"salt": salt, "data": data, "commitment": sha(b"placet.commit/1", salt, sha(data))}]
    return made


def typed(primary: str, fields: list[tuple[str, str]], message: dict[str, Any], ledger: bytes) -> tuple[bytes, bytes]:
    """Struct hash and digest by eth-account's encoder, in the domain *jobs*."""
    domain = {"name": "Placet Jobs", "version": "1", "chainId": 31337, "verifyingContract": shown(ledger)}
    kinds = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]
    told = {
        "types": {
            "EIP712Domain": [{"name": n, "type": t} for n, t in kinds],
            primary: [{"name": n, "type": t} for n, t in fields],
        },
        "primaryType": primary,
        "domain": domain,
        "message": message,
    }
    signable = encode_typed_data(full_message=told)
    return bytes(signable.body), keccak(b"\x19" + signable.version + signable.header + signable.body)


def messages() -> dict[str, Any]:
    ledger, sender, receiver = octets(30, 20), octets(31), octets(32)
    payload = b"\x00\x01 points"
    numbers = ("attempt", "sequence", "sender", "receiver")
    fields = [("job", "bytes32"), *((n, "uint32") for n in numbers), ("tag", "string"), ("digest", "bytes32")]
    message = {
        "job": shown(octets(33)),
        "attempt": 1,
        "sequence": 0,
        "sender": 3,
        "receiver": 0,
        "tag": "psi.list",
        "digest": shown(sha(payload)),
    }
    struct_hash, digest = typed("Message", fields, message, ledger)
    signature = bytes(Account.unsafe_sign_hash(digest, sender).signature)
    header = canonical({"message": message, "signature": shown(signature)})
    told, answer = typed("Acknowledgement", [("message", "bytes32")], {"message": shown(struct_hash)}, ledger)
    acknowledged = bytes(Account.unsafe_sign_hash(answer, receiver).signature)
    return {
        "chain_id": 31337,
        "job_ledger": ledger,
        "sender_key": sender,
        "sender_recorder": shown_address(sender),
        "receiver_key": receiver,
        "receiver_recorder": shown_address(receiver),
        "payload": payload,
        "message": message,
        "message_hash": struct_hash,
        "message_digest": digest,
        "signature": signature,
        "body": u32(len(header)) + header + payload,
        "acknowledgement_hash": told,
        "acknowledgement_digest": answer,
        "acknowledgement": acknowledged,
        "answer": '{"signature":"' + shown(acknowledged) + '"}',
    }


def shown_address(secret: bytes) -> str:
    return str(Account.from_key(secret).address).lower()


def frames() -> dict[str, Any]:
    about = canonical({"attempt": 1, "job": shown(octets(40))})
    problem = canonical({"code": "peer.early", "expected": None, "found": None, "message": "not yet", "remedy": None})
    return {
        "questions": [
            {"name": name, "body": body, "frame": bytes([len(name)]) + name.encode() + u32(len(body)) + body}
            for name, body in (("standing", about), ("x", b""))
        ],
        "answers": [
            {"refused": refused, "body": body, "frame": bytes([refused]) + u32(len(body)) + body}
            for refused, body in ((False, b"{}"), (True, problem))
        ],
    }


def trail() -> dict[str, Any]:
    job = octets(33)
    exchange = {"peer": 3, "sequence": 0, "tag": "psi.list", "digest": shown(octets(51))}
    document = {
        "type": "placet.step",
        "version": 1,
        "job": shown(job),
        "attempt": 1,
        "party": 2,
        "index": 0,
        "name": "psi-place",
        "protocol": "psi.ecdh-ristretto255/2",
        "parameters": {},
        "inputs": [{"name": "rows", "commitment": shown(octets(52))}],
        "outputs": [{"name": "placement", "commitment": shown(octets(53))}],
        "sent": [],
        "received": [exchange],
        "at": 1_800_000_000,
    }
    step = sha(canonical(document))
    start = keccak(job + (1).to_bytes(32, "big") + (2).to_bytes(32, "big"))
    return {
        "step": document,
        "canonical": canonical(document).decode(),
        "step_hash": step,
        "start": start,
        "heads": [keccak(start + step), keccak(keccak(start + step) + octets(54))],
        "step_hashes": [step, octets(54)],
    }


def job_lists() -> dict[str, Any]:
    """Two jobs of an account; `slots` are those of its list and of its second job with a trail, `words` as packed."""
    signer, jobs, head = octets(61, 20), [], bytes(24)
    for number, block in ((1, 5), (2, 2**33)):
        job = octets(62 + number)
        head = keccak(head + job + block.to_bytes(8, "big"))[:24]
        jobs.append({"number": number, "job": job, "block": block, "head": head})
    name, trail_ = keccak(signer), keccak(job + (1).to_bytes(32, "big") + (2).to_bytes(32, "big"))
    return {
        "signer": signer,
        "name": name,
        "jobs": jobs,
        "slots": {
            kind: keccak(key + mapping.to_bytes(32, "big"))
            for kind, key, mapping in (("job", job, 3), ("trail", trail_, 5), ("list", name, 7))
        },
        "word": head + (2).to_bytes(8, "big"),
    }


def reference() -> dict[str, Any]:
    """The file's content."""
    made = {
        "about": "Datasets, masked outputs, randomness, messages, peer frames, trails and lists of jobs, as "
        "docs/reference/formats.md defines "
        "them. Byte strings are 0x… hex. Made by tests/jobs/formats.py from the document, without the package.",
        "datasets": datasets(),
        "masked_outputs": masked(),
        "seeds": seeds(),
        "messages": messages(),
        "frames": frames(),
        "trail": trail(),
        "job_lists": job_lists(),
    }
    return plain(made)


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return shown(value)
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    FILE.write_text(json.dumps(reference(), indent=2, ensure_ascii=False) + "\n")
