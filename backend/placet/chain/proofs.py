"""Headers and receipts as the bytes to which a block's hash commits, put together from what JSON-RPC tells of them.

Endpoints have no common method that gives these bytes (`debug_getRawHeader` is go-ethereum's). A header is taken only
if it hashes to the block's hash, receipts only if they are those under the header: so nothing here is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from placet.chain.rpc import Rpc, RpcError, members, octets, quantity
from placet.core import rlp
from placet.core.block_header import SealedHeader, read_header, read_logs
from placet.core.errors import ChainError, InputError
from placet.core.values import to_hex

_FIELDS: Final = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom"),
    *("difficulty#", "number#", "gasLimit#", "gasUsed#", "timestamp#", "extraData", "mixHash", "nonce"),
)
"""A header's fields in order; `#` marks a number."""
_LATER: Final = (
    *("baseFeePerGas#", "withdrawalsRoot", "blobGasUsed#", "excessBlobGas#", "parentBeaconBlockRoot", "requestsHash"),
)
"""What London, Shanghai, Cancun and Prague added, each after the one before."""
_AT_ONCE: Final = 50


def header_bytes(block: object) -> bytes:
    """A block's header in RLP. ChainError `chain.unprovable` where it does not hash to the block's hash, as on chains
    whose clients hash other fields."""
    row = members(block, "block")
    later: list[rlp.Item] = []
    for name in _LATER:
        if row.get(name.rstrip("#")) is None:
            break
        later.append(_field(row, name))
    raw = rlp.encode([*(_field(row, name) for name in _FIELDS), *later])
    if _header(raw).hash != octets(row.get("hash"), 32):
        raise _unprovable("a header that hashes to its block's hash", f"block {quantity(row.get('number'))}")
    return raw


def receipt_bytes(receipt: object) -> bytes:
    """A receipt as the trie of its block holds it (EIP-2718). ChainError for one that is none."""
    row = members(receipt, "receipt")
    logs = row.get("logs")
    if not isinstance(logs, list):
        raise ChainError("the endpoint gave a malformed receipt", expected="logs", code="chain.answer")
    state = octets(row["root"], 32) if row.get("status") is None and row.get("root") else _number(row, "status")
    kind = quantity(row.get("type") or "0x0")
    body = rlp.encode(
        [state, _number(row, "cumulativeGasUsed"), octets(row.get("logsBloom"), 256), [_log(log) for log in logs]]
    )
    return bytes([kind]) + body if kind else body


def headers(rpc: Rpc, numbers: Sequence[int]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Of each of these blocks what JSON-RPC has (without transactions' contents), and its header in RLP."""
    for start in range(0, len(numbers), _AT_ONCE):
        part = numbers[start : start + _AT_ONCE]
        rows = rpc.batch("eth_getBlockByNumber", [(hex(number), False) for number in part])
        for number, row in zip(part, rows, strict=True):
            raw = header_bytes(row)
            if _header(raw).number != number:
                raise ChainError("the endpoint gave another block", expected=number, code="chain.answer")
            yield row, raw


def receipts(rpc: Rpc, row: dict[str, Any], header: SealedHeader) -> tuple[bytes, ...]:
    """All receipts of a block. ChainError where the endpoint does not give those under the header."""
    for ask in (_of_block, _one_by_one):
        answer = ask(rpc, row, header)
        if answer is None:
            continue
        raw = tuple(receipt_bytes(one) for one in answer)
        try:
            read_logs(header, raw)
        except InputError:
            continue
        return raw
    raise _unprovable("the receipts under a block's header", f"block {header.number}")


def _of_block(rpc: Rpc, _: dict[str, Any], header: SealedHeader) -> list[object] | None:
    try:
        answer = rpc.call("eth_getBlockReceipts", to_hex(header.hash))
    except RpcError:
        return None
    return answer if isinstance(answer, list) and None not in answer else None


def _one_by_one(rpc: Rpc, row: dict[str, Any], _: SealedHeader) -> list[object] | None:
    names = row.get("transactions")
    if not isinstance(names, list):
        return None
    answer = rpc.batch("eth_getTransactionReceipt", [(name,) for name in names])
    return None if None in answer else answer


def _log(log: object) -> rlp.Item:
    row = members(log, "log")
    topics = row.get("topics")
    if not isinstance(topics, list):
        raise ChainError("the endpoint gave a malformed log", expected="topics", code="chain.answer")
    return [octets(row.get("address"), 20), [octets(topic, 32) for topic in topics], octets(row.get("data"))]


def _field(row: dict[str, Any], name: str) -> bytes:
    return _number(row, name[:-1]) if name.endswith("#") else octets(row.get(name))


def _number(row: dict[str, Any], name: str) -> bytes:
    return rlp.of_int(quantity(row.get(name)))


def _header(raw: bytes) -> SealedHeader:
    try:
        return read_header(raw)
    except InputError as error:
        raise _unprovable("a block's header", error.expected or "") from None


def _unprovable(expected: str, found: str) -> ChainError:
    return ChainError(
        "what the chain says can't be proven by its blocks' hashes",
        expected=expected,
        found=found,
        remedy="collect without proofs, or ask another endpoint",
        code="chain.unprovable",
    )
