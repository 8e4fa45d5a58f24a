// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClaims} from "./IClaims.sol";
import {JobId} from "./Types.sol";

/// @title Who is owed what for it?
/// @notice One account a job, in one ERC-20 token. Funded once, exactly, from the sponsor's allowance; settled once, to the
/// payees of the plan and the rest to the sponsor. Payees fetch what they are owed.
interface IRewardEscrow is IClaims {
    /// @param token the ERC-20 of the account
    /// @param funded what the sponsor paid in
    /// @param sponsor who gets back what is not earned
    /// @param left what is not settled yet: `funded`, then zero
    struct Account {
        address token;
        uint96 funded;
        address sponsor;
        uint96 left;
    }

    /// @notice A sponsor paid a job's rewards in.
    /// @param job the job's id
    /// @param token the ERC-20 of its account
    /// @param sponsor who paid
    /// @param amount in the token's smallest unit
    event Funded(JobId indexed job, address indexed token, address indexed sponsor, uint96 amount);

    /// @notice A payee is owed its reward.
    /// @param job the job's id
    /// @param payee who may claim it
    /// @param amount in the token's smallest unit
    event Credited(JobId indexed job, address indexed payee, uint96 amount);

    /// @notice A sponsor is owed what nobody earned.
    /// @param job the job's id
    /// @param sponsor who may claim it
    /// @param amount in the token's smallest unit
    event Refunded(JobId indexed job, address indexed sponsor, uint96 amount);

    /// @notice Only the job ledger funds and settles.
    /// @param expected the ledger
    /// @param found who asked
    error NotLedger(address expected, address found);

    /// @notice The job was funded before.
    /// @param job its id
    error AccountExists(JobId job);

    /// @notice The job has no account, or it is settled.
    /// @param job its id
    error NothingHeld(JobId job);

    /// @notice The credits are more than what was paid in.
    /// @param job the job's id
    /// @param left what the account still holds
    /// @param amount the credit that does not fit
    error CreditExceedsAccount(JobId job, uint256 left, uint256 amount);

    /// @notice Takes `amount` from the sponsor's allowance into the job's account. Only the ledger.
    /// @custom:not-protected The sponsor against tokens that lie about balances, change them later or can freeze them: that harms
    /// whoever is paid in that token, no other token. Which token a plan names is for its signers to judge.
    function fund(JobId job, address token, address sponsor, uint96 amount) external;

    /// @notice Settles the job's account for ever: credits each payee and returns the rest to the sponsor. Only the ledger. Calls
    /// no token, so that no payee can stop it.
    /// @custom:not-protected Payees against a plan that names the wrong address.
    function settle(JobId job, address[] calldata payees, uint96[] calldata amounts) external;

    /// @notice The account of a job; all zero if it has none.
    /// @custom:not-protected A reader against a reorganisation.
    function accounts(JobId job) external view returns (Account memory);

    /// @notice The only contract that funds and settles.
    /// @custom:not-protected Callers against a wrong deployment: check addresses and code against the deployment file.
    function ledger() external view returns (address);
}
