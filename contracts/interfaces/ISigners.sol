// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who can sign
/// @notice A signer is 20 bytes (an address: a wallet or an ERC-1271 contract) or, after ERC-7913, the 20 bytes of a verifier
/// contract followed by a key. Only the verifiers named at deployment are ever asked; the list can't change.
interface ISigners {
    /// @notice A verifier of the list has no code, so every signature under it would be refused for
    /// ever.
    /// @param verifier its address
    error VerifierWithoutCode(address verifier);

    /// @notice Whether signatures under this ERC-7913 verifier are accepted.
    /// @custom:not-protected The quality of a verifier: whoever deploys chooses the list, whoever relies on it reads it.
    function isVerifier(address verifier) external view returns (bool);
}
