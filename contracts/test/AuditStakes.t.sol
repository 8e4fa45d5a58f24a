// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditStakes} from "../interfaces/IAuditStakes.sol";
import {IClaims} from "../interfaces/IClaims.sol";
import {JobId, StakeId} from "../interfaces/Types.sol";
import {StakeBase} from "./helpers/StakeBase.sol";
import {CallbackToken, FeeToken} from "./mocks/Tokens.sol";

contract AuditStakesTest is StakeBase {
    IAuditStakes.Fault private constant REFUSED = IAuditStakes.Fault.Refused;
    IAuditStakes.Fault private constant FALSE = IAuditStakes.Fault.FalseOpening;

    function sealedOf(uint256 salt) private returns (JobId job) {
        (, job) = sealedJob(salt);
    }

    function owedTo(address payee) private view returns (uint256) {
        return stakes.owed(address(coin), payee);
    }

    // ------------------------------------------------------------------ deposits

    function test_a_deposit_is_held_once_under_its_own_terms() public {
        JobId job = sealedOf(1);
        IAuditStakes.Terms memory t = termsOf(job, 0);
        vm.expectEmit(true, true, true, true);
        emit IAuditStakes.StakeDeposited(stakes.stakeId(t), job, 0, t);
        vm.prank(relay(0));
        stakes.deposit(t);
        assertStake(t, IAuditStakes.Status.Held);
        vm.assertEq(coin.balanceOf(address(stakes)), STAKE);
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Held));
        vm.prank(relay(0));
        stakes.deposit(t);
    }

    function test_only_the_holder_deposits() public {
        IAuditStakes.Terms memory t = termsOf(sealedOf(1), 0);
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.NotHolder.selector, relay(0), relay(1)));
        vm.prank(relay(1));
        stakes.deposit(t);
    }

    function test_each_term_is_in_the_id() public view {
        IAuditStakes.Terms memory t = termsOf(JobId.wrap("job"), 0);
        StakeId[11] memory ids;
        ids[0] = stakes.stakeId(t);
        t.job = JobId.wrap("other");
        ids[1] = stakes.stakeId(t);
        t.party = 7;
        ids[2] = stakes.stakeId(t);
        t.holder = address(1);
        ids[3] = stakes.stakeId(t);
        t.auditor = address(2);
        ids[4] = stakes.stakeId(t);
        t.beneficiary = address(3);
        ids[5] = stakes.stakeId(t);
        t.token = address(4);
        ids[6] = stakes.stakeId(t);
        t.amount = 5;
        ids[7] = stakes.stakeId(t);
        t.findBy = 6;
        ids[8] = stakes.stakeId(t);
        t.answerSeconds = 8;
        ids[9] = stakes.stakeId(t);
        t.subject = IAuditStakes.Subject.Garblings;
        ids[10] = stakes.stakeId(t);
        for (uint256 i = 1; i < ids.length; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                vm.assertTrue(StakeId.unwrap(ids[i]) != StakeId.unwrap(ids[j]));
            }
        }
    }

    function depositRefused(IAuditStakes.Terms memory t, bytes memory expected) private {
        vm.expectRevert(expected);
        vm.prank(relay(0));
        stakes.deposit(t);
    }

    function test_terms_that_make_no_stake() public {
        JobId job = JobId.wrap("job");
        bytes memory incomplete = abi.encodeWithSelector(IAuditStakes.TermsIncomplete.selector);
        IAuditStakes.Terms memory t = termsOf(job, 0);
        t.amount = 0;
        depositRefused(t, incomplete);
        t = termsOf(job, 0);
        t.answerSeconds = 0;
        depositRefused(t, incomplete);
        t = termsOf(job, 0);
        t.auditor = address(0);
        depositRefused(t, incomplete);
        t = termsOf(job, 0);
        t.beneficiary = address(0);
        depositRefused(t, incomplete);
        t = termsOf(job, 0);
        t.findBy = NOW - 1;
        depositRefused(t, abi.encodeWithSelector(IAuditStakes.TooLateToReport.selector, NOW - 1, NOW));
    }

    function test_a_token_that_takes_a_fee_makes_no_stake() public {
        FeeToken fee = new FeeToken();
        provision(fee, 0);
        IAuditStakes.Terms memory t = termsOf(JobId.wrap("job"), 0);
        t.token = address(fee);
        depositRefused(
            t, abi.encodeWithSelector(IClaims.UnexpectedAmount.selector, address(fee), STAKE, uint256(STAKE) - 1)
        );
        assertStake(t, IAuditStakes.Status.None);
    }

    function test_a_token_that_calls_back_changes_nothing() public {
        JobId job = sealedOf(1);
        CallbackToken calling = new CallbackToken();
        provision(calling, 0);
        IAuditStakes.Terms memory t = termsOf(job, 0);
        t.token = address(calling);
        t.holder = address(calling);
        calling.mint(address(calling), STAKE);
        vm.prank(address(calling));
        calling.approve(address(stakes), STAKE);
        calling.arm(address(stakes), abi.encodeCall(stakes.deposit, (t)));
        vm.prank(address(calling));
        stakes.deposit(t);
        vm.assertTrue(calling.called() && !calling.succeeded());
        vm.assertEq(calling.balanceOf(address(stakes)), STAKE);

        vm.warp(FIND_BY + 1);
        stakes.settle(t);
        calling.arm(address(stakes), abi.encodeCall(stakes.claimFor, (address(calling), address(calling))));
        stakes.claimFor(address(calling), address(calling));
        vm.assertTrue(calling.called() && !calling.succeeded());
        vm.assertEq(calling.balanceOf(address(stakes)), 0);
    }

    // ------------------------------------------------------- without a finding

    function test_a_stake_comes_back_once_the_time_to_report_is_over() public {
        IAuditStakes.Terms memory t = deposited(sealedOf(1), 0);
        vm.warp(FIND_BY);
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.TooEarlyToSettle.selector, FIND_BY, FIND_BY));
        stakes.settle(t);
        vm.warp(FIND_BY + 1);
        stakes.settle(t);
        assertStake(t, IAuditStakes.Status.Returned);
        vm.assertEq(owedTo(relay(0)), STAKE);
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Returned));
        stakes.settle(t);
        stakes.claimFor(address(coin), relay(0));
        vm.assertEq(coin.balanceOf(relay(0)), STAKE);
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Returned));
        vm.prank(relay(0));
        stakes.deposit(t);
    }

    function test_a_job_that_ended_unsealed_gives_stakes_back_at_once() public {
        JobId job = open(planOf(1));
        IAuditStakes.Terms memory t = deposited(job, 0);
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.TooEarlyToSettle.selector, FIND_BY, NOW));
        stakes.settle(t);
        vm.prank(relay(1));
        ledger.abort(job, "why");
        stakes.settle(t);
        assertStake(t, IAuditStakes.Status.Returned);
    }

    function test_nothing_is_found_in_a_job_that_is_not_sealed() public {
        JobId job = open(planOf(1));
        IAuditStakes.Terms memory t = deposited(job, 0);
        bytes memory signature = sign(AUDITOR, stakes.hashFinding(stakes.stakeId(t), REFUSED, "evidence"));
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.NotSealed.selector, job));
        stakes.report(t, REFUSED, "evidence", signature);
    }

    // ------------------------------------------------------------------ findings

    function test_a_refusal_without_answer_costs_the_stake() public {
        IAuditStakes.Terms memory t = deposited(sealedOf(1), 0);
        vm.expectEmit(true, true, true, true);
        emit IAuditStakes.FaultReported(stakes.stakeId(t), t.job, REFUSED, "evidence", NOW + ANSWER);
        bytes memory signature = sign(AUDITOR, stakes.hashFinding(stakes.stakeId(t), REFUSED, "evidence"));
        stakes.report(t, REFUSED, "evidence", signature);
        vm.warp(NOW + ANSWER);
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.TooEarlyToSettle.selector, NOW + ANSWER, NOW + ANSWER));
        stakes.settle(t);
        vm.warp(NOW + ANSWER + 1);
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.TooLateToAnswer.selector, NOW + ANSWER, NOW + ANSWER + 1));
        answer(t);
        stakes.settle(t);
        assertStake(t, IAuditStakes.Status.Slashed);
        vm.assertEq(owedTo(consumer()), STAKE);
        vm.assertEq(owedTo(relay(0)), 0);
        stakes.claimFor(address(coin), consumer());
        vm.assertEq(coin.balanceOf(consumer()), STAKE);
    }

    function test_an_answer_in_time_saves_the_stake() public {
        IAuditStakes.Terms memory t = deposited(sealedOf(1), 0);
        report(t, REFUSED, AUDITOR);
        vm.warp(NOW + ANSWER);
        answer(t);
        assertStake(t, IAuditStakes.Status.Answered);
        uint48 upholdBy = NOW + 2 * uint48(ANSWER);
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.TooEarlyToSettle.selector, upholdBy, NOW + ANSWER));
        stakes.settle(t);
        vm.warp(upholdBy + 1);
        bytes memory signature = sign(AUDITOR, stakes.hashUpholding(stakes.stakeId(t), "more"));
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.TooLateToAnswer.selector, upholdBy, upholdBy + 1));
        stakes.uphold(t, "more", signature);
        stakes.settle(t);
        assertStake(t, IAuditStakes.Status.Returned);
        vm.assertEq(owedTo(relay(0)), STAKE);
    }

    function test_an_answer_that_the_auditor_refutes_saves_nothing() public {
        IAuditStakes.Terms memory t = deposited(sealedOf(1), 0);
        report(t, FALSE, AUDITOR);
        answer(t);
        uphold(t, AUDITOR);
        assertStake(t, IAuditStakes.Status.Slashed);
        vm.assertEq(owedTo(consumer()), STAKE);
        bytes memory signature = sign(AUDITOR, stakes.hashUpholding(stakes.stakeId(t), "more"));
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Slashed));
        stakes.uphold(t, "more", signature);
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Slashed));
        stakes.settle(t);
    }

    function test_who_is_not_the_auditor_finds_nothing() public {
        IAuditStakes.Terms memory t = deposited(sealedOf(1), 0);
        bytes memory expected = abi.encodeWithSelector(IAuditStakes.NotAuditor.selector, vm.addr(AUDITOR));
        bytes32 digest = stakes.hashFinding(stakes.stakeId(t), FALSE, "evidence");
        vm.expectRevert(expected);
        stakes.report(t, FALSE, "evidence", sign(STRANGER, digest));
        vm.expectRevert(expected);
        stakes.report(t, REFUSED, "evidence", sign(AUDITOR, digest));
        vm.expectRevert(expected);
        stakes.report(t, FALSE, "another", sign(AUDITOR, digest));
        report(t, FALSE, AUDITOR);
        answer(t);
        digest = stakes.hashUpholding(stakes.stakeId(t), "more");
        vm.expectRevert(expected);
        stakes.uphold(t, "more", sign(CONSUMER, digest));
    }

    function test_a_finding_is_of_one_stake_alone() public {
        JobId job = sealedOf(1);
        IAuditStakes.Terms memory t = deposited(job, 0);
        IAuditStakes.Terms memory other = deposited(job, 1);
        bytes memory signature = sign(AUDITOR, stakes.hashFinding(stakes.stakeId(t), FALSE, "evidence"));
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.NotAuditor.selector, vm.addr(AUDITOR)));
        stakes.report(other, FALSE, "evidence", signature);
        stakes.report(t, FALSE, "evidence", signature);
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Reported));
        stakes.report(t, FALSE, "evidence", signature);
    }

    function test_a_finding_names_a_fault_and_comes_in_time() public {
        IAuditStakes.Terms memory t = deposited(sealedOf(1), 0);
        StakeId stake = stakes.stakeId(t);
        bytes memory signature = sign(AUDITOR, stakes.hashFinding(stake, IAuditStakes.Fault.None, "evidence"));
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.NoFault.selector));
        stakes.report(t, IAuditStakes.Fault.None, "evidence", signature);
        signature = sign(AUDITOR, stakes.hashFinding(stake, IAuditStakes.Fault.OtherCircuit, "evidence"));
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.NoFault.selector));
        stakes.report(t, IAuditStakes.Fault.OtherCircuit, "evidence", signature);
        signature = sign(AUDITOR, stakes.hashFinding(stake, FALSE, "evidence"));
        vm.warp(FIND_BY + 1);
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.TooLateToReport.selector, FIND_BY, FIND_BY + 1));
        stakes.report(t, FALSE, "evidence", signature);
    }

    function test_nothing_is_answered_or_upheld_out_of_turn() public {
        IAuditStakes.Terms memory t = deposited(sealedOf(1), 0);
        bytes memory signature = sign(AUDITOR, stakes.hashUpholding(stakes.stakeId(t), "more"));
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Held));
        stakes.uphold(t, "more", signature);
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Held));
        vm.prank(relay(0));
        stakes.answer(t, "opening");
        report(t, FALSE, AUDITOR);
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Reported));
        stakes.uphold(t, "more", signature);
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.NotHolder.selector, relay(0), relay(1)));
        vm.prank(relay(1));
        stakes.answer(t, "opening");
        answer(t);
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Answered));
        vm.prank(relay(0));
        stakes.answer(t, "again");
    }

    function test_a_stake_that_was_never_deposited_pays_nobody() public {
        IAuditStakes.Terms memory t = termsOf(sealedOf(1), 0);
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.None));
        stakes.settle(t);
        bytes memory signature = sign(AUDITOR, stakes.hashFinding(stakes.stakeId(t), FALSE, "evidence"));
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.None));
        stakes.report(t, FALSE, "evidence", signature);
    }

    // ---------------------------------------------------------------- garblings

    function test_another_circuit_costs_the_stake_of_a_job_that_ended_unsealed() public {
        JobId job = open(planOf(1));
        IAuditStakes.Terms memory t = garbling(job, 0);
        vm.prank(relay(1));
        ledger.abort(job, "caught");
        vm.expectRevert(abi.encodeWithSelector(IAuditStakes.TooEarlyToSettle.selector, FIND_BY, NOW));
        stakes.settle(t);
        vm.expectEmit(true, true, true, true);
        emit IAuditStakes.FaultReported(
            stakes.stakeId(t), job, IAuditStakes.Fault.OtherCircuit, "evidence", NOW + ANSWER
        );
        reportGarbling(t, AUDITOR);
        vm.warp(NOW + ANSWER + 1);
        stakes.settle(t);
        assertStake(t, IAuditStakes.Status.Slashed);
        vm.assertEq(owedTo(consumer()), STAKE);
    }

    function test_who_is_accused_of_another_circuit_may_answer() public {
        IAuditStakes.Terms memory t = garbling(open(planOf(1)), 0);
        IAuditStakes.Terms memory other = garbling(t.job, 1);
        reportGarbling(t, AUDITOR);
        reportGarbling(other, AUDITOR);
        answer(t);
        answer(other);
        uphold(other, AUDITOR);
        assertStake(other, IAuditStakes.Status.Slashed);
        vm.warp(NOW + ANSWER + 1);
        stakes.settle(t);
        assertStake(t, IAuditStakes.Status.Returned);
        vm.assertEq(owedTo(relay(0)), STAKE);
    }

    function garblingRefused(
        IAuditStakes.Terms memory t,
        IAuditStakes.Commitment memory c,
        bytes memory signature,
        bytes memory expected
    ) private {
        vm.expectRevert(expected);
        stakes.reportGarbling(t, c, "evidence", signature);
        assertStake(t, IAuditStakes.Status.Held);
    }

    function notCommitted(IAuditStakes.Terms memory t) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IAuditStakes.NotCommitted.selector, t.job, t.party);
    }

    /// @dev The auditor alone can accuse nobody: each field of what the garbler signed is looked at, and by whom.
    function test_nobody_is_accused_of_garblings_to_which_it_did_not_commit() public {
        IAuditStakes.Terms memory t = garbling(open(planOf(1)), 0);
        IAuditStakes.Commitment memory c = saidBy(AUDITOR, t, "garbled.committed");
        garblingRefused(t, c, signGarbling(AUDITOR, t, c), notCommitted(t));
        c = saidBy(0x2001, t, "garbled.committed");
        garblingRefused(t, c, signGarbling(AUDITOR, t, c), notCommitted(t));
        c = saidBy(0x2000, t, "garbled.pads");
        garblingRefused(t, c, signGarbling(AUDITOR, t, c), notCommitted(t));
        c = committed(garblingTermsOf(open(planOf(2)), 0));
        garblingRefused(t, c, signGarbling(AUDITOR, t, c), notCommitted(t));
        c = committed(garblingTermsOf(t.job, 1));
        garblingRefused(t, c, signGarbling(AUDITOR, t, c), notCommitted(t));
        for (uint256 field = 0; field < 5; ++field) {
            c = committed(t);
            if (field == 0) c.attempt = 2;
            if (field == 1) c.sequence = 5;
            if (field == 2) c.receiver = 2;
            if (field == 3) c.digest = sha256("another");
            if (field == 4) c.signature = "";
            garblingRefused(t, c, signGarbling(AUDITOR, t, c), notCommitted(t));
        }
        reportGarbling(t, AUDITOR);
        assertStake(t, IAuditStakes.Status.Reported);
    }

    function test_the_ledger_knows_who_commits() public {
        IAuditStakes.Terms memory t = garblingTermsOf(JobId.wrap("never opened"), 0);
        vm.prank(t.holder);
        stakes.deposit(t);
        IAuditStakes.Commitment memory c = committed(t);
        garblingRefused(t, c, signGarbling(AUDITOR, t, c), notCommitted(t));
        c.signature = new bytes(65);
        garblingRefused(t, c, signGarbling(AUDITOR, t, c), notCommitted(t));
    }

    function test_who_is_not_the_auditor_accuses_no_garbler() public {
        IAuditStakes.Terms memory t = garbling(open(planOf(1)), 0);
        IAuditStakes.Commitment memory c = committed(t);
        bytes memory expected = abi.encodeWithSelector(IAuditStakes.NotAuditor.selector, vm.addr(AUDITOR));
        garblingRefused(t, c, signGarbling(CONSUMER, t, c), expected);
        garblingRefused(t, c, signGarbling(AUDITOR, garbling(t.job, 1), c), expected);
        bytes32 digest = stakes.hashFinding(stakes.stakeId(t), IAuditStakes.Fault.OtherCircuit, "evidence");
        garblingRefused(t, c, sign(AUDITOR, digest), expected);
        IAuditStakes.Commitment memory later = committed(t);
        later.sequence = 5;
        garblingRefused(t, c, signGarbling(AUDITOR, t, later), expected);
        bytes memory signature = signGarbling(AUDITOR, t, c);
        vm.expectRevert(expected);
        stakes.reportGarbling(t, c, "another", signature);
    }

    function test_a_stake_answers_for_its_own_subject_alone() public {
        JobId job = sealedOf(1);
        IAuditStakes.Terms memory t = garbling(job, 0);
        bytes memory wrong = abi.encodeWithSelector(IAuditStakes.WrongSubject.selector, stakes.stakeId(t), t.subject);
        bytes memory signature = sign(AUDITOR, stakes.hashFinding(stakes.stakeId(t), FALSE, "evidence"));
        vm.expectRevert(wrong);
        stakes.report(t, FALSE, "evidence", signature);
        t = deposited(job, 1);
        IAuditStakes.Commitment memory c = committed(t);
        wrong = abi.encodeWithSelector(IAuditStakes.WrongSubject.selector, stakes.stakeId(t), t.subject);
        garblingRefused(t, c, signGarbling(AUDITOR, t, c), wrong);
    }

    function test_another_circuit_is_reported_in_time_and_once() public {
        IAuditStakes.Terms memory t = garbling(open(planOf(1)), 0);
        IAuditStakes.Commitment memory c = committed(t);
        bytes memory signature = signGarbling(AUDITOR, t, c);
        vm.warp(FIND_BY + 1);
        bytes memory late = abi.encodeWithSelector(IAuditStakes.TooLateToReport.selector, FIND_BY, FIND_BY + 1);
        garblingRefused(t, c, signature, late);
        vm.warp(FIND_BY);
        stakes.reportGarbling(t, c, "evidence", signature);
        vm.expectRevert(wrongStatus(t, IAuditStakes.Status.Reported));
        stakes.reportGarbling(t, c, "evidence", signature);
    }
}
