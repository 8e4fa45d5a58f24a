"""What the worker processes of the benchmark `consents` do: make signed consents and a table, recover keys."""

from __future__ import annotations

import functools
import secrets
import time
from pathlib import Path

import coincurve

from placet.core.batch_file import BatchRow
from placet.sandbox.consortium import NAMESPACE
from placet.sandbox.signing import BulkSigner, Window
from placet.vault.config import VaultSettings
from placet.vault.schema import Column
from placet.vault.setup import import_table

STEP = 500
FROM, UNTIL = 1_700_000_000, 4_000_000_000


def subject(i: int) -> str:
    return f"customer-{i:08d}"


def many(signer: BulkSigner, start: int, end: int) -> list[BatchRow]:
    """The consents of the customers from `start` to `end`, every one with a key and a time of its own."""
    numbers = range(start, end)
    return list(signer.consents([subject(i) for i in numbers], [Window(FROM + i, UNTIL, uses=9) for i in numbers]))


def make_table(settings: VaultSettings, file: Path, n: int) -> tuple[bytes, bytes, bytes]:
    """A table of `n` customers; its id, schema and commitment."""
    with file.open("w") as sink:
        sink.write("customer,balance\n")
        sink.writelines(f"{subject(i)},{i}\n" for i in range(n))
    columns = {"customer": Column(source="customer", type="text"), "balance": Column(source="balance", type="integer")}
    info = import_table(settings, "accounts", file, "customer", columns, namespace=NAMESPACE)
    return info.dataset, info.schema_hash, info.commitment


@functools.cache
def _signed() -> list[tuple[bytes, bytes]]:
    keys = [coincurve.PrivateKey() for _ in range(64)]
    digests = [secrets.token_bytes(32) for _ in keys]
    return [(key.sign_recoverable(digest, hasher=None), digest) for key, digest in zip(keys, digests, strict=True)]


def recover_bare(count: int) -> None:
    """So many recoveries by coincurve, and nothing else."""
    signed = _signed()
    for i in range(count):
        signature, digest = signed[i % len(signed)]
        coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)


def recover_timed(count: int) -> float:
    """The same; the processor seconds that it took."""
    start = time.process_time()
    recover_bare(count)
    return time.process_time() - start
