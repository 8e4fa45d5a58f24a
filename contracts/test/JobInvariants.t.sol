// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IJobLedger} from "../interfaces/IJobLedger.sol";
import {IRewardEscrow} from "../interfaces/IRewardEscrow.sol";
import {Base} from "./helpers/Base.sol";
import {JobHandler} from "./helpers/JobHandler.sol";
import {FuzzSelector} from "./helpers/Vm.sol";
import {JobId} from "../interfaces/Types.sol";

contract JobInvariantsTest is Base {
    JobHandler private handler;

    function setUp() public override {
        handler = new JobHandler();
        handler.setUp();
        (ledger, escrow, token) = handler.deployed();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(handler);
        targets[0].selectors = new bytes4[](10);
        targets[0].selectors[0] = handler.openJob.selector;
        targets[0].selectors[1] = handler.cancel.selector;
        targets[0].selectors[2] = handler.record.selector;
        targets[0].selectors[3] = handler.amend.selector;
        targets[0].selectors[4] = handler.sealJob.selector;
        targets[0].selectors[5] = handler.release.selector;
        targets[0].selectors[6] = handler.close.selector;
        targets[0].selectors[7] = handler.abort.selector;
        targets[0].selectors[8] = handler.claim.selector;
        targets[0].selectors[9] = handler.pass.selector;
    }

    function job(uint256 i) private view returns (JobId) {
        return handler.ids(i);
    }

    function ending(IJobLedger.JobStatus status) private pure returns (bool) {
        return status >= IJobLedger.JobStatus.Completed;
    }

    function jobsEndOnce() private view {
        for (uint256 i = 0; i < handler.JOBS(); ++i) {
            IJobLedger.JobStatus status = ledger.jobs(job(i)).status;
            vm.assertTrue(ending(status) ? status == handler.end(job(i)) : !ending(handler.end(job(i))));
        }
    }

    function headsOnlyGrow() private view {
        for (uint256 i = 0; i < handler.JOBS(); ++i) {
            JobId id = job(i);
            for (uint32 attempt = 1; attempt <= handler.ATTEMPTS(); ++attempt) {
                for (uint32 party = 0; party < 3; ++party) {
                    (bytes32 head, uint32 count) = ledger.trail(id, attempt, party);
                    bytes32 start = handler.start(id, attempt, party);
                    vm.assertEq(count, handler.count(start));
                    vm.assertEq(head, count == 0 ? start : handler.head(start));
                }
            }
        }
    }

    /// @dev Per job: nothing leaves before the end, all of it leaves with the end, and the account is closed.
    function escrowOutIsNeverMoreThanIn() private view {
        uint256 funded = 0;
        uint256 held = 0;
        for (uint256 i = 0; i < handler.JOBS(); ++i) {
            IRewardEscrow.Account memory a = escrow.accounts(job(i));
            IJobLedger.JobStatus status = ledger.jobs(job(i)).status;
            bool opened = status != IJobLedger.JobStatus.None && status != IJobLedger.JobStatus.Cancelled;
            uint256 due = 303 + handler.pot(i);
            vm.assertEq(a.funded, opened ? due : 0);
            vm.assertEq(a.left, opened && !ending(status) ? due : 0);
            funded += a.funded;
            held += a.left;
        }
        uint256 out = 0;
        for (uint256 who = 0; who < 4; ++who) {
            address payee = who == 3 ? consumer() : address(uint160(0x9000 + who));
            out += handler.claimed(payee);
            held += escrow.owed(address(token), payee);
        }
        vm.assertEq(token.balanceOf(address(escrow)), held);
        vm.assertEq(funded, held + out);
    }

    /// @dev One: each invariant would run the same random calls anew.
    function invariant_jobs_end_once_heads_only_grow_and_escrow_pays_what_came_in() public view {
        jobsEndOnce();
        headsOnlyGrow();
        escrowOutIsNeverMoreThanIn();
    }

    /// @dev The random calls do reach what the invariants speak of.
    function test_the_handler_gets_everywhere() public {
        handler.cancel(0);
        for (uint256 i = 1; i < 5; ++i) {
            handler.openJob(i);
            for (uint256 party = 0; party < 3; ++party) {
                handler.record(i, 0, party);
            }
        }
        handler.abort(1, 0);
        handler.sealJob(2, 0, 0);
        handler.sealJob(3, 39, 39);
        assertStatus(job(3), IJobLedger.JobStatus.Open);
        handler.sealJob(3, 39, 21);
        handler.amend(4);
        handler.record(4, 1, 0);
        handler.release(2, 0);
        handler.release(2, 1);
        handler.release(3, 1);
        for (uint256 i = 0; i < 31; ++i) {
            handler.pass(3 days);
        }
        handler.close(3);
        handler.claim(0);
        handler.claim(3);
        IJobLedger.JobStatus[5] memory expected = [
            IJobLedger.JobStatus.Cancelled,
            IJobLedger.JobStatus.Aborted,
            IJobLedger.JobStatus.Completed,
            IJobLedger.JobStatus.Closed,
            IJobLedger.JobStatus.Open
        ];
        for (uint256 i = 0; i < 5; ++i) {
            assertStatus(job(i), expected[i]);
        }
        vm.assertEq(handler.ends(), 4);
        vm.assertEq(ledger.jobs(job(4)).attempt, 2);
        vm.assertTrue(handler.claimed(consumer()) != 0 && handler.claimed(address(0x9000)) != 0);
        invariant_jobs_end_once_heads_only_grow_and_escrow_pays_what_came_in();
    }
}
