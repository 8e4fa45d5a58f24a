// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who can fetch what?
/// @notice Contracts that hold tokens credit them and never push them: whoever is owed something fetches it, so that no payee
/// can stop another's.
interface IClaims {
    /// @notice A payee got what it was owed.
    /// @param token in which ERC-20
    /// @param payee who got it
    /// @param amount in the token's smallest unit
    event Claimed(address indexed token, address indexed payee, uint256 amount);

    /// @notice The token moved another amount than asked for.
    /// @param token the ERC-20
    /// @param expected what should have moved
    /// @param found what did
    error UnexpectedAmount(address token, uint256 expected, uint256 found);

    /// @notice The payee is owed nothing in this token.
    /// @param token the ERC-20
    /// @param payee who asked, or for whom
    error NothingOwed(address token, address payee);

    /// @notice Pays the sender what it is owed in `token`.
    /// @custom:not-protected Against tokens that refuse or tax transfers to the payee. A token from which more than the amount
    /// leaves is refused, to keep the others' share.
    function claim(address token) external returns (uint256 amount);

    /// @notice Pays `payee`, and nobody else, what it is owed in `token`. Anybody may call.
    /// @custom:not-protected A payee that doesn't want to be paid now.
    function claimFor(address token, address payee) external returns (uint256 amount);

    /// @notice What `payee` can claim in `token`.
    /// @custom:not-protected That the token will pay.
    function owed(address token, address payee) external view returns (uint256);
}
