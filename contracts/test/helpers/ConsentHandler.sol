// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../../interfaces/IConsentRegistry.sol";
import {IJobLedger} from "../../interfaces/IJobLedger.sol";
import {Base} from "./Base.sol";
import {ConsentId, OfferId} from "../../interfaces/Types.sol";

/// @notice Random lives of a few consents on one offer, and what they must have led to.
contract ConsentHandler is Base {
    uint256 public constant CONSENTS = 6;

    bytes[CONSENTS] private _grants;
    ConsentId[CONSENTS] private _ids;
    mapping(ConsentId id => bool) public ended;
    mapping(ConsentId id => bool) public counted;
    /// @dev Openings that named a consent.
    mapping(ConsentId id => uint256) public used;
    mapping(ConsentId id => bool) private _anchored;
    bytes24 public unproven;
    bytes24 public epoch;
    uint32 public openings;
    uint256 private _jobs;

    /// @dev Consents never change; making them anew for each look would take most of the time.
    function setUp() public override {
        super.setUp();
        for (uint256 salt = 0; salt < CONSENTS; ++salt) {
            IConsentRegistry.Grant memory g = ownersConsent(salt);
            g.firstOpening = uint32(salt / 2);
            g.uses = uint32(1 + salt % 3);
            _grants[salt] = abi.encode(g);
            _ids[salt] = registry.consentId(g);
        }
    }

    function chosen(uint256 which) public view returns (IConsentRegistry.Grant memory g, ConsentId id) {
        return (abi.decode(_grants[which % CONSENTS], (IConsentRegistry.Grant)), _ids[which % CONSENTS]);
    }

    function registryAt() external view returns (IConsentRegistry, OfferId) {
        return (registry, offers[0]);
    }

    function grant(uint256 which, bool relayed) external {
        (IConsentRegistry.Grant memory g,) = chosen(which);
        bytes memory signature = signGrant(OWNER, g);
        vm.prank(relayed ? relay(0) : vm.addr(STRANGER));
        try registry.grant(g, signature) {} catch {}
    }

    function anchor(uint256 which) external {
        (, ConsentId id) = chosen(which);
        vm.prank(relay(0));
        try registry.anchor(offers[0], batchOf(id)) {
            _anchored[id] = true;
        } catch {}
    }

    function withdraw(uint256 which, bool withProof) external {
        (IConsentRegistry.Grant memory g, ConsentId id) = chosen(which);
        bytes memory signature = signWithdrawal(OWNER, g);
        bool proven = registry.statusOf(id).proven;
        if (withProof) {
            try registry.withdrawBatched(g, signature, batchOf(id), new bytes32[](0)) {
                _ended(id, true);
            } catch {}
        } else {
            try registry.withdraw(g, signature) {
                _ended(id, proven);
            } catch {}
        }
    }

    function revoke(uint256 which, bool withProof) external {
        (IConsentRegistry.Grant memory g, ConsentId id) = chosen(which);
        bool given = registry.statusOf(id).status == IConsentRegistry.Status.Given;
        vm.prank(withProof ? relay(0) : provider(0));
        if (withProof) {
            try registry.revokeBatched(g, "why", batchOf(id), new bytes32[](0)) {
                _ended(id, true);
            } catch {}
        } else {
            try registry.revoke(g, "why") {
                _ended(id, given);
            } catch {}
        }
    }

    function prove(uint256 which) external {
        (, ConsentId id) = chosen(which);
        try registry.prove(id, offers[0], batchOf(id), new bytes32[](0)) {
            _ended(id, true);
        } catch {}
    }

    function openJob(uint256 which) external {
        (, ConsentId id) = chosen(which);
        IJobLedger.Plan memory plan = planOf(++_jobs);
        plan.token = address(0);
        for (uint256 i = 0; i < 3; ++i) {
            plan.parties[i].reward = 0;
        }
        plan.parties[0].inputs[0].consent = id;
        plan.parties[0].inputs[0].lawfulRoot = 0;
        (plan.parties[1].inputs, plan.parties[2].inputs) =
        (new IConsentRegistry.Input[](0), new IConsentRegistry.Input[](0));
        bytes[] memory signatures = signAll(ledger.hashPlan(plan), 5);
        try ledger.open(plan, signatures) {
            (IConsentRegistry.Grant memory g,) = chosen(which);
            vm.assertTrue(!ended[id], "opened on a consent that had ended");
            vm.assertTrue(openings >= g.firstOpening && openings < g.firstOpening + g.uses, "opened outside its uses");
            ++used[id];
            ++openings;
        } catch {}
    }

    function openOnLawfulSet() external {
        IJobLedger.Plan memory plan = planOf(++_jobs);
        plan.token = address(0);
        for (uint256 i = 0; i < 3; ++i) {
            plan.parties[i].reward = 0;
        }
        bytes[] memory signatures = signAll(ledger.hashPlan(plan), 5);
        try ledger.open(plan, signatures) {
            ++openings;
        } catch {
            vm.assertTrue(openings >= plan.parties[0].inputs[0].opensBefore, "refused without need");
        }
    }

    function _ended(ConsentId id, bool proven) private {
        vm.assertTrue(!counted[id] && (proven || !ended[id]), "ended or proven again");
        if (proven) (counted[id], epoch) = (true, appended(epoch, id));
        else unproven = appended(unproven, id);
        ended[id] = true;
    }
}
