// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IJobLedger} from "../interfaces/IJobLedger.sol";
import {Base} from "./helpers/Base.sol";
import {JobId} from "../interfaces/Types.sol";

/// @notice Every opened job stands in the list of everybody who signed it, once.
contract JobListsTest is Base {
    function keyOf(address account) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(account));
    }

    function next(bytes24 head, JobId job) private view returns (bytes24) {
        return bytes24(keccak256(abi.encodePacked(head, job, uint64(block.number))));
    }

    function assertList(bytes32 signer, uint64 count, bytes24 head) private view {
        (uint64 found, bytes24 foundHead) = ledger.jobList(signer);
        vm.assertTrue(found == count && foundHead == head);
    }

    function test_each_job_is_the_next_one_of_parties_consumer_and_sponsor() public {
        bytes24 head;
        for (uint64 i = 1; i <= 3; ++i) {
            vm.roll(block.number + i);
            JobId job = open(planOf(i));
            head = next(head, job);
            for (uint256 p = 0; p < 3; ++p) {
                assertList(keyOf(provider(p)), i, head);
            }
            assertList(keyOf(consumer()), i, head);
        }
        assertList(keyOf(relay(0)), 0, 0);
    }

    function test_the_event_tells_number_and_head() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = ledger.hashPlan(plan);
        for (uint256 p = 0; p < 3; ++p) {
            vm.expectEmit(true, true, true, true);
            emit IJobLedger.JobListed(keyOf(provider(p)), job, 1, next(0, job));
        }
        vm.expectEmit(true, true, true, true);
        emit IJobLedger.JobListed(keyOf(consumer()), job, 1, next(0, job));
        open(plan);
    }

    function test_a_sponsor_of_its_own_and_a_consumer_that_is_a_party() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.sponsor = provider(2);
        plan.token = address(0);
        for (uint256 p = 0; p < 3; ++p) {
            plan.parties[p].reward = 0;
        }
        JobId job = open(plan);
        assertList(keyOf(provider(2)), 1, next(0, job));
        assertList(keyOf(consumer()), 1, next(0, job));

        plan = planOf(2);
        plan.parties[1].signer = p256Signer(7);
        delete plan.parties[1].inputs;
        JobId second = ledger.hashPlan(plan);
        bytes[] memory signatures = signAll(second, 5);
        signatures[1] = signP256(7, second);
        ledger.open(plan, signatures);
        assertList(keccak256(p256Signer(7)), 1, next(0, second));
        assertList(keyOf(provider(1)), 1, next(0, job));
        assertList(keyOf(consumer()), 2, next(next(0, job), second));
    }

    function test_what_never_opened_stands_nowhere() public {
        IJobLedger.Plan memory plan = planOf(1);
        bytes[] memory signatures = signAll(ledger.hashPlan(plan), 5);
        signatures[2] = signatures[1];
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, 2));
        ledger.open(plan, signatures);
        vm.prank(provider(0));
        ledger.cancel(plan, 0, "");
        assertList(keyOf(provider(0)), 0, 0);
        assertList(keyOf(consumer()), 0, 0);
    }

    function test_nothing_later_takes_a_job_out() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        vm.roll(block.number + 5);
        vm.prank(relay(0));
        ledger.abort(job, "why");
        assertList(
            keyOf(provider(0)), 1, bytes24(keccak256(abi.encodePacked(bytes24(0), job, uint64(block.number - 5))))
        );
    }
}
