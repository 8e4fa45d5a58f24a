// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IClaims} from "../interfaces/IClaims.sol";

/// @notice The one place where tokens come in and go out, for both contracts that hold any: exactly the amount that was asked
/// for, or nothing.
abstract contract Claims is IClaims, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IClaims
    mapping(address token => mapping(address payee => uint256 amount)) public owed;

    /// @inheritdoc IClaims
    function claim(address token) external returns (uint256 amount) {
        return claimFor(token, msg.sender);
    }

    /// @inheritdoc IClaims
    function claimFor(address token, address payee) public nonReentrant returns (uint256 amount) {
        amount = owed[token][payee];
        if (amount == 0) revert NothingOwed(token, payee);
        owed[token][payee] = 0;
        emit Claimed(token, payee, amount);

        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransfer(payee, amount);
        _requireMoved(token, amount, before - IERC20(token).balanceOf(address(this)));
    }

    /// @dev Only for a payer who has agreed: the sender, or who signed the plan that names token, payer and amount. Calls the
    /// token, so that the caller is `nonReentrant` and has written all of its own before.
    function _pull(address token, address payer, uint256 amount) internal {
        uint256 before = IERC20(token).balanceOf(address(this));
        // slither-disable-next-line arbitrary-send-erc20
        IERC20(token).safeTransferFrom(payer, address(this), amount);
        _requireMoved(token, amount, IERC20(token).balanceOf(address(this)) - before);
    }

    function _requireMoved(address token, uint256 expected, uint256 found) private pure {
        if (expected != found) revert UnexpectedAmount(token, expected, found);
    }
}
