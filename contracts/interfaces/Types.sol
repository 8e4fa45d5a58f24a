// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// What 32 bytes stand for: the compiler refuses an offer's id where a consent's belongs. In the ABI they are bytes32.

/// @notice A dataset's id, salted and hashed by its provider.
type DatasetId is bytes32;

/// @notice An offer's EIP-712 struct hash.
type OfferId is bytes32;

/// @notice A consent's EIP-712 struct hash.
type ConsentId is bytes32;

/// @notice Merkle root over the ids of a batch's consents.
type BatchRoot is bytes32;

/// @notice The EIP-712 digest of a job's plan.
type JobId is bytes32;

/// @notice A circuit: SHA-256 of its source, as the package has it.
type CircuitId is bytes32;

/// @notice A ceremony that made keys for a circuit; zero stands for a test set-up by one person.
type CeremonyId is bytes32;

/// @notice A verification key with what it is registered as.
type KeyId is bytes32;

/// @notice A recorded statement: its EIP-712 digest with its public inputs.
type StatementId is bytes32;

/// @notice A reward that waits for a statement.
type RewardId is bytes32;

/// @notice The EIP-712 struct hash of a stake's terms.
type StakeId is bytes32;

using {Ids.isNone} for ConsentId global;
using {Ids.isZero} for BatchRoot global;
using {sameOffer as ==} for OfferId global;
using {sameJob as ==} for JobId global;
using {sameKey as ==} for KeyId global;
using {Ids.isTest} for CeremonyId global;

function sameOffer(OfferId a, OfferId b) pure returns (bool) {
    return OfferId.unwrap(a) == OfferId.unwrap(b);
}

function sameJob(JobId a, JobId b) pure returns (bool) {
    return JobId.unwrap(a) == JobId.unwrap(b);
}

function sameKey(KeyId a, KeyId b) pure returns (bool) {
    return KeyId.unwrap(a) == KeyId.unwrap(b);
}

library Ids {
    /// @dev A key without a ceremony: one person made it, who can prove anything with it.
    function isTest(CeremonyId id) internal pure returns (bool) {
        return CeremonyId.unwrap(id) == 0;
    }

    /// @dev An input that names no consent has a zero one.
    function isNone(ConsentId id) internal pure returns (bool) {
        return ConsentId.unwrap(id) == 0;
    }

    /// @dev No batch has the root zero; it stands for "no proof".
    function isZero(BatchRoot root) internal pure returns (bool) {
        return BatchRoot.unwrap(root) == 0;
    }
}
