// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {Base} from "./helpers/Base.sol";
import {BatchRoot, ConsentId, JobId, DatasetId, OfferId} from "../interfaces/Types.sol";

contract ConsentRegistryTest is Base {
    BatchRoot private constant ROOT = BatchRoot.wrap("root");
    OfferId private constant UNKNOWN = OfferId.wrap("unknown");

    // -------------------------------------------------------------------- offers

    function test_offer_by_another_than_the_provider() public {
        terms[0].scope = "other";
        vm.expectRevert(
            abi.encodeWithSelector(
                IConsentRegistry.NotDatasetProvider.selector, terms[0].dataset, provider(0), address(this)
            )
        );
        registry.offer(terms[0]);
    }

    function test_offer_on_an_unknown_dataset() public {
        terms[0].dataset = DatasetId.wrap("unknown");
        vm.expectRevert(
            abi.encodeWithSelector(
                IConsentRegistry.NotDatasetProvider.selector, bytes32("unknown"), address(0), address(this)
            )
        );
        registry.offer(terms[0]);
    }

    function test_offer_twice() public {
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.OfferExists.selector, offers[0]));
        vm.prank(provider(0));
        registry.offer(terms[0]);
    }

    function test_offer_without_operations() public {
        terms[0].operations = 0;
        OfferId id = registry.offerId(terms[0]);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.OfferWithoutOperations.selector, id));
        vm.prank(provider(0));
        registry.offer(terms[0]);
    }

    function test_offer_reads_back() public view {
        (IConsentRegistry.Offer memory t, address by, bytes24 epoch, uint32 openings, bytes24 unproven, uint64 spent) =
            registry.offers(offers[1]);
        vm.assertTrue(registry.offerId(t) == offers[1]);
        vm.assertEq(by, provider(1));
        vm.assertTrue(epoch == 0 && openings == 0 && unproven == 0 && spent == 0);
    }

    // --------------------------------------------------------------------- grant

    function test_grant_of_an_unknown_offer() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        g.offer = UNKNOWN;
        bytes memory signature = signGrant(OWNER, g);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.UnknownOffer.selector, g.offer));
        registry.grant(g, signature);
    }

    function test_grant_with_times_out_of_order() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        g.notBefore = g.notAfter + 1;
        bytes memory signature = signGrant(OWNER, g);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.TimesOutOfOrder.selector, g.notBefore, g.notAfter));
        registry.grant(g, signature);
    }

    function test_grant_that_has_expired() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        g.notAfter = NOW - 1;
        bytes memory signature = signGrant(OWNER, g);
        ConsentId id = registry.consentId(g);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.AlreadyExpired.selector, id, NOW - 1, uint256(NOW)));
        registry.grant(g, signature);
    }

    function test_grant_without_uses() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        g.uses = 0;
        bytes memory signature = signGrant(OWNER, g);
        ConsentId id = registry.consentId(g);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NoUses.selector, id));
        registry.grant(g, signature);
    }

    /// @dev The slot holds all fields, whatever they are.
    function testFuzz_slot(uint48 notBefore, uint48 notAfter, uint32 firstOpening, uint32 uses, bool relayed) public {
        vm.assume(notBefore <= notAfter && notAfter >= NOW && uses != 0);
        IConsentRegistry.Grant memory g = ownersConsent(1);
        (g.notBefore, g.notAfter, g.firstOpening, g.uses) = (notBefore, notAfter, firstOpening, uses);
        bytes memory signature = signGrant(OWNER, g);
        vm.prank(relayed ? relay(0) : address(this));
        ConsentId id = registry.grant(g, signature);
        _assertSlot(id, g, IConsentRegistry.Status.Given, relayed);
        registry.withdraw(g, signWithdrawal(OWNER, g));
        _assertSlot(id, g, IConsentRegistry.Status.Withdrawn, relayed);
        vm.assertEq(epochOf(0), relayed ? appended(0, id) : bytes24(0));
    }

    function _assertSlot(ConsentId id, IConsentRegistry.Grant memory g, IConsentRegistry.Status status, bool proven)
        private
        view
    {
        IConsentRegistry.ConsentState memory c = registry.statusOf(id);
        vm.assertTrue(c.status == status && c.proven == proven && c.offerIndex == 1);
        vm.assertTrue(c.notBefore == g.notBefore && c.notAfter == g.notAfter);
        vm.assertTrue(c.firstOpening == g.firstOpening && c.uses == g.uses);
    }

    function test_grantMany_passes_over_what_is_given_or_withdrawn() public {
        (IConsentRegistry.Grant memory given,) = give(1);
        IConsentRegistry.Grant memory withdrawn = ownersConsent(2);
        registry.withdraw(withdrawn, signWithdrawal(OWNER, withdrawn));
        IConsentRegistry.Grant[] memory grants = new IConsentRegistry.Grant[](3);
        bytes[] memory signatures = new bytes[](3);
        (grants[0], grants[1], grants[2]) = (given, withdrawn, ownersConsent(3));
        for (uint256 i = 0; i < 3; ++i) {
            signatures[i] = signGrant(OWNER, grants[i]);
        }
        vm.assertEq(registry.grantMany(grants, signatures), 1);
        vm.assertTrue(registry.isDead(registry.consentId(withdrawn)));
        vm.assertTrue(registry.statusOf(registry.consentId(grants[2])).status == IConsentRegistry.Status.Given);
        vm.assertEq(registry.grantMany(grants, signatures), 0);
    }

    function test_grantMany_stops_at_a_wrong_signature() public {
        IConsentRegistry.Grant[] memory grants = new IConsentRegistry.Grant[](2);
        bytes[] memory signatures = new bytes[](2);
        (grants[0], grants[1]) = (ownersConsent(1), ownersConsent(2));
        signatures[0] = signGrant(OWNER, grants[0]);
        signatures[1] = signatures[0];
        ConsentId wrong = registry.consentId(grants[1]);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.InvalidSignature.selector, wrong));
        registry.grantMany(grants, signatures);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.LengthMismatch.selector, 2, 1));
        registry.grantMany(grants, new bytes[](1));
    }

    // -------------------------------------------------------------------- anchor

    function test_anchor_by_a_stranger_or_a_dismissed_relay() public {
        vm.prank(provider(0));
        registry.appoint(relay(0), false);
        address[3] memory others = [relay(0), relay(1), provider(1)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IConsentRegistry.NotProviderOrRelay.selector, offers[0], provider(0), others[i])
            );
            vm.prank(others[i]);
            registry.anchor(offers[0], ROOT);
        }
    }

    function test_anchor_once_for_each_offer_and_root() public {
        vm.prank(provider(0));
        registry.anchor(offers[0], ROOT);
        vm.assertEq(registry.batches(offers[0], ROOT), NOW);
        vm.assertEq(registry.batches(offers[1], ROOT), 0);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.BatchExists.selector, offers[0], ROOT, NOW));
        vm.prank(relay(0));
        registry.anchor(offers[0], ROOT);
        vm.prank(provider(1));
        registry.anchor(offers[1], ROOT);
    }

    function test_anchor_nothing() public {
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.EmptyBatch.selector, offers[0]));
        vm.prank(provider(0));
        registry.anchor(offers[0], NO_BATCH);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.UnknownOffer.selector, UNKNOWN));
        vm.prank(provider(0));
        registry.anchor(UNKNOWN, ROOT);
    }

    // --------------------------------------------------------- the three situations

    function test_withdraw_a_grant_of_the_relay_raises_the_epoch() public {
        (IConsentRegistry.Grant memory g, ConsentId id) = give(1);
        bytes memory signature = signWithdrawal(OWNER, g);
        vm.expectEmit(true, true, false, true);
        emit IConsentRegistry.ConsentWithdrawn(offers[0], id, true, appended(0, id));
        registry.withdraw(g, signature);
        (bytes24 epoch,, bytes24 unproven) = state(offers[0]);
        vm.assertTrue(epoch == appended(0, id) && unproven == 0);
    }

    /// @dev Else anybody could stall jobs with keys that he made up, for the price of two transactions.
    function test_withdraw_a_grant_of_a_stranger_does_not() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        ConsentId id = registry.grant(g, signGrant(OWNER, g));
        registry.withdraw(g, signWithdrawal(OWNER, g));
        (bytes24 epoch,, bytes24 unproven) = state(offers[0]);
        vm.assertTrue(epoch == 0 && unproven == appended(0, id) && registry.isDead(id));
    }

    function test_withdraw_without_a_grant_does_not() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        ConsentId id = registry.consentId(g);
        registry.withdraw(g, signWithdrawal(OWNER, g));
        vm.assertTrue(registry.isDead(id));
        vm.assertEq(epochOf(0), 0);
    }

    function test_withdraw_from_a_batch_raises_the_epoch() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        ConsentId id = registry.consentId(g);
        (BatchRoot root, bytes32[] memory proof) = anchorPair(0, id);
        registry.withdrawBatched(g, signWithdrawal(OWNER, g), root, proof);
        vm.assertTrue(registry.statusOf(id).proven);
        vm.assertEq(epochOf(0), appended(0, id));
    }

    function test_withdraw_with_anothers_batch() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        ConsentId id = registry.consentId(g);
        bytes memory signature = signWithdrawal(OWNER, g);
        (BatchRoot root, bytes32[] memory proof) = anchorPair(1, id);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NotInBatch.selector, offers[0], id, root));
        registry.withdrawBatched(g, signature, root, proof);
    }

    function test_withdraw_with_a_wrong_proof() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        ConsentId id = registry.consentId(g);
        bytes memory signature = signWithdrawal(OWNER, g);
        (BatchRoot root, bytes32[] memory proof) = anchorPair(0, id);
        proof[0] ^= bytes32(uint256(1));
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NotInBatch.selector, offers[0], id, root));
        registry.withdrawBatched(g, signature, root, proof);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NotInBatch.selector, offers[0], id, id));
        registry.withdrawBatched(g, signature, batchOf(id), new bytes32[](0));
    }

    function test_withdraw_for_an_unknown_offer() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        g.offer = UNKNOWN;
        bytes memory signature = signWithdrawal(OWNER, g);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.UnknownOffer.selector, g.offer));
        registry.withdraw(g, signature);
    }

    /// @dev The owner's signature doesn't cover the proof: who copies it without loses nothing for him.
    function test_a_front_runner_cannot_strip_the_proof() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        ConsentId id = registry.consentId(g);
        (BatchRoot root, bytes32[] memory proof) = anchorPair(0, id);
        bytes memory signature = signWithdrawal(OWNER, g);
        vm.prank(vm.addr(STRANGER));
        registry.withdraw(g, signature);
        vm.assertEq(epochOf(0), 0);
        (,, bytes24 before) = state(offers[0]);
        registry.withdrawBatched(g, signature, root, proof);
        (bytes24 epoch,, bytes24 unproven) = state(offers[0]);
        vm.assertTrue(epoch == appended(0, id) && unproven == before && registry.statusOf(id).proven);
    }

    function test_granted_and_batched_counts_once() public {
        (IConsentRegistry.Grant memory g, ConsentId id) = give(1);
        (BatchRoot root, bytes32[] memory proof) = anchorPair(0, id);
        registry.withdrawBatched(g, signWithdrawal(OWNER, g), root, proof);
        vm.assertEq(epochOf(0), appended(0, id));
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.AlreadyProven.selector, id));
        registry.prove(id, offers[0], root, proof);
    }

    function test_withdrawMany_passes_over_what_has_ended() public {
        (IConsentRegistry.Grant memory a, ConsentId idA) = give(1);
        IConsentRegistry.Grant memory b = ownersConsent(2);
        (BatchRoot root, bytes32[] memory proof) = anchorPair(0, registry.consentId(b));
        IConsentRegistry.Grant memory c = ownersConsent(3);
        registry.withdraw(b, signWithdrawal(OWNER, b));
        registry.withdraw(c, signWithdrawal(OWNER, c));

        IConsentRegistry.Grant[] memory grants = new IConsentRegistry.Grant[](3);
        bytes[] memory signatures = new bytes[](3);
        IConsentRegistry.BatchProof[] memory proofs = new IConsentRegistry.BatchProof[](3);
        (grants[0], grants[1], grants[2]) = (a, b, c);
        signatures[0] = signWithdrawal(OWNER, a);
        proofs[1] = IConsentRegistry.BatchProof(root, proof);
        vm.assertEq(registry.withdrawMany(grants, signatures, proofs), 2);
        vm.assertTrue(registry.isDead(idA) && registry.statusOf(registry.consentId(b)).proven);
        vm.assertEq(epochOf(0), appended(appended(0, idA), registry.consentId(b)));
        vm.assertEq(registry.withdrawMany(grants, signatures, proofs), 0);
    }

    // --------------------------------------------------------------------- prove

    function test_prove_once_even_through_two_batches() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        ConsentId id = registry.consentId(g);
        registry.withdraw(g, signWithdrawal(OWNER, g));
        (BatchRoot root, bytes32[] memory proof) = anchorPair(0, id);
        vm.prank(relay(0));
        registry.anchor(offers[0], batchOf(id));
        vm.expectEmit(true, true, false, true);
        emit IConsentRegistry.WithdrawalProven(offers[0], id, root, appended(0, id));
        registry.prove(id, offers[0], root, proof);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.AlreadyProven.selector, id));
        registry.prove(id, offers[0], batchOf(id), new bytes32[](0));
        vm.assertEq(epochOf(0), appended(0, id));
    }

    function test_prove_what_has_not_ended() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        ConsentId id = registry.consentId(g);
        (BatchRoot root, bytes32[] memory proof) = anchorPair(0, id);
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentNotEnded.selector, id, IConsentRegistry.Status.None)
        );
        registry.prove(id, offers[0], root, proof);
        give(1);
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentNotEnded.selector, id, IConsentRegistry.Status.Given)
        );
        registry.prove(id, offers[0], root, proof);
    }

    /// @dev A provider can't change the epoch of another's offer, nor its own with another's consents.
    function test_prove_through_anothers_offer() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        ConsentId id = registry.consentId(g);
        registry.withdraw(g, signWithdrawal(OWNER, g));
        (BatchRoot root, bytes32[] memory proof) = anchorPair(1, id);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NotInBatch.selector, offers[1], id, root));
        registry.prove(id, offers[1], root, proof);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NotInBatch.selector, offers[0], id, root));
        registry.prove(id, offers[0], root, proof);
    }

    // -------------------------------------------------------------------- revoke

    function test_revoke_in_all_three_situations() public {
        (IConsentRegistry.Grant memory granted,) = give(1);
        IConsentRegistry.Grant memory batched = ownersConsent(2);
        IConsentRegistry.Grant memory unseen = ownersConsent(3);
        (BatchRoot root, bytes32[] memory proof) = anchorPair(0, registry.consentId(batched));
        vm.prank(relay(0));
        registry.revoke(granted, "lost key");
        bytes24 epoch = appended(0, registry.consentId(granted));
        vm.assertEq(epochOf(0), epoch);
        vm.prank(provider(0));
        registry.revokeBatched(batched, "court", root, proof);
        epoch = appended(epoch, registry.consentId(batched));
        vm.assertEq(epochOf(0), epoch);
        vm.prank(provider(0));
        registry.revoke(unseen, "court");
        vm.assertEq(epochOf(0), epoch);
        vm.assertTrue(registry.isDead(registry.consentId(unseen)));
        vm.assertTrue(registry.statusOf(registry.consentId(granted)).status == IConsentRegistry.Status.Revoked);
    }

    function test_revoke_of_a_strangers_grant_counts() public {
        IConsentRegistry.Grant memory g = ownersConsent(1);
        registry.grant(g, signGrant(OWNER, g));
        vm.prank(provider(0));
        registry.revoke(g, "court");
        vm.assertEq(epochOf(0), appended(0, registry.consentId(g)));
    }

    function test_revoke_by_others() public {
        (IConsentRegistry.Grant memory g,) = give(1);
        vm.prank(provider(0));
        registry.appoint(relay(0), false);
        address[4] memory others = [relay(0), relay(1), provider(1), vm.addr(OWNER)];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IConsentRegistry.NotProviderOrRelay.selector, offers[0], provider(0), others[i])
            );
            vm.prank(others[i]);
            registry.revoke(g, "mine");
        }
    }

    function test_revoke_and_withdraw_are_terminal_for_each_other() public {
        (IConsentRegistry.Grant memory g, ConsentId id) = give(1);
        vm.prank(provider(0));
        registry.revoke(g, "court");
        bytes memory signature = signWithdrawal(OWNER, g);
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentEnded.selector, id, IConsentRegistry.Status.Revoked)
        );
        registry.withdraw(g, signature);
    }

    function test_revokeMany() public {
        IConsentRegistry.Grant[] memory grants = new IConsentRegistry.Grant[](3);
        IConsentRegistry.BatchProof[] memory proofs = new IConsentRegistry.BatchProof[](3);
        (grants[0],) = give(1);
        grants[1] = ownersConsent(2);
        grants[2] = ownersConsent(3);
        bytes32[] memory proof;
        (proofs[1].batch, proof) = anchorPair(0, registry.consentId(grants[1]));
        proofs[1].proof = proof;
        vm.prank(provider(0));
        vm.assertEq(registry.revokeMany(grants, "court", proofs), 3);
        bytes24 epoch = appended(appended(0, registry.consentId(grants[0])), registry.consentId(grants[1]));
        vm.assertEq(epochOf(0), epoch);
        vm.prank(provider(0));
        vm.assertEq(registry.revokeMany(grants, "court", proofs), 0);
    }

    function test_anchorErasure_of_an_ended_consent() public {
        (IConsentRegistry.Grant memory g, ConsentId id) = give(1);
        vm.prank(provider(0));
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentNotEnded.selector, id, IConsentRegistry.Status.Given)
        );
        registry.anchorErasure(g.offer, id, "receipt");

        registry.withdraw(g, signWithdrawal(OWNER, g));
        vm.expectEmit(true, true, true, true);
        emit IConsentRegistry.ErasureAnchored(g.offer, id, "receipt");
        vm.prank(provider(0));
        registry.anchorErasure(g.offer, id, "receipt");
    }

    function test_anchorErasure_by_others_and_of_others() public {
        (IConsentRegistry.Grant memory g, ConsentId id) = give(1);
        registry.withdraw(g, signWithdrawal(OWNER, g));
        vm.prank(relay(1));
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.NotProviderOrRelay.selector, g.offer, provider(0), relay(1))
        );
        registry.anchorErasure(g.offer, id, "receipt");

        OfferId other = offers[1];
        vm.prank(provider(1));
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentToAnotherOffer.selector, id, other));
        registry.anchorErasure(other, id, "receipt");
    }

    function test_two_lists_chain_everything_that_ended() public {
        (bytes24 proven, bytes24 unproven) = (0, 0);
        for (uint256 salt = 1; salt <= 4; ++salt) {
            IConsentRegistry.Grant memory g = ownersConsent(salt);
            if (salt < 3) give(salt);
            if (salt % 2 == 0) {
                registry.withdraw(g, signWithdrawal(OWNER, g));
            } else {
                vm.prank(provider(0));
                registry.revoke(g, 0);
            }
            if (salt < 3) proven = appended(proven, registry.consentId(g));
            else unproven = appended(unproven, registry.consentId(g));
            (bytes24 epoch,, bytes24 found) = state(offers[0]);
            vm.assertTrue(epoch == proven && found == unproven);
        }
    }

    // --------------------------------------------------------------------- check

    function _check(ConsentId id, uint256 i, uint48 from, uint48 until, uint32 opening)
        private
        view
        returns (IConsentRegistry.Reason)
    {
        return registry.check(id, offers[i], consumer(), PURPOSE, 1, from, until, opening);
    }

    function _assertReason(IConsentRegistry.Reason found, IConsentRegistry.Reason expected) private pure {
        vm.assertEq(uint256(found), uint256(expected));
    }

    function test_check_says_why() public {
        (IConsentRegistry.Grant memory g, ConsentId id) = give(1);
        uint48 a = g.notAfter;
        _assertReason(_check(id, 0, NOW, a, 2), IConsentRegistry.Reason.Ok);
        _assertReason(_check(ConsentId.wrap("other"), 0, NOW, a, 0), IConsentRegistry.Reason.UnknownConsent);
        _assertReason(_check(id, 1, NOW, a, 0), IConsentRegistry.Reason.WrongOffer);
        _assertReason(_check(id, 0, g.notBefore - 1, a, 0), IConsentRegistry.Reason.NotYetValid);
        _assertReason(_check(id, 0, NOW, g.notBefore - 1, 0), IConsentRegistry.Reason.NotYetValid);
        _assertReason(_check(id, 0, NOW, a + 1, 0), IConsentRegistry.Reason.Expired);
        _assertReason(_check(id, 0, a + 1, NOW, 0), IConsentRegistry.Reason.Expired);
        _assertReason(_check(id, 0, NOW, a, 3), IConsentRegistry.Reason.Exhausted);
        _assertReason(
            registry.check(id, OfferId.wrap("other"), consumer(), PURPOSE, 1, NOW, NOW, 0),
            IConsentRegistry.Reason.UnknownOffer
        );
        _assertReason(
            registry.check(id, offers[0], provider(0), PURPOSE, 1, NOW, NOW, 0), IConsentRegistry.Reason.WrongConsumer
        );
        _assertReason(
            registry.check(id, offers[0], consumer(), "other", 1, NOW, NOW, 0), IConsentRegistry.Reason.WrongPurpose
        );
        uint32[3] memory operations = [uint32(0), 4, 5];
        for (uint256 i = 0; i < 3; ++i) {
            _assertReason(
                registry.check(id, offers[0], consumer(), PURPOSE, operations[i], NOW, NOW, 0),
                IConsentRegistry.Reason.WrongOperation
            );
        }
        registry.withdraw(g, signWithdrawal(OWNER, g));
        _assertReason(_check(id, 0, NOW, a, 2), IConsentRegistry.Reason.Withdrawn);
    }

    function test_check_says_revoked() public {
        (IConsentRegistry.Grant memory g, ConsentId id) = give(1);
        vm.prank(provider(0));
        registry.revoke(g, "court");
        _assertReason(_check(id, 0, NOW, NOW, 0), IConsentRegistry.Reason.Revoked);
    }

    /// @dev The same as the rule in words: firstOpening ≤ k < firstOpening + uses, without overflow.
    function testFuzz_openings(uint32 firstOpening, uint32 uses, uint32 opening) public {
        vm.assume(uses != 0);
        IConsentRegistry.Grant memory g = ownersConsent(1);
        (g.firstOpening, g.uses) = (firstOpening, uses);
        ConsentId id = registry.grant(g, signGrant(OWNER, g));
        IConsentRegistry.Reason expected = IConsentRegistry.Reason.Ok;
        if (opening < firstOpening) expected = IConsentRegistry.Reason.NotYetOpen;
        else if (opening >= uint256(firstOpening) + uses) expected = IConsentRegistry.Reason.Exhausted;
        _assertReason(_check(id, 0, NOW, NOW, opening), expected);
    }

    // -------------------------------------------------------------------- ledger

    function test_only_the_ledger_uses_openings() public {
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NotLedger.selector, address(ledger), address(this)));
        JobId job = JobId.wrap("job");
        registry.useOpening(job, provider(0), consumer(), PURPOSE, 1, NOW, new IConsentRegistry.Input[](0));
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NotLedger.selector, address(ledger), address(this)));
        registry.refund(job, new IConsentRegistry.Input[](0));
    }
}
