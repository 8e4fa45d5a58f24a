// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {Base} from "./helpers/Base.sol";
import {ConsentHandler} from "./helpers/ConsentHandler.sol";
import {FuzzSelector} from "./helpers/Vm.sol";
import {ConsentId} from "../interfaces/Types.sol";

contract ConsentInvariantsTest is Base {
    ConsentHandler private handler;

    function setUp() public override {
        handler = new ConsentHandler();
        handler.setUp();
        (registry, offers[0]) = handler.registryAt();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(handler);
        targets[0].selectors = new bytes4[](7);
        targets[0].selectors[0] = handler.grant.selector;
        targets[0].selectors[1] = handler.anchor.selector;
        targets[0].selectors[2] = handler.withdraw.selector;
        targets[0].selectors[3] = handler.revoke.selector;
        targets[0].selectors[4] = handler.prove.selector;
        targets[0].selectors[5] = handler.openJob.selector;
        targets[0].selectors[6] = handler.openOnLawfulSet.selector;
    }

    function whatEndedNeverPassesAndNeverRevives() private view {
        for (uint256 i = 0; i < handler.CONSENTS(); ++i) {
            (IConsentRegistry.Grant memory g, ConsentId id) = handler.chosen(i);
            vm.assertTrue(registry.isDead(id) == handler.ended(id));
            if (!handler.ended(id)) continue;
            for (uint32 k = 0; k < 6; ++k) {
                IConsentRegistry.Reason reason =
                    registry.check(id, g.offer, consumer(), PURPOSE, 1, g.notBefore, g.notAfter, k);
                vm.assertTrue(reason == IConsentRegistry.Reason.Withdrawn || reason == IConsentRegistry.Reason.Revoked);
            }
        }
    }

    function openingsNeverExceedUses() private view {
        for (uint256 i = 0; i < handler.CONSENTS(); ++i) {
            (IConsentRegistry.Grant memory g, ConsentId id) = handler.chosen(i);
            vm.assertTrue(handler.used(id) <= g.uses);
        }
    }

    function epochOpeningsAndUnprovenEndsAreWhatHappened() private view {
        (bytes24 epoch, uint32 openings, bytes24 unproven) = state(offers[0]);
        vm.assertEq(bytes32(epoch), bytes32(handler.epoch()));
        vm.assertEq(openings, handler.openings());
        vm.assertEq(bytes32(unproven), bytes32(handler.unproven()));
    }

    /// @dev One: each invariant would run the same random calls anew.
    function invariant_ends_are_final_uses_are_kept_and_state_is_what_happened() public view {
        whatEndedNeverPassesAndNeverRevives();
        openingsNeverExceedUses();
        epochOpeningsAndUnprovenEndsAreWhatHappened();
    }

    /// @dev The random calls do reach what the invariants speak of.
    function test_the_handler_gets_everywhere() public {
        handler.grant(0, true);
        handler.openJob(0);
        handler.grant(1, false);
        handler.grant(2, false);
        handler.openJob(2);
        handler.openOnLawfulSet();
        handler.withdraw(0, false);
        handler.revoke(1, false);
        handler.withdraw(2, false);
        handler.anchor(2);
        handler.prove(2);
        handler.anchor(3);
        handler.withdraw(3, true);
        handler.withdraw(3, true);
        bytes24 epoch = 0;
        for (uint256 i = 0; i < 4; ++i) {
            (, ConsentId ended) = handler.chosen(i);
            epoch = appended(epoch, ended);
        }
        (, ConsentId late) = handler.chosen(2);
        vm.assertEq(bytes32(handler.epoch()), bytes32(epoch));
        vm.assertEq(bytes32(handler.unproven()), bytes32(appended(0, late)));
        vm.assertEq(handler.openings(), 3);
        (, ConsentId id) = handler.chosen(2);
        vm.assertTrue(handler.used(id) == 1 && handler.ended(id));
        invariant_ends_are_final_uses_are_kept_and_state_is_what_happened();
    }
}
