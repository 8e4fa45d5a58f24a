"""Where the job ledger keeps what an auditor wants proven, and what its words say.

The layout is the compiler's (Solidity, "Layout of state variables in storage"): a mapping's entry lies at the keccak of
its key and the mapping's own slot. That these slots are the contract's is tested against its own answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from placet.core import eip712
from placet.core.hashing import keccak
from placet.core.ids import JobId
from placet.core.trail import trail_start

_JOBS, _TRAILS, _LISTS = 3, 5, 7


def list_slot(signer: bytes) -> int:
    """Of the word that has a list's length and head; `signer` is the list's name (`job_list.signer_key`)."""
    return _entry(signer, _LISTS)


def job_slot(job: JobId) -> int:
    """Of the word that says how far a job has come."""
    return _entry(job, _JOBS)


def trail_slot(job: JobId, attempt: int, party: int) -> int:
    """Of the head of a party's trail; zero there where the trail is empty."""
    return _entry(trail_start(job, attempt, party), _TRAILS)


def _entry(key: bytes, mapping: int) -> int:
    return int.from_bytes(keccak(key, eip712.word(mapping)), "big")


@dataclass(frozen=True)
class ListWord:
    """How many jobs a signer has, and the list's head (24 bytes)."""

    count: int
    head: bytes

    @classmethod
    def of(cls, word: int) -> ListWord:
        return cls(word & (1 << 64) - 1, (word >> 64).to_bytes(24, "big"))


@dataclass(frozen=True)
class JobWord:
    """The ledger's `JobStatus` as a number, how many parties and attempts there are, and when the job was opened, in
    Unix seconds."""

    status: int
    parties: int
    attempt: int
    opened_at: int

    @classmethod
    def of(cls, word: int) -> JobWord:
        return cls(word & 0xFF, word >> 16 & 0xFF, word >> 32 & 0xFFFF_FFFF, word >> 64 & (1 << 48) - 1)
