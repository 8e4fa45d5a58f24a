// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnclaveRegistry} from "./interfaces/IEnclaveRegistry.sol";

/// @title Which enclave measurements does this provider accept, and of which class?
contract EnclaveRegistry is IEnclaveRegistry {
    mapping(address provider => mapping(bytes32 measurement => Acceptance)) private _acceptances;

    /// @inheritdoc IEnclaveRegistry
    function accept(bytes32 measurement, Class class) external {
        if (class == Class.None) revert NoClass(measurement);
        Acceptance storage known = _acceptances[msg.sender][measurement];
        if (known.class != Class.None) revert MeasurementKnown(msg.sender, measurement, known.class, known.until);
        (known.class, known.since) = (class, uint64(block.number));
        emit MeasurementAccepted(msg.sender, measurement, class);
    }

    /// @inheritdoc IEnclaveRegistry
    function retire(bytes32 measurement) external {
        Acceptance storage known = _acceptances[msg.sender][measurement];
        if (known.class == Class.None || known.until != 0) {
            revert MeasurementNotAccepted(msg.sender, measurement, known.until);
        }
        known.until = uint64(block.number);
        emit MeasurementRetired(msg.sender, measurement);
    }

    /// @inheritdoc IEnclaveRegistry
    function acceptances(address provider, bytes32 measurement) external view returns (Acceptance memory) {
        return _acceptances[provider][measurement];
    }

    /// @inheritdoc IEnclaveRegistry
    function isAccepted(address provider, bytes32 measurement, Class class, uint64 blockNumber)
        external
        view
        returns (bool)
    {
        Acceptance storage known = _acceptances[provider][measurement];
        return class != Class.None && known.class == class && known.since <= blockNumber
            && (known.until == 0 || blockNumber < known.until);
    }
}
