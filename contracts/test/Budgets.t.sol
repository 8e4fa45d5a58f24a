// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {IDatasetRegistry} from "../interfaces/IDatasetRegistry.sol";
import {IJobLedger} from "../interfaces/IJobLedger.sol";
import {Base} from "./helpers/Base.sol";
import {DatasetId, JobId} from "../interfaces/Types.sol";

/// @dev Each offer may spend 1,000 of its dataset's 1,000,000.
contract BudgetsTest is Base {
    function planSpending(uint256 salt, uint64 amount) private view returns (IJobLedger.Plan memory plan) {
        plan = planOf(salt);
        plan.parties[0].inputs[0].budget = amount;
    }

    function spentOf(uint256 i) private view returns (uint64 byOffer, uint64 ofDataset) {
        (,,,,, byOffer) = registry.offers(offers[i]);
        ofDataset = datasets.datasets(terms[i].dataset).spent;
    }

    function assertSpent(uint256 i, uint64 expected) private view {
        (uint64 byOffer, uint64 ofDataset) = spentOf(i);
        vm.assertEq(byOffer, expected);
        vm.assertEq(ofDataset, expected);
    }

    function refused(IJobLedger.Plan memory plan, bytes memory expected) private {
        JobId job = ledger.hashPlan(plan);
        bytes[] memory signatures = signAll(job, 5);
        vm.expectRevert(expected);
        ledger.open(plan, signatures);
        assertStatus(job, IJobLedger.JobStatus.None);
    }

    function abort(JobId job) private {
        vm.prank(relay(0));
        ledger.abort(job, "reason");
    }

    function test_an_opening_spends_of_the_offer_and_of_the_dataset() public {
        IJobLedger.Plan memory plan = planSpending(1, 400);
        JobId job = ledger.hashPlan(plan);
        bytes[] memory signatures = signAll(job, 5);
        vm.expectEmit(true, true, true, true);
        emit IDatasetRegistry.BudgetSpent(terms[0].dataset, offers[0], job, 400, 1_000_000 - 400);
        ledger.open(plan, signatures);
        assertSpent(0, 400);
        assertSpent(1, 0);
    }

    function test_an_overspent_plan_does_not_open_and_spends_nothing() public {
        open(planSpending(1, 600));
        bytes4 selector = IConsentRegistry.OfferBudgetExceeded.selector;
        refused(planSpending(2, 401), abi.encodeWithSelector(selector, offers[0], 400, 401));
        assertSpent(0, 600);
        (, uint32 openings,) = state(offers[0]);
        vm.assertEq(openings, 1);
        open(planSpending(3, 400));
        assertSpent(0, 1000);
        refused(planSpending(4, 1), abi.encodeWithSelector(selector, offers[0], 0, 1));
        open(planSpending(5, 0));
    }

    /// @dev Consumers may collude, so that all offers of a dataset spend one budget.
    function test_offers_share_their_datasets_budget() public {
        DatasetId dataset = DatasetId.wrap("small");
        vm.prank(provider(0));
        datasets.register(dataset, IDatasetRegistry.Subjects.Persons, 0, 0, 500);
        for (uint256 i = 0; i < 2; ++i) {
            terms[0].dataset = dataset;
            terms[0].scope = bytes32(i);
            vm.prank(provider(0));
            offers[0] = registry.offer(terms[0]);
            if (i == 0) open(planSpending(i, 300));
        }
        bytes4 selector = IDatasetRegistry.BudgetExceeded.selector;
        refused(planSpending(1, 201), abi.encodeWithSelector(selector, dataset, 200, 201));
        open(planSpending(2, 200));
        vm.assertEq(datasets.datasets(dataset).spent, 500);
    }

    function test_a_budget_stands_in_the_plan_that_all_sign() public {
        IJobLedger.Plan memory plan = planSpending(1, 400);
        bytes[] memory signatures = signAll(ledger.hashPlan(planSpending(1, 300)), 5);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, 0));
        ledger.open(plan, signatures);
        assertSpent(0, 0);
    }

    function test_a_budget_stands_in_the_offer_that_owners_sign() public view {
        IConsentRegistry.Offer memory other = terms[0];
        other.budget += 1;
        vm.assertTrue(keccak256(abi.encode(registry.offerId(other))) != keccak256(abi.encode(offers[0])));
    }

    function test_a_job_that_recorded_nothing_gives_back_once() public {
        IJobLedger.Plan memory plan = planSpending(1, 400);
        JobId job = open(plan);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongStatus.selector, job, IJobLedger.JobStatus.Open));
        ledger.refund(plan);
        abort(job);
        vm.expectEmit(true, true, true, true);
        emit IDatasetRegistry.BudgetRefunded(terms[0].dataset, offers[0], job, 400, 1_000_000);
        ledger.refund(plan);
        assertSpent(0, 0);
        vm.assertTrue(ledger.refunded(job));
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.BudgetRefunded.selector, job));
        ledger.refund(plan);
        bytes32[] memory hashes = new bytes32[](1);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.BudgetRefunded.selector, job));
        vm.prank(relay(1));
        ledger.record(job, 1, 1, 0, hashes);
    }

    function test_one_step_of_one_party_keeps_the_budget_spent() public {
        for (uint32 party = 0; party < 3; ++party) {
            IJobLedger.Plan memory plan = planSpending(party, 100);
            JobId job = open(plan);
            step(job, 1, party);
            abort(job);
            vm.expectRevert(abi.encodeWithSelector(IJobLedger.StepsWereRecorded.selector, job, 1, party));
            ledger.refund(plan);
        }
        assertSpent(0, 300);
    }

    function test_a_step_of_an_earlier_attempt_keeps_it_spent_too() public {
        IJobLedger.Plan memory plan = planSpending(1, 100);
        JobId job = open(plan);
        step(job, 1, 2);
        bytes32[] memory roots = new bytes32[](3);
        bytes24[] memory epochs = new bytes24[](3);
        for (uint256 i = 0; i < 3; ++i) {
            roots[i] = keccak256(abi.encode("amended", i));
        }
        ledger.amend(plan, roots, epochs, signAll(ledger.hashAmendment(job, 2, roots, epochs), 3));
        abort(job);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.StepsWereRecorded.selector, job, 1, 2));
        ledger.refund(plan);
        assertSpent(0, 100);
    }

    function test_a_job_that_spent_nothing_goes_on_recording_after_its_abort() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        abort(job);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.NothingToRefund.selector, job));
        ledger.refund(plan);
        step(job, 1, 1);
    }

    function test_a_sealed_job_gives_nothing_back() public {
        IJobLedger.Plan memory plan = planSpending(1, 100);
        JobId job = readyJob(plan);
        seal(plan, sealOf(job, 1));
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongStatus.selector, job, IJobLedger.JobStatus.Sealed));
        ledger.refund(plan);
        assertSpent(0, 100);
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: long.fuzz.runs = 10000
    function testFuzz_never_more_is_spent_than_either_budget(uint64[4] memory amounts) public {
        uint64 spent = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            uint64 amount = amounts[i] % 700;
            IJobLedger.Plan memory plan = planSpending(i, amount);
            if (spent + amount > 1000) {
                bytes4 selector = IConsentRegistry.OfferBudgetExceeded.selector;
                refused(plan, abi.encodeWithSelector(selector, offers[0], 1000 - spent, amount));
            } else {
                open(plan);
                spent += amount;
            }
            assertSpent(0, spent);
        }
    }
}
