// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGroth16Verifier} from "./interfaces/IGroth16Verifier.sol";
import {KeyId} from "./interfaces/Types.sol";

/// @title Is this proof right under that key?
contract Groth16Verifier is IGroth16Verifier {
    /// @dev Order of the groups, hence of the field of public inputs.
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant MAX_INPUTS = 64;
    /// @dev −α, β, −γ, −δ; then a point of 64 bytes for the constant and for each public input.
    uint256 private constant FIXED_SIZE = 448;
    uint256 private constant GAMMA_PLACE = 192;
    uint256 private constant DELTA_PLACE = 320;
    /// @dev A code that returns what follows it as the code of the contract that it creates.
    bytes11 private constant CREATOR = 0x600B5981380380925939F3;

    mapping(KeyId key => Key) private _keys;

    /// @inheritdoc IGroth16Verifier
    function register(bytes calldata key, Registration calldata registration) external returns (KeyId id) {
        uint256 points = key.length < FIXED_SIZE ? 0 : (key.length - FIXED_SIZE) / 64;
        if (points < 2 || points > MAX_INPUTS + 1 || key.length % 64 != 0) {
            revert WrongKeyLength(key.length);
        }
        if (registration.nullifier >= points - 1) revert NoSuchInput(registration.nullifier, points - 1);
        id = keyId(key, registration);
        if (_keys[id].data != address(0)) revert KeyKnown(id);
        _requirePoints(key, points);
        // Their first coordinates are equal: δ = ±γ.
        if (keccak256(key[GAMMA_PLACE:GAMMA_PLACE + 64]) == keccak256(key[DELTA_PLACE:DELTA_PLACE + 64])) {
            revert NobodyContributed();
        }
        address data = _store(key);
        _keys[id] = Key(data, uint8(points - 1), registration);
        emit KeyRegistered(id, registration.circuit, registration.ceremony, uint8(points - 1), data);
    }

    /// @inheritdoc IGroth16Verifier
    function verify(KeyId key, uint256[] calldata inputs, uint256[8] calldata proof)
        external
        view
        returns (bool valid)
    {
        Key storage known = _keys[key];
        (address data, uint256 count) = (known.data, known.inputs);
        if (data == address(0)) revert KeyUnknown(key);
        if (inputs.length != count) revert WrongNumberOfInputs(key, count, inputs.length);
        for (uint256 i = 0; i < count; ++i) {
            if (inputs[i] >= R) revert InputNotInField(i, inputs[i]);
        }
        // e(A, B) · e(−α, β) · e(L, −γ) · e(C, −δ) = 1 with L = IC₀ + Σ inputᵢ · ICᵢ₊₁.
        assembly ("memory-safe") {
            let pairs := mload(0x40)
            calldatacopy(pairs, proof, 192) // A, B
            extcodecopy(data, add(pairs, 192), 1, 192) // −α, β
            extcodecopy(data, add(pairs, 448), 193, 128) // −γ
            calldatacopy(add(pairs, 576), add(proof, 192), 64) // C
            extcodecopy(data, add(pairs, 640), 321, 128) // −δ
            // Sum so far, a point and its scalar; then the key's points.
            let sum := add(pairs, 768)
            let term := add(sum, 64)
            let point := add(sum, 160)
            extcodecopy(data, sum, 449, 64)
            extcodecopy(data, point, 513, shl(6, count))
            // Points of a registered key are points: these calls succeed as long as there is gas, and pairing fails without.
            valid := 1
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                mcopy(term, point, 64)
                mstore(add(term, 64), calldataload(add(inputs.offset, shl(5, i))))
                valid := and(valid, staticcall(gas(), 7, term, 96, term, 64))
                valid := and(valid, staticcall(gas(), 6, sum, 128, sum, 64))
                point := add(point, 64)
            }
            mcopy(add(pairs, 384), sum, 64) // L
            valid := and(valid, staticcall(gas(), 8, pairs, 768, 0, 32))
            valid := and(valid, eq(mload(0), 1))
        }
    }

    /// @inheritdoc IGroth16Verifier
    function keys(KeyId key) external view returns (Key memory) {
        return _keys[key];
    }

    /// @inheritdoc IGroth16Verifier
    function keyId(bytes calldata key, Registration calldata registration) public pure returns (KeyId) {
        return KeyId.wrap(keccak256(abi.encode(registration, keccak256(key))));
    }

    /// @dev Each point is of its group, by the pairing precompile's own refusal, and none is the point at infinity: that as
    /// ICᵢ would let any value of an input pass, as δ or γ any proof.
    function _requirePoints(bytes calldata key, uint256 points) private view {
        bytes calldata alpha = key[0:64];
        bytes calldata beta = key[64:192];
        bytes memory pairs = bytes.concat(alpha, beta);
        bool finite = !_isZero(alpha) && !_isZero(beta) && !_isZero(key[GAMMA_PLACE:DELTA_PLACE])
            && !_isZero(key[DELTA_PLACE:FIXED_SIZE]);
        for (uint256 i = 0; i < points; ++i) {
            bytes calldata point = key[FIXED_SIZE + 64 * i:FIXED_SIZE + 64 * i + 64];
            finite = finite && !_isZero(point);
            // There are two points of IC and more: −γ and −δ are paired with these.
            uint256 other = i == 0 ? GAMMA_PLACE : DELTA_PLACE;
            pairs = bytes.concat(pairs, point, key[other:other + 128]);
        }
        (bool done,) = address(8).staticcall(pairs);
        if (!done || !finite) revert BadKeyPoint();
    }

    function _isZero(bytes calldata point) private pure returns (bool) {
        uint256 bits = 0;
        for (uint256 i = 0; i < point.length; i += 32) {
            bits |= uint256(bytes32(point[i:i + 32]));
        }
        return bits == 0;
    }

    /// @dev Begins with STOP, so that nobody can run a key as code.
    function _store(bytes calldata key) private returns (address data) {
        bytes memory code = bytes.concat(CREATOR, hex"00", key);
        assembly ("memory-safe") {
            data := create(0, add(code, 32), mload(code))
            if iszero(data) { revert(0, 0) }
        }
    }
}
