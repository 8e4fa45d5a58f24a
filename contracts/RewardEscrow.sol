// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRewardEscrow} from "./interfaces/IRewardEscrow.sol";
import {JobId} from "./interfaces/Types.sol";
import {Claims} from "./libraries/Claims.sol";

/// @title Who is owed what for it?
contract RewardEscrow is IRewardEscrow, Claims {
    /// @inheritdoc IRewardEscrow
    address public immutable ledger;
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
        _pull(token, sponsor, amount);
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
    function accounts(JobId job) external view returns (Account memory) {
        return _accounts[job];
    }
}
