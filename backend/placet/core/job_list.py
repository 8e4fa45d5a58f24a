"""The list of an institution's jobs, as the job ledger keeps it: every job that was opened under its signature.

A job gets the next number in the list of each of its signers. The list's head chains all its jobs and the blocks in
which they were opened, so that who knows the head alone sees whether a job was left out.
"""

from __future__ import annotations

from placet.core.hashing import keccak
from placet.core.ids import JobId

FIRST_HEAD = bytes(24)
"""The head of an empty list."""


def signer_key(signer: bytes) -> bytes:
    """The name (32 bytes) of a signer's list. `signer`: as ERC-7913 has it, 20 bytes for an account."""
    return keccak(signer)


def list_head(head: bytes, job: JobId, block: int) -> bytes:
    """The next head (24 bytes), after a job that was opened in this block."""
    return keccak(head, job, block.to_bytes(8, "big"))[:24]
