// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token for local networks and tests only: worth nothing, all of it made for the deployer
/// @custom:not-protected Anything of value.
contract SettlementToken is ERC20 {
    constructor(uint256 supply) ERC20("Placet local settlement token", "PLT-LOCAL") {
        _mint(msg.sender, supply);
    }
}
