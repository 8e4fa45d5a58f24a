"""Nodes of the state's tries that show words of a contract's storage under a block's header (EIP-1186)."""

from __future__ import annotations

from collections.abc import Sequence

from placet.chain import proofs
from placet.chain.rpc import Rpc, RpcError, members, octets
from placet.core.block_header import read_header
from placet.core.errors import ChainError, InputError
from placet.core.hashing import keccak
from placet.core.state_trie import nodes_by_hash, storage_root, storage_word
from placet.core.values import to_hex

_AT_ONCE = 256
"""Words of one request."""


class StateProver:
    """Words of one contract's storage as of one block, each with the nodes that show it. What the endpoint says is
    believed only where it follows from the header.

    ChainError `chain.unprovable` where the endpoint shows none: many keep the state of the last blocks alone."""

    def __init__(self, rpc: Rpc, contract: bytes, block: int) -> None:
        self._rpc, self._contract, self._block = rpc, contract, block
        ((_, self.header),) = proofs.headers(rpc, [block])
        self._nodes: dict[bytes, bytes] = {}

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """Those of all words that were asked for, each once."""
        return tuple(self._nodes.values())

    def words(self, slots: Sequence[int]) -> list[int]:
        """What stands at these slots."""
        for start in range(0, len(slots), _AT_ONCE):
            for node in self._asked(slots[start : start + _AT_ONCE]):
                self._nodes[keccak(node)] = node
        try:
            nodes = nodes_by_hash(self._nodes.values())
            root = storage_root(read_header(self.header).state_root, self._contract, nodes)
            return [storage_word(root, slot, nodes) for slot in slots]
        except InputError as error:
            raise _unprovable(error.message) from None

    def _asked(self, slots: Sequence[int]) -> list[bytes]:
        keys = [to_hex(slot.to_bytes(32, "big")) for slot in slots]
        try:
            answer = self._rpc.call("eth_getProof", to_hex(self._contract), keys, hex(self._block))
        except RpcError as error:
            raise _unprovable(str(error)) from None
        row = members(answer, "proof")
        entries = row.get("storageProof")
        if not isinstance(entries, list):
            raise _unprovable("no proof of storage")
        lists = [row.get("accountProof"), *(members(entry, "proof").get("proof") for entry in entries)]
        if not all(isinstance(nodes, list) for nodes in lists):
            raise _unprovable("no nodes")
        return [octets(node) for nodes in lists for node in nodes or ()]


def _unprovable(found: str) -> ChainError:
    return ChainError(
        "the endpoint does not show what stands in the state of a block",
        expected="eth_getProof, as of that block",
        found=found[:200],
        remedy="ask for a block of the last minutes, or another endpoint: many keep no older state",
        code="chain.unprovable",
    )
