// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {IJobLedger} from "../interfaces/IJobLedger.sol";
import {Base} from "./helpers/Base.sol";
import {BatchRoot, ConsentId, JobId, OfferId} from "../interfaces/Types.sol";

contract JobLedgerTest is Base {
    function openRefused(IJobLedger.Plan memory plan, bytes memory expected) private {
        JobId job = ledger.hashPlan(plan);
        bytes[] memory signatures = signAll(job, plan.parties.length + 2);
        vm.expectRevert(expected);
        ledger.open(plan, signatures);
        assertStatus(job, IJobLedger.JobStatus.None);
    }

    function wrongStatus(JobId job, IJobLedger.JobStatus status) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IJobLedger.WrongStatus.selector, job, status);
    }

    /// @dev A plan whose first input names a consent.
    function namedPlan(uint256 salt, ConsentId consent) private view returns (IJobLedger.Plan memory plan) {
        plan = planOf(salt);
        plan.parties[0].inputs[0].consent = consent;
        plan.parties[0].inputs[0].lawfulRoot = 0;
    }

    // ---------------------------------------------------------------------- open

    function test_open_stores_what_the_end_needs() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        IJobLedger.JobState memory j = ledger.jobs(job);
        vm.assertTrue(j.status == IJobLedger.JobStatus.Open && j.rewarded && j.parties == 3 && j.attempt == 1);
        vm.assertTrue(j.openedAt == NOW && j.deadline == plan.deadline && j.settleBy == plan.settleBy);
        for (uint32 i = 0; i < 3; ++i) {
            (address payee, uint96 amount, uint96 payout) = ledger.reward(job, i);
            vm.assertTrue(payee == plan.parties[i].payee && amount == plan.parties[i].reward && payout == 0);
            vm.assertEq(ledger.recorder(job, i), relay(i));
        }
        vm.assertEq(token.balanceOf(address(escrow)), 303);
    }

    function test_open_twice() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        bytes[] memory signatures = signAll(job, 5);
        vm.expectRevert(wrongStatus(job, IJobLedger.JobStatus.Open));
        ledger.open(plan, signatures);
    }

    function test_open_late_or_with_times_out_of_order() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.openBy = NOW - 1;
        openRefused(plan, abi.encodeWithSelector(IJobLedger.TooLateToOpen.selector, NOW - 1, uint256(NOW)));
        plan.openBy = plan.deadline + 1;
        bytes4 order = IJobLedger.TimesOutOfOrder.selector;
        openRefused(plan, abi.encodeWithSelector(order, plan.openBy, plan.deadline, plan.settleBy));
        plan = planOf(1);
        plan.settleBy = plan.deadline - 1;
        openRefused(plan, abi.encodeWithSelector(order, plan.openBy, plan.deadline, plan.settleBy));
    }

    function test_open_with_no_party_or_too_many() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.parties = new IJobLedger.Party[](0);
        bytes[] memory signatures = new bytes[](2);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongPartyCount.selector, 0));
        ledger.open(plan, signatures);
        plan.parties = new IJobLedger.Party[](17);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongPartyCount.selector, 17));
        ledger.open(plan, signatures);
    }

    function test_open_with_more_inputs_than_a_party_may_have() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.parties[1].inputs = new IConsentRegistry.Input[](17);
        openRefused(plan, abi.encodeWithSelector(IJobLedger.TooManyInputs.selector, 1, 17));
    }

    function test_open_with_parties_that_are_not_distinct() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.parties[2].signer = plan.parties[0].signer;
        openRefused(plan, abi.encodeWithSelector(IJobLedger.DuplicateSigner.selector, 2));
        plan = planOf(1);
        plan.parties[1].recorder = plan.parties[0].recorder;
        openRefused(plan, abi.encodeWithSelector(IJobLedger.DuplicateRecorder.selector, 1));
        plan = planOf(1);
        plan.parties[1].recorder = address(0);
        openRefused(plan, abi.encodeWithSelector(IJobLedger.RecorderMissing.selector, 1));
        plan = planOf(1);
        plan.parties[1].payee = address(0);
        openRefused(plan, abi.encodeWithSelector(IJobLedger.PayeeMissing.selector, 1));
    }

    function test_open_with_rewards_but_no_token_and_the_reverse() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.token = address(0);
        openRefused(plan, abi.encodeWithSelector(IJobLedger.TokenMismatch.selector, address(0), 303));
        plan = unpaid(1);
        plan.token = address(token);
        openRefused(plan, abi.encodeWithSelector(IJobLedger.TokenMismatch.selector, address(token), 0));
    }

    function unpaid(uint256 salt) private view returns (IJobLedger.Plan memory plan) {
        plan = planOf(salt);
        plan.token = address(0);
        for (uint256 i = 0; i < 3; ++i) {
            plan.parties[i].reward = 0;
            plan.parties[i].payee = address(0);
        }
    }

    function test_open_without_rewards_or_inputs() public {
        IJobLedger.Plan memory plan = unpaid(1);
        plan.parties[1].inputs = new IConsentRegistry.Input[](0);
        JobId job = open(plan);
        vm.assertFalse(ledger.jobs(job).rewarded);
        vm.assertEq(escrow.accounts(job).token, address(0));
        vm.prank(relay(1));
        ledger.abort(job, "no escrow to settle");
        assertStatus(job, IJobLedger.JobStatus.Aborted);
    }

    // -------------------------------------------------------------------- inputs

    function test_input_of_another_provider() public {
        IJobLedger.Plan memory plan = planOf(1);
        (plan.parties[0].inputs, plan.parties[1].inputs) = (plan.parties[1].inputs, plan.parties[0].inputs);
        openRefused(
            plan, abi.encodeWithSelector(IConsentRegistry.WrongProvider.selector, offers[1], provider(1), provider(0))
        );
    }

    function test_input_of_a_signer_that_is_no_address() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.parties[1].signer = p256Signer(9);
        JobId job = ledger.hashPlan(plan);
        bytes[] memory signatures = signAll(job, 5);
        signatures[1] = signP256(9, job);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.ProviderMustBeAddress.selector, 1));
        ledger.open(plan, signatures);
    }

    function test_input_both_or_neither() public {
        IJobLedger.Plan memory plan = planOf(1);
        bytes32 root = plan.parties[0].inputs[0].lawfulRoot;
        plan.parties[0].inputs[0].consent = ConsentId.wrap("both");
        bytes4 ambiguous = IConsentRegistry.AmbiguousInput.selector;
        openRefused(plan, abi.encodeWithSelector(ambiguous, offers[0], bytes32("both"), root));
        plan.parties[0].inputs[0].consent = NO_CONSENT;
        plan.parties[0].inputs[0].lawfulRoot = 0;
        openRefused(plan, abi.encodeWithSelector(ambiguous, offers[0], bytes32(0), bytes32(0)));
    }

    function test_input_twice() public {
        IJobLedger.Plan memory plan = planOf(1);
        IConsentRegistry.Input memory input = plan.parties[0].inputs[0];
        plan.parties[0].inputs = new IConsentRegistry.Input[](2);
        (plan.parties[0].inputs[0], plan.parties[0].inputs[1]) = (input, input);
        openRefused(plan, abi.encodeWithSelector(IConsentRegistry.DuplicateOffer.selector, offers[0]));
    }

    function test_input_unknown_or_not_offered_for_this() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.parties[0].inputs[0].offer = OfferId.wrap("unknown");
        openRefused(plan, abi.encodeWithSelector(IConsentRegistry.UnknownOffer.selector, bytes32("unknown")));
        bytes4 offerRefused = IConsentRegistry.OfferRefused.selector;
        plan = planOf(1);
        plan.consumer = provider(2);
        JobId job = ledger.hashPlan(plan);
        bytes[] memory signatures = signAll(job, 5);
        (signatures[3], signatures[4]) = (bytes(""), sign(CONSUMER, job));
        vm.expectRevert(abi.encodeWithSelector(offerRefused, offers[0], IConsentRegistry.Reason.WrongConsumer));
        ledger.open(plan, signatures);
        plan = planOf(1);
        plan.purpose = "other";
        openRefused(plan, abi.encodeWithSelector(offerRefused, offers[0], IConsentRegistry.Reason.WrongPurpose));
        plan = planOf(1);
        plan.operations = 4 | 1;
        openRefused(plan, abi.encodeWithSelector(offerRefused, offers[0], IConsentRegistry.Reason.WrongOperation));
    }

    function test_epoch_of_before_a_withdrawal() public {
        (IConsentRegistry.Grant memory g, ConsentId id) = give(1);
        IJobLedger.Plan memory plan = planOf(1);
        registry.withdraw(g, signWithdrawal(OWNER, g));
        openRefused(
            plan, abi.encodeWithSelector(IConsentRegistry.EpochChanged.selector, offers[0], bytes24(0), appended(0, id))
        );
    }

    function test_openings_are_counted_and_limited() public {
        for (uint256 k = 0; k < 3; ++k) {
            IJobLedger.Plan memory plan = planOf(10 + k);
            plan.parties[0].inputs[0].opensBefore = 2;
            if (k == 2) {
                openRefused(plan, abi.encodeWithSelector(IConsentRegistry.OpeningsExhausted.selector, offers[0], 2, 2));
            } else {
                open(plan);
                (, uint32 openings,) = state(offers[0]);
                vm.assertEq(openings, k + 1);
            }
        }
    }

    /// @dev All or nothing: the last input's fault takes the first ones' openings back.
    function test_a_refused_opening_uses_nothing() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.parties[2].inputs[0].epoch = "9";
        openRefused(
            plan, abi.encodeWithSelector(IConsentRegistry.EpochChanged.selector, offers[2], bytes24("9"), bytes24(0))
        );
        (, uint32 openings,) = state(offers[0]);
        vm.assertEq(openings, 0);
        vm.assertEq(token.balanceOf(address(escrow)), 0);
    }

    // ------------------------------------------------------------ named consents

    function consentRefused(IJobLedger.Plan memory plan, ConsentId id, IConsentRegistry.Reason reason) private {
        openRefused(plan, abi.encodeWithSelector(IConsentRegistry.ConsentRefused.selector, id, reason));
    }

    function test_named_consent_is_checked_completely() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        g.uses = 1;
        ConsentId id = registry.consentId(g);
        consentRefused(namedPlan(1, id), id, IConsentRegistry.Reason.UnknownConsent);
        registry.grant(g, signGrant(OWNER, g));
        IJobLedger.Plan memory plan = namedPlan(1, id);
        (plan.deadline, plan.settleBy) = (g.notAfter + 1, g.notAfter + 1);
        consentRefused(plan, id, IConsentRegistry.Reason.Expired);
        open(namedPlan(1, id));
        consentRefused(namedPlan(2, id), id, IConsentRegistry.Reason.Exhausted);
    }

    function test_named_consent_not_yet() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        g.notBefore = NOW + 1;
        ConsentId id = registry.grant(g, signGrant(OWNER, g));
        consentRefused(namedPlan(1, id), id, IConsentRegistry.Reason.NotYetValid);
        g.notBefore = NOW;
        g.firstOpening = 1;
        id = registry.grant(g, signGrant(OWNER, g));
        consentRefused(namedPlan(1, id), id, IConsentRegistry.Reason.NotYetOpen);
    }

    function test_named_consent_to_another_offer() public {
        IConsentRegistry.Grant memory g = consentOf(wallet(vm.addr(OWNER)), 1, 1);
        ConsentId id = registry.grant(g, signGrant(OWNER, g));
        consentRefused(namedPlan(1, id), id, IConsentRegistry.Reason.WrongOffer);
    }

    function test_named_consent_withdrawn_or_revoked_before() public {
        (IConsentRegistry.Grant memory g, ConsentId id) = give(1);
        registry.withdraw(g, signWithdrawal(OWNER, g));
        consentRefused(namedPlan(1, id), id, IConsentRegistry.Reason.Withdrawn);
        (g, id) = give(2);
        vm.prank(provider(0));
        registry.revoke(g, "court");
        consentRefused(namedPlan(1, id), id, IConsentRegistry.Reason.Revoked);
    }

    /// @dev A stranger sent the grant, so that the epoch does not move; the named consent stops the seal all the same.
    function test_named_consent_withdrawn_while_the_job_runs() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        ConsentId id = registry.grant(g, signGrant(OWNER, g));
        IJobLedger.Plan memory plan = namedPlan(1, id);
        JobId job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.ConsentStillLive.selector, id));
        ledger.abortForConsent(plan, 0, "not yet");
        registry.withdraw(g, signWithdrawal(OWNER, g));
        vm.assertEq(epochOf(0), 0);

        IJobLedger.SealData memory data = sealOf(job, 1);
        bytes[] memory signatures = signAll(ledger.hashSeal(job, data), 4);
        bytes memory expected =
            abi.encodeWithSelector(IConsentRegistry.ConsentRefused.selector, id, IConsentRegistry.Reason.Withdrawn);
        vm.expectRevert(expected);
        ledger.seal(plan, data, new bytes32[][](3), signatures);

        bytes32[] memory roots = new bytes32[](3);
        (roots[1], roots[2]) = (bytes32("b"), bytes32("c"));
        signatures = signAll(ledger.hashAmendment(job, 2, roots, data.epochs), 3);
        vm.expectRevert(expected);
        ledger.amend(plan, roots, data.epochs, signatures);

        vm.expectRevert(abi.encodeWithSelector(IJobLedger.ConsentStillLive.selector, bytes32(0)));
        ledger.abortForConsent(plan, 1, "a lawful set");
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.UnknownInput.selector, job, 3));
        ledger.abortForConsent(plan, 3, "no such input");
        vm.prank(vm.addr(STRANGER));
        ledger.abortForConsent(plan, 0, "dead");
        assertStatus(job, IJobLedger.JobStatus.Aborted);
        vm.assertEq(escrow.owed(address(token), consumer()), 303);
    }

    // -------------------------------------------------------------------- record

    function hashes(uint256 count) private pure returns (bytes32[] memory list) {
        list = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = keccak256(abi.encode("hash", i));
        }
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: long.fuzz.runs = 10000
    function testFuzz_heads_chain_over_any_cut(uint8 first, uint8 second) public {
        vm.assume(first != 0 && second != 0);
        JobId job = open(planOf(1));
        bytes32 head = keccak256(abi.encode(job, uint32(1), uint32(2)));
        (bytes32 found, uint32 count) = ledger.trail(job, 1, 2);
        vm.assertTrue(found == head && count == 0);
        uint256[2] memory cuts = [uint256(first), second];
        for (uint256 c = 0; c < 2; ++c) {
            bytes32[] memory list = hashes(cuts[c]);
            for (uint256 i = 0; i < list.length; ++i) {
                head = keccak256(abi.encodePacked(head, list[i]));
            }
            vm.prank(relay(2));
            ledger.record(job, 1, 2, count, list);
            (found, count) = ledger.trail(job, 1, 2);
            vm.assertEq(found, head);
        }
        vm.assertEq(count, uint256(first) + second);
    }

    function test_record_with_a_gap_or_again() public {
        JobId job = open(planOf(1));
        step(job, 1, 0);
        bytes32[] memory list = hashes(1);
        uint32[2] memory from = [uint32(0), 2];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobLedger.TrailGap.selector, 1, from[i]));
            vm.prank(relay(0));
            ledger.record(job, 1, 0, from[i], list);
        }
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.NothingToRecord.selector));
        vm.prank(relay(0));
        ledger.record(job, 1, 0, 1, new bytes32[](0));
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.TooMuchToRecord.selector, 1025));
        vm.prank(relay(0));
        ledger.record(job, 1, 0, 1, new bytes32[](1025));
        vm.prank(relay(0));
        ledger.record(job, 1, 0, 1, new bytes32[](1024));
    }

    function test_record_by_others() public {
        JobId job = open(planOf(1));
        bytes32[] memory list = hashes(1);
        address[3] memory others = [relay(1), provider(0), consumer()];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobLedger.NotRecorder.selector, job, others[i]));
            vm.prank(others[i]);
            ledger.record(job, 1, 0, 0, list);
        }
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.NotRecorder.selector, job, relay(0)));
        vm.prank(relay(0));
        ledger.record(job, 1, 3, 0, list);
    }

    function test_record_of_an_attempt_that_is_not() public {
        JobId job = open(planOf(1));
        bytes32[] memory list = hashes(1);
        for (uint32 attempt = 0; attempt <= 2; attempt += 2) {
            vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongAttempt.selector, job, 1, attempt));
            vm.prank(relay(0));
            ledger.record(job, attempt, 0, 0, list);
        }
    }

    function test_record_before_the_opening_and_after_a_cancellation() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = ledger.hashPlan(plan);
        vm.expectRevert(wrongStatus(job, IJobLedger.JobStatus.None));
        vm.prank(relay(0));
        ledger.record(job, 1, 0, 0, hashes(1));
        vm.prank(provider(0));
        ledger.cancel(plan, 0, "");
        vm.expectRevert(wrongStatus(job, IJobLedger.JobStatus.Cancelled));
        vm.prank(relay(0));
        ledger.record(job, 1, 0, 0, hashes(1));
    }

    function test_record_after_an_abort_until_a_day_after_settleBy() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        vm.prank(relay(1));
        ledger.abort(job, "crash");
        step(job, 1, 0);
        uint256 last = uint256(plan.settleBy) + 1 days;
        vm.warp(last);
        step(job, 1, 0);
        vm.warp(last + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.TooLateToRecord.selector, job, last, last + 1));
        vm.prank(relay(0));
        ledger.record(job, 1, 0, 2, hashes(1));
    }

    function test_the_sealed_attempt_is_frozen_and_the_others_are_not() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        step(job, 1, 0);
        amend(plan, job, 2);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 2, i);
        }
        seal(plan, sealOf(job, 2));
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobLedger.TrailFrozen.selector, job, 2));
            vm.prank(relay(0));
            ledger.record(job, 2, 0, 1, hashes(1));
            step(job, 1, 0);
            step(job, 1, 1);
            if (i == 0) releaseAll(job);
        }
        vm.warp(plan.settleBy + 1 hours);
        step(job, 1, 0);
    }

    // --------------------------------------------------------------------- amend

    function amend(IJobLedger.Plan memory plan, JobId job, uint32 attempt) private {
        (bytes32[] memory roots, bytes24[] memory epochs) = amendment(attempt);
        ledger.amend(plan, roots, epochs, signAll(ledger.hashAmendment(job, attempt, roots, epochs), 3));
    }

    function amendment(uint32 attempt) private view returns (bytes32[] memory roots, bytes24[] memory epochs) {
        roots = new bytes32[](3);
        epochs = new bytes24[](3);
        for (uint256 i = 0; i < 3; ++i) {
            roots[i] = keccak256(abi.encode("root", attempt, i));
            epochs[i] = epochOf(i);
        }
    }

    function amendRefused(
        IJobLedger.Plan memory plan,
        bytes32[] memory roots,
        bytes24[] memory epochs,
        bytes memory expected
    ) private {
        bytes32 digest = ledger.hashAmendment(ledger.hashPlan(plan), 2, roots, epochs);
        bytes[] memory signatures = signAll(digest, 3);
        vm.expectRevert(expected);
        ledger.amend(plan, roots, epochs, signatures);
    }

    function test_amend_after_a_withdrawal() public {
        (IConsentRegistry.Grant memory g,) = give(1);
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        IJobLedger.SealData memory stale = sealOf(job, 1);
        (bytes32[] memory roots, bytes24[] memory epochs) = amendment(2);
        registry.withdraw(g, signWithdrawal(OWNER, g));

        bytes memory expected =
            abi.encodeWithSelector(IConsentRegistry.EpochChanged.selector, offers[0], bytes24(0), epochOf(0));
        bytes[] memory signatures = signAll(ledger.hashSeal(job, stale), 4);
        vm.expectRevert(expected);
        ledger.seal(plan, stale, new bytes32[][](3), signatures);
        amendRefused(plan, roots, epochs, expected);

        amend(plan, job, 2);
        (, uint32 openings,) = state(offers[0]);
        vm.assertEq(openings, 1);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 2, i);
        }
        stale = sealOf(job, 1);
        signatures = signAll(ledger.hashSeal(job, stale), 4);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongAttempt.selector, job, 2, 1));
        ledger.seal(plan, stale, new bytes32[][](3), signatures);
        seal(plan, sealOf(job, 2));
        assertStatus(job, IJobLedger.JobStatus.Sealed);
    }

    /// @dev As many have withdrawn as the parties saw, but another: as after a reorganisation that swaps two withdrawals.
    function test_signatures_over_another_list_of_as_many() public {
        (, ConsentId seen) = give(1);
        (IConsentRegistry.Grant memory other,) = give(2);
        IJobLedger.Plan memory plan = planOf(1);
        IJobLedger.Plan memory late = planOf(2);
        late.parties[0].inputs[0].epoch = appended(0, seen);
        JobId job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        IJobLedger.SealData memory data = sealOf(job, 1);
        (bytes32[] memory roots, bytes24[] memory epochs) = amendment(2);
        data.epochs[0] = epochs[0] = appended(0, seen);
        registry.withdraw(other, signWithdrawal(OWNER, other));

        bytes memory expected =
            abi.encodeWithSelector(IConsentRegistry.EpochChanged.selector, offers[0], epochs[0], epochOf(0));
        sealRefused(plan, data, expected);
        amendRefused(plan, roots, epochs, expected);
        openRefused(late, expected);
    }

    function test_amend_with_lists_that_do_not_fit() public {
        (, ConsentId id) = give(1);
        IJobLedger.Plan memory plan = namedPlan(1, id);
        open(plan);
        (bytes32[] memory roots, bytes24[] memory epochs) = amendment(2);
        amendRefused(plan, roots, epochs, abi.encodeWithSelector(IJobLedger.WrongRoot.selector, 0));
        roots[0] = 0;
        roots[1] = 0;
        amendRefused(plan, roots, epochs, abi.encodeWithSelector(IJobLedger.WrongRoot.selector, 1));
        amendRefused(plan, new bytes32[](2), epochs, abi.encodeWithSelector(IJobLedger.LengthMismatch.selector, 3, 2));
        (roots, epochs) = amendment(2);
        roots[0] = 0;
        amendRefused(plan, roots, new bytes24[](4), abi.encodeWithSelector(IJobLedger.LengthMismatch.selector, 3, 4));
    }

    function test_amend_after_the_deadline_or_the_seal() public {
        (IJobLedger.Plan memory sealed_, JobId sealedId) = sealedJob(1);
        (bytes32[] memory roots, bytes24[] memory epochs) = amendment(2);
        amendRefused(sealed_, roots, epochs, wrongStatus(sealedId, IJobLedger.JobStatus.Sealed));
        IJobLedger.Plan memory plan = planOf(2);
        JobId job = open(plan);
        vm.warp(plan.deadline + 1);
        amendRefused(
            plan,
            roots,
            epochs,
            abi.encodeWithSelector(IJobLedger.TooLateToSeal.selector, job, plan.deadline, plan.deadline + 1)
        );
    }

    // ---------------------------------------------------------------------- seal

    function sealRefused(IJobLedger.Plan memory plan, IJobLedger.SealData memory data, bytes memory expected) private {
        bytes[] memory signatures = signAll(ledger.hashSeal(ledger.hashPlan(plan), data), 4);
        vm.expectRevert(expected);
        ledger.seal(plan, data, new bytes32[][](3), signatures);
    }

    function test_seal_needs_every_trail_as_it_is() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        step(job, 1, 0);
        step(job, 1, 1);
        sealRefused(plan, sealOf(job, 1), abi.encodeWithSelector(IJobLedger.TrailEmpty.selector, 2));
        step(job, 1, 2);
        IJobLedger.SealData memory data = sealOf(job, 1);
        step(job, 1, 1);
        (bytes32 head,) = ledger.trail(job, 1, 1);
        sealRefused(plan, data, abi.encodeWithSelector(IJobLedger.WrongHead.selector, 1, head, data.heads[1]));
    }

    /// @dev Of each party as many as `counts` says; what it has recorded itself beforehand stands in `recorded`.
    function rest(JobId job, uint256[3] memory recorded, uint256[3] memory counts)
        private
        returns (bytes32[][] memory steps, IJobLedger.SealData memory data)
    {
        steps = new bytes32[][](3);
        for (uint32 i = 0; i < 3; ++i) {
            for (uint256 k = 0; k < recorded[i]; ++k) {
                step(job, 1, i);
            }
            steps[i] = hashes(counts[i]);
        }
        data = sealOf(job, 1);
        for (uint256 i = 0; i < 3; ++i) {
            for (uint256 k = 0; k < counts[i]; ++k) {
                data.heads[i] = keccak256(abi.encodePacked(data.heads[i], steps[i][k]));
            }
        }
    }

    function test_seal_records_what_the_trails_lack() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        (bytes32[][] memory steps, IJobLedger.SealData memory data) = rest(job, [uint256(0), 2, 1], [uint256(3), 1, 0]);
        bytes[] memory signatures = signAll(ledger.hashSeal(job, data), 4);
        vm.expectEmit(true, true, false, true);
        emit IJobLedger.StepsRecorded(job, 0, 1, 0, steps[0], data.heads[0]);
        vm.expectEmit(true, true, false, true);
        emit IJobLedger.StepsRecorded(job, 1, 1, 2, steps[1], data.heads[1]);
        ledger.seal(plan, data, steps, signatures);
        for (uint32 i = 0; i < 3; ++i) {
            (bytes32 head, uint32 count) = ledger.trail(job, 1, i);
            vm.assertEq(head, data.heads[i]);
            vm.assertEq(count, i == 2 ? 1 : 3);
        }
        vm.prank(relay(0));
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.TrailFrozen.selector, job, 1));
        ledger.record(job, 1, 0, 3, hashes(1));
    }

    function test_seal_records_nothing_that_its_party_has_not_signed() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        (bytes32[][] memory steps, IJobLedger.SealData memory data) = rest(job, [uint256(0), 0, 1], [uint256(2), 2, 0]);
        bytes[] memory signatures = signAll(ledger.hashSeal(job, data), 4);
        bytes32[][] memory other = new bytes32[][](3);
        (other[0], other[1]) = (steps[0], hashes(3));
        bytes32 head = keccak256(abi.encodePacked(data.heads[1], other[1][2]));
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongHead.selector, 1, head, data.heads[1]));
        ledger.seal(plan, data, other, signatures);
        (other[0], other[1], other[2]) = (steps[0], steps[1], hashes(1));
        head = keccak256(abi.encodePacked(data.heads[2], other[2][0]));
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongHead.selector, 2, head, data.heads[2]));
        ledger.seal(plan, data, other, signatures);
        other[0] = new bytes32[](0);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.TrailEmpty.selector, 0));
        ledger.seal(plan, data, other, signatures);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.LengthMismatch.selector, 3, 2));
        ledger.seal(plan, data, new bytes32[][](2), signatures);
        other[0] = new bytes32[](1025);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.TooMuchToRecord.selector, 1025));
        ledger.seal(plan, data, other, signatures);
        step(job, 1, 0);
        (head,) = ledger.trail(job, 1, 0);
        head = keccak256(abi.encodePacked(keccak256(abi.encodePacked(head, steps[0][0])), steps[0][1]));
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongHead.selector, 0, head, data.heads[0]));
        ledger.seal(plan, data, steps, signatures);
    }

    function test_seal_needs_outputs_and_keys_exactly_where_due() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.parties[1].output = false;
        JobId job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        IJobLedger.SealData memory data = sealOf(job, 1);
        sealRefused(plan, data, abi.encodeWithSelector(IJobLedger.WrongOutput.selector, 1));
        data.keys[1] = 0;
        sealRefused(plan, data, abi.encodeWithSelector(IJobLedger.WrongOutput.selector, 1));
        data.outputs[1] = 0;
        bytes32 key = data.keys[0];
        data.keys[0] = 0;
        sealRefused(plan, data, abi.encodeWithSelector(IJobLedger.WrongOutput.selector, 0));
        data.keys[0] = key;
        data.heads = new bytes32[](4);
        sealRefused(plan, data, abi.encodeWithSelector(IJobLedger.LengthMismatch.selector, 3, 4));
        (data.heads, data.payouts) = (sealOf(job, 1).heads, new uint96[](2));
        sealRefused(plan, data, abi.encodeWithSelector(IJobLedger.LengthMismatch.selector, 3, 2));
        (data.payouts, data.epochs) = (new uint96[](3), new bytes24[](2));
        sealRefused(plan, data, abi.encodeWithSelector(IJobLedger.LengthMismatch.selector, 3, 2));
        data.epochs = new bytes24[](3);
        seal(plan, data);
        vm.assertEq(ledger.jobs(job).keysMissing, 2);
    }

    function test_seal_after_the_deadline() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        vm.warp(plan.deadline + 1);
        sealRefused(
            plan,
            sealOf(job, 1),
            abi.encodeWithSelector(IJobLedger.TooLateToSeal.selector, job, plan.deadline, plan.deadline + 1)
        );
        vm.warp(plan.deadline);
        seal(plan, sealOf(job, 1));
    }

    function test_seal_without_outputs_completes_and_pays() public {
        IJobLedger.Plan memory plan = planOf(1);
        for (uint256 i = 0; i < 3; ++i) {
            plan.parties[i].output = false;
        }
        JobId job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        IJobLedger.SealData memory data = sealOf(job, 1);
        (data.outputs, data.keys) = (new bytes32[](3), new bytes32[](3));
        seal(plan, data);
        assertStatus(job, IJobLedger.JobStatus.Completed);
        vm.assertEq(escrow.owed(address(token), plan.parties[2].payee), 102);
        vm.expectRevert(wrongStatus(job, IJobLedger.JobStatus.Completed));
        ledger.release(job, 0, 0);
    }

    // ------------------------------------------------------------- release, close

    function releaseAll(JobId job) private {
        for (uint32 i = 0; i < 3; ++i) {
            ledger.release(job, i, releaseKey(i));
        }
    }

    function test_the_last_key_completes_and_pays() public {
        (IJobLedger.Plan memory plan, JobId job) = sealedJob(1);
        ledger.release(job, 2, releaseKey(2));
        ledger.release(job, 0, releaseKey(0));
        assertStatus(job, IJobLedger.JobStatus.Sealed);
        vm.assertEq(escrow.owed(address(token), plan.parties[0].payee), 0);
        vm.warp(plan.settleBy);
        ledger.release(job, 1, releaseKey(1));
        assertStatus(job, IJobLedger.JobStatus.Completed);
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(escrow.owed(address(token), plan.parties[i].payee), 100 + i);
        }
        vm.warp(plan.settleBy + 1);
        vm.expectRevert(wrongStatus(job, IJobLedger.JobStatus.Completed));
        ledger.close(job);
    }

    function test_release_with_a_wrong_key_twice_or_where_none_is_due() public {
        (, JobId job) = sealedJob(1);
        bytes32 found = keccak256(abi.encodePacked(releaseKey(1)));
        bytes32 due = ledger.keyDue(job, 0);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongKey.selector, job, 0, due, found));
        ledger.release(job, 0, releaseKey(1));
        ledger.release(job, 0, releaseKey(0));
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.NoKeyDue.selector, job, 0));
        ledger.release(job, 0, releaseKey(0));
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.NoKeyDue.selector, job, 3));
        ledger.release(job, 3, 0);
        vm.assertEq(ledger.jobs(job).keysMissing, 2);
    }

    function test_release_before_the_seal_or_after_settleBy() public {
        JobId open_ = open(planOf(2));
        vm.expectRevert(wrongStatus(open_, IJobLedger.JobStatus.Open));
        ledger.release(open_, 0, releaseKey(0));
        (IJobLedger.Plan memory plan, JobId job) = sealedJob(1);
        vm.warp(plan.settleBy + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IJobLedger.TooLateToRelease.selector, job, plan.settleBy, plan.settleBy + 1)
        );
        ledger.release(job, 0, releaseKey(0));
    }

    function test_close_pays_all_but_the_withholder_and_names_him() public {
        (IJobLedger.Plan memory plan, JobId job) = sealedJob(1);
        ledger.release(job, 0, releaseKey(0));
        ledger.release(job, 2, releaseKey(2));
        vm.warp(plan.settleBy);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.TooEarlyToClose.selector, job, plan.settleBy, plan.settleBy));
        ledger.close(job);
        vm.warp(plan.settleBy + 1);
        vm.expectEmit(true, true, false, true);
        emit IJobLedger.KeyWithheld(job, 1);
        vm.prank(vm.addr(STRANGER));
        ledger.close(job);
        assertStatus(job, IJobLedger.JobStatus.Closed);
        vm.assertEq(escrow.owed(address(token), plan.parties[0].payee), 100);
        vm.assertEq(escrow.owed(address(token), plan.parties[1].payee), 0);
        vm.assertEq(escrow.owed(address(token), plan.parties[2].payee), 102);
        vm.assertEq(escrow.owed(address(token), consumer()), 101);
        vm.expectRevert(wrongStatus(job, IJobLedger.JobStatus.Closed));
        ledger.close(job);
    }

    function test_close_pays_parties_without_output() public {
        IJobLedger.Plan memory plan = planOf(1);
        plan.parties[1].output = false;
        JobId job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        IJobLedger.SealData memory data = sealOf(job, 1);
        (data.outputs[1], data.keys[1]) = (bytes32(0), bytes32(0));
        seal(plan, data);
        vm.warp(plan.settleBy + 1);
        ledger.close(job);
        vm.assertEq(escrow.owed(address(token), plan.parties[1].payee), 101);
        vm.assertEq(escrow.owed(address(token), consumer()), 202);
    }

    // ------------------------------------------------------------------- the pot

    function test_a_pot_alone_needs_a_token_and_is_paid_in() public {
        IJobLedger.Plan memory plan = unpaid(1);
        plan.pot = 60;
        openRefused(plan, abi.encodeWithSelector(IJobLedger.TokenMismatch.selector, address(0), 60));
        plan.token = address(token);
        JobId job = open(plan);
        vm.assertTrue(ledger.jobs(job).rewarded);
        vm.assertEq(escrow.accounts(job).funded, 60);
    }

    function test_rewards_and_pot_beyond_the_account_are_refused() public {
        IJobLedger.Plan memory plan = planWithPot(1, type(uint96).max);
        bytes[] memory signatures = signAll(ledger.hashPlan(plan), 5);
        vm.expectRevert();
        ledger.open(plan, signatures);
    }

    function test_the_seal_divides_no_more_than_the_pot_and_only_among_payees() public {
        IJobLedger.Plan memory plan = planWithPot(1, 60);
        (plan.parties[2].reward, plan.parties[2].payee) = (0, address(0));
        JobId job = readyJob(plan);
        IJobLedger.SealData memory data = sealOf(job, 1);
        (data.payouts[0], data.payouts[1]) = (31, 30);
        sealRefused(plan, data, abi.encodeWithSelector(IJobLedger.PayoutsExceedPot.selector, 60, 61));
        (data.payouts[0], data.payouts[1]) = (type(uint96).max, type(uint96).max);
        sealRefused(
            plan, data, abi.encodeWithSelector(IJobLedger.PayoutsExceedPot.selector, 60, 2 * uint256(type(uint96).max))
        );
        (data.payouts[0], data.payouts[1], data.payouts[2]) = (30, 29, 1);
        sealRefused(plan, data, abi.encodeWithSelector(IJobLedger.PayeeMissing.selector, 2));
        data.payouts[2] = 0;
        seal(plan, data);
        (,, uint96 payout) = ledger.reward(job, 0);
        vm.assertEq(payout, 30);
    }

    function test_no_pot_no_payout() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = readyJob(plan);
        IJobLedger.SealData memory data = sealOf(job, 1);
        data.payouts[1] = 1;
        sealRefused(plan, data, abi.encodeWithSelector(IJobLedger.PayoutsExceedPot.selector, 0, 1));
    }

    function test_the_last_key_pays_rewards_and_payouts_and_the_rest_goes_back() public {
        IJobLedger.Plan memory plan = planWithPot(1, 60);
        (plan.parties[2].reward, plan.parties[1].output) = (0, false);
        JobId job = readyJob(plan);
        IJobLedger.SealData memory data = sealOf(job, 1);
        (data.outputs[1], data.keys[1]) = (bytes32(0), bytes32(0));
        (data.payouts[0], data.payouts[2]) = (40, 15);
        seal(plan, data);
        ledger.release(job, 0, releaseKey(0));
        ledger.release(job, 2, releaseKey(2));
        vm.assertEq(escrow.owed(address(token), plan.parties[0].payee), 140);
        vm.assertEq(escrow.owed(address(token), plan.parties[1].payee), 101);
        vm.assertEq(escrow.owed(address(token), plan.parties[2].payee), 15);
        vm.assertEq(escrow.owed(address(token), consumer()), 5);
    }

    function test_a_withholder_gets_neither_reward_nor_payout() public {
        IJobLedger.Plan memory plan = planWithPot(1, 60);
        JobId job = readyJob(plan);
        IJobLedger.SealData memory data = sealOf(job, 1);
        (data.payouts[0], data.payouts[1], data.payouts[2]) = (10, 20, 30);
        seal(plan, data);
        ledger.release(job, 0, releaseKey(0));
        ledger.release(job, 2, releaseKey(2));
        vm.warp(plan.settleBy + 1);
        ledger.close(job);
        vm.assertEq(escrow.owed(address(token), plan.parties[0].payee), 110);
        vm.assertEq(escrow.owed(address(token), plan.parties[1].payee), 0);
        vm.assertEq(escrow.owed(address(token), plan.parties[2].payee), 132);
        vm.assertEq(escrow.owed(address(token), consumer()), 121);
    }

    function test_a_job_that_is_not_sealed_returns_the_pot() public {
        IJobLedger.Plan memory plan = planWithPot(1, 60);
        JobId job = readyJob(plan);
        vm.warp(plan.deadline + 1);
        ledger.abort(job, "a party disagreed");
        vm.assertEq(escrow.owed(address(token), consumer()), 363);
    }

    function test_payouts_are_signed() public {
        IJobLedger.Plan memory plan = planWithPot(1, 60);
        JobId job = readyJob(plan);
        IJobLedger.SealData memory data = sealOf(job, 1);
        bytes[] memory signatures = signAll(ledger.hashSeal(job, data), 4);
        data.payouts[0] = 60;
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, 0));
        ledger.seal(plan, data, new bytes32[][](3), signatures);
    }

    /// @dev Whatever is divided, nothing is lost and nothing is made.
    /// forge-config: default.fuzz.runs = 64
    /// forge-config: long.fuzz.runs = 10000
    function testFuzz_what_is_paid_in_goes_out(uint96 pot, uint96[3] memory payouts, uint8 withheld) public {
        IJobLedger.Plan memory plan = planWithPot(1, pot % 100_000);
        JobId job = readyJob(plan);
        IJobLedger.SealData memory data = sealOf(job, 1);
        uint96 left = plan.pot;
        for (uint256 i = 0; i < 3; ++i) {
            data.payouts[i] = left == 0 ? 0 : payouts[i] % (left + 1);
            left -= data.payouts[i];
        }
        seal(plan, data);
        for (uint32 i = 0; i < 3; ++i) {
            if (withheld & (1 << i) == 0) ledger.release(job, i, releaseKey(i));
        }
        if (statusOf(job) == IJobLedger.JobStatus.Sealed) {
            vm.warp(plan.settleBy + 1);
            ledger.close(job);
        }
        uint256 refund = 303 + plan.pot;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 due = withheld & (1 << i) == 0 ? 100 + i + data.payouts[i] : 0;
            vm.assertEq(escrow.owed(address(token), plan.parties[i].payee), due);
            refund -= due;
        }
        vm.assertEq(escrow.owed(address(token), consumer()), refund);
    }

    // --------------------------------------------------------------------- abort

    function test_abort_by_any_recorder_refunds_all() public {
        for (uint256 i = 0; i < 3; ++i) {
            JobId job = open(planOf(10 + i));
            vm.expectEmit(true, false, false, true);
            emit IJobLedger.JobAborted(job, relay(i), "why");
            vm.prank(relay(i));
            ledger.abort(job, "why");
            assertStatus(job, IJobLedger.JobStatus.Aborted);
            vm.assertEq(escrow.owed(address(token), consumer()), 303 * (i + 1));
            vm.expectRevert(wrongStatus(job, IJobLedger.JobStatus.Aborted));
            vm.prank(relay(i));
            ledger.abort(job, "again");
        }
    }

    function test_abort_by_others_only_after_the_deadline() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        vm.warp(plan.deadline);
        address[3] memory others = [provider(0), consumer(), vm.addr(STRANGER)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobLedger.NotRecorder.selector, job, others[i]));
            vm.prank(others[i]);
            ledger.abort(job, "mine");
        }
        vm.warp(plan.deadline + 1);
        vm.prank(vm.addr(STRANGER));
        ledger.abort(job, "late");
        assertStatus(job, IJobLedger.JobStatus.Aborted);
    }

    function test_nobody_aborts_after_the_seal() public {
        (IConsentRegistry.Grant memory g, ConsentId id) = give(1);
        IJobLedger.Plan memory plan = namedPlan(1, id);
        JobId job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        seal(plan, sealOf(job, 1));
        registry.withdraw(g, signWithdrawal(OWNER, g));
        bytes memory expected = wrongStatus(job, IJobLedger.JobStatus.Sealed);
        vm.expectRevert(expected);
        vm.prank(relay(0));
        ledger.abort(job, "late");
        vm.expectRevert(expected);
        ledger.abortForConsent(plan, 0, "dead");
        vm.warp(plan.settleBy + 1);
        vm.expectRevert(expected);
        ledger.abort(job, "late");
    }

    function test_aborted_never_opens_or_seals() public {
        IJobLedger.Plan memory plan = planOf(1);
        JobId job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        vm.prank(relay(0));
        ledger.abort(job, "crash");
        sealRefused(plan, sealOf(job, 1), wrongStatus(job, IJobLedger.JobStatus.Aborted));
        bytes[] memory signatures = signAll(job, 5);
        vm.expectRevert(wrongStatus(job, IJobLedger.JobStatus.Aborted));
        ledger.open(plan, signatures);
    }

    /// @dev Two jobs on one consent with one use: the second loses.
    function test_two_jobs_on_one_use() public {
        IJobLedger.Plan memory a = planOf(1);
        IJobLedger.Plan memory b = planOf(2);
        a.parties[0].inputs[0].opensBefore = 1;
        b.parties[0].inputs[0].opensBefore = 1;
        open(a);
        openRefused(b, abi.encodeWithSelector(IConsentRegistry.OpeningsExhausted.selector, offers[0], 1, 1));
    }
}
