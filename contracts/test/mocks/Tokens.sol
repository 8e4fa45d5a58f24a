// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

contract PlainToken is ERC20 {
    constructor() ERC20("plain", "P") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @notice Keeps one unit of every transfer.
contract FeeToken is PlainToken {
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && value != 0) super._update(to, address(0xFEE), 1);
    }
}

/// @notice Takes one unit more than asked from whom `taxed` names.
contract TaxToken is PlainToken {
    address public taxed;

    function tax(address account) external {
        taxed = account;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && from == taxed) super._update(from, address(0xFEE), 1);
    }
}

/// @notice Says yes to every transfer and moves nothing.
contract LyingToken {
    function balanceOf(address) external pure returns (uint256) {
        return 1_000;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return true;
    }

    function transfer(address, uint256) external pure returns (bool) {
        return true;
    }
}

/// @notice Answers false instead of reverting.
contract FalseToken is PlainToken {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @notice Calls somebody back in the middle of every transfer, once armed.
contract CallbackToken is PlainToken {
    address public target;
    bytes public data;
    bool public called;
    bool public succeeded;

    function arm(address target_, bytes calldata data_) external {
        (target, data, called) = (target_, data_, false);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (target == address(0) || called || from == address(0)) return;
        called = true;
        (succeeded,) = target.call(data);
    }
}
