// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IAuditStakes} from "../interfaces/IAuditStakes.sol";
import {StakeBase} from "./helpers/StakeBase.sol";
import {StakeHandler} from "./helpers/StakeHandler.sol";
import {FuzzSelector} from "./helpers/Vm.sol";

contract StakeInvariantsTest is StakeBase {
    StakeHandler private handler;
    IERC20 private staked;

    function setUp() public override {
        handler = new StakeHandler();
        handler.setUp();
        (stakes, staked) = handler.deployed();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(handler);
        targets[0].selectors = new bytes4[](9);
        targets[0].selectors[0] = handler.put.selector;
        targets[0].selectors[1] = handler.find.selector;
        targets[0].selectors[2] = handler.reply.selector;
        targets[0].selectors[3] = handler.insist.selector;
        targets[0].selectors[4] = handler.settle.selector;
        targets[0].selectors[5] = handler.abort.selector;
        targets[0].selectors[6] = handler.claim.selector;
        targets[0].selectors[7] = handler.pass.selector;
        targets[0].selectors[8] = handler.accuse.selector;
    }

    /// @dev What is held or owed is there, to the unit; nothing comes out twice.
    function whatCameInIsHeldOwedOrPaid() private view {
        uint256 held = 0;
        for (uint256 i = 0; i < 6; ++i) {
            IAuditStakes.Status status = stakes.stakes(stakes.stakeId(handler.termsAt(i))).status;
            if (status >= IAuditStakes.Status.Held && status <= IAuditStakes.Status.Answered) held += STAKE;
        }
        uint256 owed = 0;
        for (uint256 i = 0; i < 4; ++i) {
            owed += stakes.owed(address(staked), handler.payee(i));
        }
        vm.assertEq(held + owed, staked.balanceOf(address(stakes)));
        vm.assertEq(held + owed + handler.paidOut(), handler.paidIn());
    }

    function stakesEndOnce() private view {
        for (uint256 i = 0; i < 6; ++i) {
            IAuditStakes.Status end = handler.end(i);
            if (end == IAuditStakes.Status.None) continue;
            vm.assertEq(uint256(stakes.stakes(stakes.stakeId(handler.termsAt(i))).status), uint256(end));
        }
    }

    /// @dev One: each invariant would run the same random calls anew.
    function invariant_stakes_end_once_and_what_came_in_is_held_owed_or_paid() public view {
        whatCameInIsHeldOwedOrPaid();
        stakesEndOnce();
    }

    /// @dev The histories reach every end: the invariants would hold of a handler that does nothing.
    function test_the_handler_gets_everywhere() public {
        for (uint256 i = 0; i < 6; ++i) {
            handler.put(i);
        }
        handler.find(0, true, 1);
        handler.find(1, false, 1);
        handler.accuse(2, 1);
        handler.find(3, true, 1);
        handler.reply(1);
        handler.reply(2);
        handler.insist(2, 1);
        handler.abort();
        handler.settle(3);
        handler.settle(5);
        vm.assertTrue(handler.end(5) == IAuditStakes.Status.None, "a cheat ends a job unsealed too");
        handler.accuse(5, 1);
        handler.pass(2 hours);
        handler.settle(0);
        handler.settle(1);
        for (uint256 i = 0; i < 13; ++i) {
            handler.pass(3 hours - 1);
        }
        handler.settle(4);
        handler.settle(5);
        IAuditStakes.Status slashed = IAuditStakes.Status.Slashed;
        IAuditStakes.Status returned = IAuditStakes.Status.Returned;
        IAuditStakes.Status[6] memory expected = [slashed, returned, slashed, returned, returned, slashed];
        for (uint256 i = 0; i < 6; ++i) {
            vm.assertEq(uint256(handler.end(i)), uint256(expected[i]));
        }
        vm.assertEq(handler.ends(), 6);
        handler.claim(3);
        vm.assertEq(handler.paidOut(), 3 * STAKE);
        invariant_stakes_end_once_and_what_came_in_is_held_owed_or_paid();
    }
}
