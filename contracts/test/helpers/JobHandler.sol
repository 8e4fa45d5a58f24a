// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IJobLedger} from "../../interfaces/IJobLedger.sol";
import {IRewardEscrow} from "../../interfaces/IRewardEscrow.sol";
import {Base} from "./Base.sol";
import {JobId} from "../../interfaces/Types.sol";

/// @notice Random lives of a few jobs, and what they must have led to.
contract JobHandler is Base {
    uint256 public constant JOBS = 5;
    uint32 public constant ATTEMPTS = 3;

    bytes[JOBS] private _plans;
    JobId[JOBS] public ids;
    mapping(JobId job => IJobLedger.JobStatus) public end;
    /// @dev By the trail's starting value.
    mapping(bytes32 start => bytes32) public head;
    mapping(bytes32 start => uint32) public count;
    mapping(address payee => uint256) public claimed;
    uint256 public ends;

    /// @dev Plans and ids never change; making them anew for each look would take most of the time.
    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < JOBS; ++i) {
            IJobLedger.Plan memory p = planOf(i);
            p.openBy = NOW + 30 days;
            p.deadline = NOW + 60 days;
            p.settleBy = NOW + 90 days;
            p.parties[i % 3].output = false;
            p.pot = pot(i);
            _plans[i] = abi.encode(p);
            ids[i] = ledger.hashPlan(p);
        }
    }

    function _plan(uint256 which) private view returns (IJobLedger.Plan memory p, JobId job) {
        p = abi.decode(_plans[which % JOBS], (IJobLedger.Plan));
        job = ids[which % JOBS];
    }

    function pot(uint256 which) public pure returns (uint96) {
        return which % 2 == 0 ? 0 : 60;
    }

    function deployed() external view returns (IJobLedger, IRewardEscrow, IERC20) {
        return (ledger, escrow, token);
    }

    function start(JobId job, uint32 attempt, uint32 party) public pure returns (bytes32) {
        return keccak256(abi.encode(job, attempt, party));
    }

    function openJob(uint256 which) external {
        (IJobLedger.Plan memory p, JobId job) = _plan(which);
        bytes[] memory signatures = signAll(job, 5);
        bool fresh = statusOf(job) == IJobLedger.JobStatus.None;
        try ledger.open(p, signatures) {
            vm.assertTrue(fresh, "opened again");
        } catch {}
    }

    function cancel(uint256 which) external {
        // Rarely, or nothing else would happen.
        if (which % 7 != 0) return;
        (IJobLedger.Plan memory p, JobId job) = _plan(which);
        vm.prank(provider(0));
        try ledger.cancel(p, 0, "") {
            _ended(job);
        } catch {}
    }

    function record(uint256 which, uint256 attempt_, uint256 party_) external {
        JobId job = ids[which % JOBS];
        (uint32 attempt, uint32 party) = (uint32(1 + attempt_ % ATTEMPTS), uint32(party_ % 3));
        bytes32 begin = start(job, attempt, party);
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = keccak256(abi.encode(begin, count[begin]));
        vm.prank(relay(party));
        try ledger.record(job, attempt, party, count[begin], hashes) {
            head[begin] = keccak256(abi.encodePacked(count[begin] == 0 ? begin : head[begin], hashes[0]));
            ++count[begin];
        } catch {}
    }

    function amend(uint256 which) external {
        (IJobLedger.Plan memory p, JobId job) = _plan(which);
        uint32 attempt = ledger.jobs(job).attempt + 1;
        if (attempt > ATTEMPTS) return;
        bytes32[] memory roots = new bytes32[](3);
        (roots[0], roots[1], roots[2]) = (bytes32("a"), bytes32("b"), bytes32("c"));
        bytes24[] memory epochs = new bytes24[](3);
        bytes[] memory signatures = signAll(ledger.hashAmendment(job, attempt, roots, epochs), 3);
        try ledger.amend(p, roots, epochs, signatures) {} catch {}
    }

    function sealJob(uint256 which, uint256 first, uint256 second) external {
        (IJobLedger.Plan memory p, JobId job) = _plan(which);
        IJobLedger.SealData memory data = sealOf(job, ledger.jobs(job).attempt);
        uint256 none = which % JOBS % 3;
        (data.outputs[none], data.keys[none]) = (bytes32(0), bytes32(0));
        // Now and then more than the pot, which is refused; the first payee of a paid job may get nothing of it.
        data.payouts[which % 3] = uint96(first % 40);
        data.payouts[(which + 1) % 3] = uint96(second % 40);
        uint256 divided = uint256(data.payouts[0]) + data.payouts[1] + data.payouts[2];
        bytes[] memory signatures = signAll(ledger.hashSeal(job, data), 4);
        try ledger.seal(p, data, new bytes32[][](3), signatures) {
            vm.assertTrue(divided <= p.pot, "more than the pot");
            for (uint32 i = 0; i < 3; ++i) {
                (,, uint96 payout) = ledger.reward(job, i);
                vm.assertEq(payout, data.payouts[i]);
            }
        } catch {}
    }

    function release(uint256 which, uint256 party) external {
        JobId job = ids[which % JOBS];
        uint32 i = uint32(party % 3);
        try ledger.release(job, i, releaseKey(i)) {
            if (statusOf(job) == IJobLedger.JobStatus.Completed) _ended(job);
        } catch {}
    }

    function close(uint256 which) external {
        JobId job = ids[which % JOBS];
        try ledger.close(job) {
            _ended(job);
        } catch {}
    }

    function abort(uint256 which, uint256 party) external {
        JobId job = ids[which % JOBS];
        vm.prank(party % 5 == 0 ? relay(party % 3) : vm.addr(STRANGER));
        try ledger.abort(job, "why") {
            _ended(job);
        } catch {}
    }

    function claim(uint256 who) external {
        address payee = who % 4 == 3 ? consumer() : address(uint160(0x9000 + who % 4));
        try escrow.claimFor(address(token), payee) returns (uint256 amount) {
            claimed[payee] += amount;
        } catch {}
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + time % 4 days);
    }

    function _ended(JobId job) private {
        vm.assertTrue(end[job] == IJobLedger.JobStatus.None, "ended twice");
        end[job] = statusOf(job);
        ++ends;
    }
}
