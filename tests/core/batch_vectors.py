"""tests/vectors/batch.json: what docs/reference/formats.md says of batch files, written a second
time from the document, without the package. Run this file to write the vectors anew.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak

FILE = Path(__file__).resolve().parents[1] / "vectors" / "batch.json"
PURPOSE = "https://w3id.org/dpv#CreditChecking"
CHAIN = 31337
REGISTRY = "0x" + "c0" * 20
NAMES = {"0x" + "a1" * 20: "First Bank", "0x" + "b2" * 20: "Credit House"}
TYPES = {
    "Consent": "Details details,Offer offer,bytes owner,uint48 notBefore,uint48 notAfter,uint32 firstOpening,"
    "uint32 uses",
    "Offer": "bytes32 dataset,address consumer,bytes32 purpose,uint32 operations,bytes32 scope,uint64 budget",
    "Details": "string language,string dataset,string consumer,string purpose,string columns,string output,"
    "string parties,bytes32 notice,bytes32 enrolment,bytes32 salt",
    "Enrolment": "bytes owner,string namespace,bytes32 subject",
    "Enrolments": "string namespace,bytes32 root",
}
NAMESPACE = "0x" + "a1" * 20 + "/customer"
SUBJECTS = ("customer-1", "Zoë Ångström", 'with "quotes" and \\', "customer-4", "customer-5")


def canonical(value: Any) -> str:
    """RFC 8785 for what occurs here: ASCII keys, no floats."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def sha(*parts: bytes) -> str:
    return "0x" + hashlib.sha256(b"".join(parts)).hexdigest()


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def digest(primary: str, message: dict[str, Any]) -> Any:
    types = {
        name: [dict(zip(("type", "name"), f.split(), strict=True)) for f in fields.split(",")]
        for name, fields in TYPES.items()
    }
    used = {"Consent": ("Consent", "Offer", "Details")}.get(primary, (primary,))
    domain = {"name": "Placet Consent", "version": "1", "chainId": CHAIN, "verifyingContract": REGISTRY}
    return encode_typed_data(domain, {name: types[name] for name in used}, message)


def sign(number: int, signable: Any) -> str:
    return "0x" + bytes(Account.sign_message(signable, number.to_bytes(32, "big")).signature).hex()


def address(number: int) -> str:
    return str(Account.from_key(number.to_bytes(32, "big")).address).lower()


def root(leaves: list[bytes]) -> bytes:
    while len(leaves) > 1:
        pairs = [leaves[i : i + 2] for i in range(0, len(leaves), 2)]
        leaves = [keccak(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs]
    return leaves[0]


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 over leaf hashes, by its recursive definition."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:split]) + plain_root(leaves[split:])).digest()


def enrolments(pairs: list[tuple[str, str]], enroller: str) -> dict[str, Any]:
    """A file of enrolments: its header, and what follows it."""
    leaves = sorted(hashlib.sha256(b"\0" + raw(subject) + raw(owner)).digest() for owner, subject in pairs)
    tree = plain_root(leaves)
    header = {
        "type": "placet.enrolments",
        "version": 1,
        "enroller": enroller,
        "namespace": NAMESPACE,
        "root": "0x" + tree.hex(),
        "count": len(leaves),
        "signature": sign(99, digest("Enrolments", {"namespace": NAMESPACE, "root": tree})),
    }
    return {"header": canonical(header), "leaves": "0x" + b"".join(leaves).hex()}


def reference() -> dict[str, Any]:
    provider, consumer = NAMES
    enroller = address(99)
    scope = {
        "type": "placet.scope",
        "version": 1,
        "title": "Accounts",
        "provider": provider,
        "purpose": PURPOSE,
        "columns": ["customer", "balance"],
        "identifier": "customer",
        "namespace": NAMESPACE,
        "output": "total",
        "smallest_group": 1,
        "recipes": ["asset-view"],
        "parties": [provider, consumer],
        "enrollers": [enroller],
        "personal": True,
        "salt": "0x" + "05" * 32,
    }
    offer = {
        "dataset": "0x" + "d5" * 32,
        "consumer": consumer,
        "purpose": "0x" + keccak(PURPOSE.encode()).hex(),
        "operations": 3,
        "scope": sha(canonical(scope).encode()),
        "budget": 0,
    }
    columns = "customer, balance; rows are found by “customer”: the “customer” that First Bank itself gives out"
    rows, batched = [], range(4, 6)
    commitments = [
        sha(b"placet.subject/1", bytes([number]) * 32, subject.encode()) for number, subject in enumerate(SUBJECTS, 1)
    ]
    enrolled_at_once = enrolments([(address(n), commitments[n - 1]) for n in (*batched, 1)], enroller)
    root_of_enrolments = json.loads(enrolled_at_once["header"])["root"]
    for number, subject in enumerate(SUBJECTS, 1):
        salt = "0x" + f"{number:02x}" * 32
        before, after, uses = 1_800_000_000 + number, 1_900_000_000, number
        commitment = commitments[number - 1]
        notice = (
            "You allow First Bank to let your data in “Accounts” be used for Credit House.\n"
            f"Which data: {columns}.\n"
            f"What for: checking creditworthiness ({PURPOSE}).\n"
            "How: matching records (private set intersection), computing on secret shares; recipe asset-view.\n"
            "What Credit House gets: one total per person over all parties.\n"
            "Institutions that take part: First Bank, Credit House.\n"
            "Credit House can compare the results of several computations. Only how many times are allowed below, "
            "and the data's budget where it has one, bound what that tells of you.\n"
            f"From 2027-01-15 08:00:0{number} UTC until 2030-03-17 17:46:40 UTC, "
            f"at most {uses} time{'s' * (uses > 1)}.\n"
            "You can withdraw at any time. A computation that has already been sealed is not undone by it.\n"
            "On the public chain this consent is a number that leads back to nobody."
        )
        owner = address(number)
        message = {
            "owner": raw(owner),
            "offer": {**offer, **{name: raw(offer[name]) for name in ("dataset", "purpose", "scope")}},
            "notBefore": before,
            "notAfter": after,
            "firstOpening": 0,
            "uses": uses,
            "details": {
                "language": "en",
                "dataset": "Accounts, kept by First Bank",
                "consumer": "Credit House",
                "purpose": f"checking creditworthiness ({PURPOSE})",
                "columns": columns,
                "output": "one total per person over all parties",
                "parties": "First Bank, Credit House",
                "notice": hashlib.sha256(notice.encode()).digest(),
                "enrolment": raw(commitment),
                "salt": raw(salt),
            },
        }
        consent = digest("Consent", message)
        enrolled = digest("Enrolment", {"owner": raw(owner), "namespace": NAMESPACE, "subject": raw(commitment)})
        row = {
            "owner": owner,
            "key": None,
            "not_before": before,
            "not_after": after,
            "first_opening": 0,
            "uses": uses,
            "language": "en",
            "salt": salt,
            "enrolment": commitment,
            "signature": sign(number, consent),
            "key_signature": None,
            "enroller": enroller,
            "enroller_signature": None if number in batched else sign(99, enrolled),
            "enrolments": root_of_enrolments if number in batched else None,
            "subject": None if number == 4 else subject,
            "subject_salt": None if number == 4 else salt,
        }
        rows.append((consent.body, row))
    rows.sort(key=lambda one: one[0])
    tree = root([body for body, _ in rows])
    header = {
        "type": "placet.batch",
        "version": 1,
        "offer": offer,
        "scope": scope,
        "count": len(rows),
        "root": "0x" + tree.hex(),
    }
    return {
        "about": "A batch file (docs/reference/formats.md, “Batch files”): its header and rows, their consent ids, and "
        "the Parquet file in hex, in groups of two rows.",
        "chain_id": CHAIN,
        "consent_registry": REGISTRY,
        "names": NAMES,
        "enrollers": [enroller],
        "enrolments": enrolled_at_once,
        "header": canonical(header),
        "rows": [row for _, row in rows],
        "ids": ["0x" + body.hex() for body, _ in rows],
    }


WIDTHS = {
    "owner": 20, "key": 64, "salt": 32, "enrolment": 32, "signature": 65, "enroller": 20, "enroller_signature": 65,
    "enrolments": 32, "subject_salt": 32,
}  # fmt: skip
NUMBERS = ("not_before", "not_after", "first_opening", "uses")
OPTIONAL = ("key", "signature", "key_signature", "enroller_signature", "enrolments", "subject", "subject_salt")


def parquet(header: str, rows: list[dict[str, Any]]) -> bytes:
    """The file, as the document says that it is written."""
    fields, columns = [], []
    for name in rows[0]:
        values = [row[name] for row in rows]
        kind = pa.int64() if name in NUMBERS else pa.string() if name in ("language", "subject") else pa.binary()
        if kind == pa.binary():
            kind = pa.binary(WIDTHS.get(name, -1))
            values = [None if value is None else raw(value) for value in values]
        fields.append(pa.field(name, kind, nullable=name in OPTIONAL))
        columns.append(pa.array(values, kind))
    sink = io.BytesIO()
    table = pa.table(columns, schema=pa.schema(fields))
    with pq.ParquetWriter(
        sink, table.schema, compression="zstd", use_dictionary=False, store_schema=False, write_page_checksum=True
    ) as writer:
        writer.add_key_value_metadata({"placet.batch": header})
        writer.write_table(table, row_group_size=2)
    return sink.getvalue()


if __name__ == "__main__":
    vectors = reference()
    vectors["file"] = "0x" + parquet(vectors["header"], vectors["rows"]).hex()
    FILE.write_text(json.dumps(vectors, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
