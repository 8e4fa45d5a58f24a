"""What 32 bytes stand for: mypy refuses an offer's id where a consent's belongs.

The same types as in `contracts/interfaces/Types.sol`. At run time each is `bytes`, and a pydantic field of such a
type reads and writes `0x…` hex as `Bytes32` does. An id is made where its value comes in or is computed: a hash, a
decoded log, a parsed field.
"""

from __future__ import annotations

from typing import NewType

from placet.core.values import Bytes32

DatasetId = NewType("DatasetId", Bytes32)
"""A dataset's id, salted and hashed by its provider."""
OfferId = NewType("OfferId", Bytes32)
"""An offer's EIP-712 struct hash."""
ConsentId = NewType("ConsentId", Bytes32)
"""A consent's EIP-712 struct hash."""
BatchRoot = NewType("BatchRoot", Bytes32)
"""Merkle root over the ids of a batch's consents."""
EnrolmentRoot = NewType("EnrolmentRoot", Bytes32)
"""Merkle root over the pairs of key and subject commitment that an enroller signed at once."""
JobId = NewType("JobId", Bytes32)
"""The EIP-712 digest of a job's plan."""
StakeId = NewType("StakeId", Bytes32)
"""The EIP-712 struct hash of a stake's terms."""
CircuitId = NewType("CircuitId", Bytes32)
"""A circuit: SHA-256 of its source, as the package has it."""
CeremonyId = NewType("CeremonyId", Bytes32)
"""A ceremony that made keys for a circuit; zero stands for a test set-up by one person."""
KeyId = NewType("KeyId", Bytes32)
"""A verification key with what it is registered as."""
StatementId = NewType("StatementId", Bytes32)
"""A recorded statement: its EIP-712 digest with its public inputs."""
RewardId = NewType("RewardId", Bytes32)
"""A reward that waits for a statement."""

NO_CONSENT = ConsentId(bytes(32))
"""An input that names no consent has this one."""
NO_JOB = JobId(bytes(32))
"""The origin of a dataset that no job made."""
NO_BATCH = BatchRoot(bytes(32))
"""No batch has the root zero: the consent was given by itself."""
