// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Which enclave measurements does this provider accept, and of which class?
/// @notice One entry for each provider and measurement. No owner, no proxy: only the sender's own entries change. A measurement
/// that was retired stays retired: a flaw that was found in an enclave's code does not go away.
interface IEnclaveRegistry {
    /// @notice `Simulated`: a key that the host's owner holds signed the measurement. Never equal to `Hardware`.
    enum Class {
        None,
        Simulated,
        Hardware
    }

    /// @param class what the provider accepts this measurement as; `None` if it never did
    /// @param since block from which on it is accepted
    /// @param until block from which on it is retired; zero while it is accepted
    struct Acceptance {
        Class class;
        uint64 since;
        uint64 until;
    }

    /// @notice A provider accepts an enclave's measurement from this block on.
    /// @param provider who accepts it
    /// @param measurement its id
    /// @param class what it is accepted as
    event MeasurementAccepted(address indexed provider, bytes32 indexed measurement, Class class);

    /// @notice A provider retires a measurement from this block on, for ever.
    /// @param provider who retires it
    /// @param measurement its id
    event MeasurementRetired(address indexed provider, bytes32 indexed measurement);

    /// @notice A measurement is accepted as simulated or as hardware.
    /// @param measurement its id
    error NoClass(bytes32 measurement);

    /// @notice The sender has accepted this measurement before.
    /// @param provider the sender
    /// @param measurement its id
    /// @param class what it was accepted as
    /// @param until block from which on it is retired; zero while it is accepted
    error MeasurementKnown(address provider, bytes32 measurement, Class class, uint64 until);

    /// @notice The sender does not accept this measurement now.
    /// @param provider the sender
    /// @param measurement its id
    /// @param until block from which on it is retired; zero if it never was accepted
    error MeasurementNotAccepted(address provider, bytes32 measurement, uint64 until);

    /// @notice The sender accepts an enclave's measurement (its id in 32 bytes, docs/explanation/attestation.md) as of a class, once.
    /// @custom:not-protected What the measured code does, and that evidence of this class exists: who releases a key verifies
    /// the evidence, and its class, himself.
    function accept(bytes32 measurement, Class class) external;

    /// @notice The sender retires a measurement, from this block on and for ever.
    /// @custom:not-protected Keys that were released before, and whoever does not look here before he releases one.
    function retire(bytes32 measurement) external;

    /// @notice A provider's word on a measurement; all zero if it never accepted it.
    /// @custom:not-protected A reader against a reorganisation: read at the network's confirmation depth.
    function acceptances(address provider, bytes32 measurement) external view returns (Acceptance memory);

    /// @notice Did this provider accept this measurement, as of this class and no other, at this block?
    /// @custom:not-protected A block that is still to come: its answer may change until it is there.
    function isAccepted(address provider, bytes32 measurement, Class class, uint64 blockNumber)
        external
        view
        returns (bool);
}
