// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IRewardEscrow} from "./interfaces/IRewardEscrow.sol";
import {JobId} from "./interfaces/Types.sol";

/// @title Who is owed what for it?
contract RewardEscrow is IRewardEscrow, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IRewardEscrow
    address public immutable ledger;
    /// @inheritdoc IRewardEscrow
    mapping(address token => mapping(address payee => uint256 amount)) public owed;
    mapping(JobId job => Account) private _accounts;

    modifier onlyLedger() {
        if (msg.sender != ledger) revert NotLedger(ledger, msg.sender);
        _;
    }

    constructor(address ledger_) {
        ledger = ledger_;
    }

    /// @inheritdoc IRewardEscrow
    function fund(JobId job, address token, address sponsor, uint96 amount) external onlyLedger nonReentrant {
        if (_accounts[job].token != address(0)) revert AccountExists(job);
        _accounts[job] = Account({token: token, funded: amount, sponsor: sponsor, left: amount});
        emit Funded(job, token, sponsor, amount);

        uint256 before = IERC20(token).balanceOf(address(this));
        // The sponsor signed the plan that names token, sponsor and amount; the ledger, the only caller, checked that.
        // slither-disable-next-line arbitrary-send-erc20
        IERC20(token).safeTransferFrom(sponsor, address(this), amount);
        _requireMoved(token, amount, IERC20(token).balanceOf(address(this)) - before);
    }

    /// @inheritdoc IRewardEscrow
    function settle(JobId job, address[] calldata payees, uint96[] calldata amounts) external onlyLedger nonReentrant {
        Account storage account = _accounts[job];
        address token = account.token;
        uint96 left = account.left;
        if (left == 0) revert NothingHeld(job);
        account.left = 0;

        for (uint256 i = 0; i < payees.length; ++i) {
            if (amounts[i] > left) revert CreditExceedsAccount(job, left, amounts[i]);
            left -= amounts[i];
            owed[token][payees[i]] += amounts[i];
            emit Credited(job, payees[i], amounts[i]);
        }
        if (left != 0) {
            address sponsor = account.sponsor;
            owed[token][sponsor] += left;
            emit Refunded(job, sponsor, left);
        }
    }

    /// @inheritdoc IRewardEscrow
    function claim(address token) external returns (uint256 amount) {
        return claimFor(token, msg.sender);
    }

    /// @inheritdoc IRewardEscrow
    function claimFor(address token, address payee) public nonReentrant returns (uint256 amount) {
        amount = owed[token][payee];
        if (amount == 0) revert NothingOwed(token, payee);
        owed[token][payee] = 0;
        emit Claimed(token, payee, amount);

        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransfer(payee, amount);
        _requireMoved(token, amount, before - IERC20(token).balanceOf(address(this)));
    }

    /// @inheritdoc IRewardEscrow
    function accounts(JobId job) external view returns (Account memory) {
        return _accounts[job];
    }

    function _requireMoved(address token, uint256 expected, uint256 found) private pure {
        if (expected != found) revert UnexpectedAmount(token, expected, found);
    }
}
