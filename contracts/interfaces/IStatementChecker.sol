// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Does a proven statement stand now?
/// @notice A proof shows what holds of its public inputs for ever. What changes on chain, as whether a root is still one of live
/// consents, a contract knows that the verification key names: its address is part of the key's id.
interface IStatementChecker {
    /// @notice Reverts unless a statement of these public inputs stands now. Called by `Statements.record` before the proof is verified.
    /// @custom:not-protected Callers that do not verify the proof, too.
    function requireStands(uint256[] calldata inputs) external view;
}
