// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IAuditStakes} from "../../interfaces/IAuditStakes.sol";
import {JobId} from "../../interfaces/Types.sol";
import {StakeBase} from "./StakeBase.sol";

/// @notice Random lives of six stakes, of three parties of a sealed job and of an open one, the last of which garbles, and what they must have led to.
contract StakeHandler is StakeBase {
    JobId[2] private _jobs;
    /// @dev By stake: how it ended, and how often.
    mapping(uint256 which => IAuditStakes.Status) public end;
    uint256 public ends;
    uint256 public paidIn;
    uint256 public paidOut;

    function setUp() public override {
        super.setUp();
        (, _jobs[0]) = sealedJob(1);
        _jobs[1] = open(planOf(2));
        for (uint256 i = 0; i < 3; ++i) {
            coin.mint(relay(i), STAKE);
            vm.prank(relay(i));
            coin.approve(address(stakes), 2 * STAKE);
        }
    }

    function deployed() external view returns (IAuditStakes, IERC20) {
        return (stakes, IERC20(address(coin)));
    }

    function termsAt(uint256 which) public view returns (IAuditStakes.Terms memory) {
        (JobId job, uint32 party) = (_jobs[which / 3 % 2], uint32(which % 3));
        return party == 2 ? garblingTermsOf(job, party) : termsOf(job, party);
    }

    function payee(uint256 which) public pure returns (address) {
        return which % 4 == 3 ? consumer() : relay(which % 4);
    }

    function put(uint256 which) external {
        IAuditStakes.Terms memory t = termsAt(which);
        vm.prank(t.holder);
        try stakes.deposit(t) {
            paidIn += STAKE;
        } catch {}
    }

    function find(uint256 which, bool refused, uint256 by) external {
        IAuditStakes.Terms memory t = termsAt(which);
        IAuditStakes.Fault fault = refused ? IAuditStakes.Fault.Refused : IAuditStakes.Fault.FalseOpening;
        bytes32 digest = stakes.hashFinding(stakes.stakeId(t), fault, "evidence");
        try stakes.report(t, fault, "evidence", sign(by % 5 == 0 ? STRANGER : AUDITOR, digest)) {
            vm.assertTrue(by % 5 != 0, "a stranger's finding");
            vm.assertTrue(which / 3 % 2 == 0, "a finding in an open job");
            vm.assertTrue(which % 3 != 2, "drawn places of a garbler");
        } catch {}
    }

    function accuse(uint256 which, uint256 by) external {
        IAuditStakes.Terms memory t = termsAt(which);
        IAuditStakes.Commitment memory c = by % 7 == 0 ? saidBy(AUDITOR, t, "garbled.committed") : committed(t);
        try stakes.reportGarbling(t, c, "evidence", signGarbling(by % 5 == 0 ? STRANGER : AUDITOR, t, c)) {
            vm.assertTrue(by % 5 != 0, "a stranger's finding");
            vm.assertTrue(by % 7 != 0, "what the garbler did not sign");
            vm.assertTrue(which % 3 == 2, "garblings of who garbles nothing");
        } catch {}
    }

    function reply(uint256 which) external {
        IAuditStakes.Terms memory t = termsAt(which);
        vm.prank(t.holder);
        try stakes.answer(t, "opening") {} catch {}
    }

    function insist(uint256 which, uint256 by) external {
        IAuditStakes.Terms memory t = termsAt(which);
        bytes32 digest = stakes.hashUpholding(stakes.stakeId(t), "more");
        try stakes.uphold(t, "more", sign(by % 5 == 0 ? STRANGER : AUDITOR, digest)) {
            vm.assertTrue(by % 5 != 0, "a stranger's second word");
            _ended(which);
        } catch {}
    }

    function settle(uint256 which) external {
        try stakes.settle(termsAt(which)) {
            _ended(which);
        } catch {}
    }

    function abort() external {
        vm.prank(relay(0));
        try ledger.abort(_jobs[1], "why") {} catch {}
    }

    function claim(uint256 which) external {
        try stakes.claimFor(address(coin), payee(which)) returns (uint256 amount) {
            paidOut += amount;
        } catch {}
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + time % 3 hours);
    }

    function _ended(uint256 which) private {
        which %= 6;
        vm.assertTrue(end[which] == IAuditStakes.Status.None, "ended twice");
        end[which] = statusOf(termsAt(which));
        ++ends;
    }
}
