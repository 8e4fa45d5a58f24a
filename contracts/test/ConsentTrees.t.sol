// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {IConsentTrees} from "../interfaces/IConsentTrees.sol";
import {IGroth16Verifier} from "../interfaces/IGroth16Verifier.sol";
import {IRewardEscrow} from "../interfaces/IRewardEscrow.sol";
import {IStatements} from "../interfaces/IStatements.sol";
import {Base} from "./helpers/Base.sol";
import {Trapdoor} from "./helpers/Trapdoor.sol";
import {BatchRoot, CeremonyId, CircuitId, ConsentId, JobId, KeyId, OfferId, StatementId} from "../interfaces/Types.sol";

/// @notice Keys are of a set-up whose secret these tests know: what is proven here is what the contracts add to a proof.
contract ConsentTreesTest is Base {
    address private constant PROVER = address(0xa11ce);
    address private constant THIEF = address(0xbad);
    uint256 private constant ROOT = 77;

    IConsentTrees private trees;
    IStatements private statements;
    IGroth16Verifier private verifier;
    IRewardEscrow private statementEscrow;
    KeyId private key;

    function setUp() public override {
        super.setUp();
        vm.chainId(31337);
        trees = IConsentTrees(vm.deployCode("ConsentTrees.sol:ConsentTrees", abi.encode(registry)));
        verifier = IGroth16Verifier(vm.deployCode("Groth16Verifier.sol:Groth16Verifier"));
        address ceremonies = vm.deployCode("Ceremonies.sol:Ceremonies");
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        statementEscrow = IRewardEscrow(vm.deployCode("RewardEscrow.sol:RewardEscrow", abi.encode(predicted)));
        bytes memory arguments = abi.encode(verifier, ceremonies, statementEscrow);
        statements = IStatements(vm.deployCode("Statements.sol:Statements", arguments));
        key = verifier.register(
            Trapdoor.key(5),
            IGroth16Verifier.Registration(CircuitId.wrap("consent"), CeremonyId.wrap(0), 4, address(trees))
        );
    }

    function treeOf(uint256 i, uint256 root) private view returns (IConsentTrees.Tree memory tree) {
        (bytes24 epoch, uint32 openings, bytes24 unproven) = state(offers[i]);
        tree = IConsentTrees.Tree(offers[i], root, epoch, unproven, NOW + 1 days, openings + 2, 3);
    }

    function publish(uint256 i, uint256 root) private returns (IConsentTrees.Tree memory tree) {
        tree = treeOf(i, root);
        vm.prank(relay(i));
        trees.publish(tree);
    }

    function about(uint256 i, uint256 root, uint256 nullifier) private view returns (IStatements.Statement memory s) {
        s = IStatements.Statement(key, JobId.wrap("job"), PROVER, consumer(), NOW + 100, new uint256[](3));
        (s.inputs[0], s.inputs[1]) = (root, uint256(OfferId.unwrap(offers[i])) >> 3);
        s.inputs[2] = nullifier;
    }

    function proofOf(IStatements.Statement memory s) private view returns (uint256[8] memory) {
        return Trapdoor.prove(statements.publicInputs(s), 5);
    }

    function refused(IStatements.Statement memory s, IConsentTrees.State why) private {
        uint256[8] memory proof = proofOf(s);
        vm.expectRevert(abi.encodeWithSelector(IConsentTrees.TreeNotLive.selector, s.inputs[0], why));
        statements.record(s, proof);
        vm.assertFalse(statements.nullifierUsed(key, s.inputs[2]));
    }

    function assertState(uint256 i, uint256 root, IConsentTrees.State expected) private view {
        vm.assertEq(uint256(trees.stateOf(offers[i], root)), uint256(expected));
    }

    function withdrawn(uint256 salt) private {
        (IConsentRegistry.Grant memory g,) = give(salt);
        registry.withdraw(g, signWithdrawal(OWNER, g));
    }

    function test_a_consent_is_recorded_once_a_job_while_its_tree_is_live() public {
        publish(0, ROOT);
        IStatements.Statement memory s = about(0, ROOT, 9);
        uint256[8] memory proof = proofOf(s);
        // Whoever sees it on its way to the chain sends it for the same prover, or nothing.
        IStatements.Statement memory stolen = about(0, ROOT, 9);
        stolen.prover = THIEF;
        vm.expectRevert(IStatements.ProofRefused.selector);
        statements.record(stolen, proof);
        vm.prank(THIEF);
        StatementId id = statements.record(s, proof);
        vm.assertEq(statements.records(id).prover, PROVER);
        proof = proofOf(stolen);
        vm.expectRevert(abi.encodeWithSelector(IStatements.NullifierUsed.selector, key, 9));
        statements.record(stolen, proof);
    }

    function test_a_withdrawal_ends_the_root_and_a_new_tree_is_another() public {
        publish(0, ROOT);
        publish(1, ROOT);
        withdrawn(1);
        assertState(0, ROOT, IConsentTrees.State.Ended);
        assertState(1, ROOT, IConsentTrees.State.Live);
        refused(about(0, ROOT, 9), IConsentTrees.State.Ended);
        publish(0, ROOT + 1);
        statements.record(about(0, ROOT + 1, 9), proofOf(about(0, ROOT + 1, 9)));
        refused(about(0, ROOT, 10), IConsentTrees.State.Ended);
    }

    /// @dev The owner's word counts as soon as it is on chain, also where nobody has shown yet that it is about a real consent.
    function test_so_does_a_withdrawal_that_is_not_proven_and_later_its_proof() public {
        publish(0, ROOT);
        IConsentRegistry.Grant memory g = ownersConsent(2);
        registry.withdraw(g, signWithdrawal(OWNER, g));
        assertState(0, ROOT, IConsentTrees.State.Ended);
        publish(0, ROOT);
        assertState(0, ROOT, IConsentTrees.State.Live);
        (BatchRoot root, bytes32[] memory proof) = anchorPair(0, registry.consentId(g));
        registry.prove(registry.consentId(g), offers[0], root, proof);
        assertState(0, ROOT, IConsentTrees.State.Ended);
    }

    function test_so_does_a_revocation() public {
        publish(0, ROOT);
        (IConsentRegistry.Grant memory g,) = give(3);
        assertState(0, ROOT, IConsentTrees.State.Live);
        vm.prank(provider(0));
        registry.revoke(g, "why");
        refused(about(0, ROOT, 9), IConsentTrees.State.Ended);
    }

    function test_a_tree_is_of_the_ends_that_its_provider_saw() public {
        IConsentTrees.Tree memory tree = treeOf(0, ROOT);
        withdrawn(1);
        (bytes24 epoch,, bytes24 unproven) = state(offers[0]);
        bytes memory expected = abi.encodeWithSelector(IConsentTrees.ConsentsEnded.selector, offers[0], epoch, unproven);
        vm.expectRevert(expected);
        vm.prank(provider(0));
        trees.publish(tree);
        tree = treeOf(0, ROOT);
        tree.unproven = "another";
        vm.expectRevert(expected);
        vm.prank(provider(0));
        trees.publish(tree);
    }

    function test_only_its_provider_publishes_and_roots_are_of_one_offer() public {
        IConsentTrees.Tree memory tree = treeOf(0, ROOT);
        address[3] memory others = [relay(1), provider(1), THIEF];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IConsentTrees.NotProviderOrRelay.selector, offers[0], provider(0), others[i])
            );
            vm.prank(others[i]);
            trees.publish(tree);
        }
        tree.offer = OfferId.wrap("unknown");
        vm.expectRevert(
            abi.encodeWithSelector(IConsentTrees.NotProviderOrRelay.selector, tree.offer, address(0), address(0))
        );
        vm.prank(address(0));
        trees.publish(tree);
        publish(1, ROOT);
        refused(about(0, ROOT, 9), IConsentTrees.State.Unknown);
        refused(about(1, ROOT + 1, 9), IConsentTrees.State.Unknown);
        tree = trees.trees(offers[1], ROOT);
        vm.assertTrue(tree.offer == offers[1] && tree.leaves == 3 && tree.root == ROOT);
        vm.assertTrue(trees.trees(offers[0], ROOT).leaves == 0);
    }

    function test_what_is_no_tree_is_not_published() public {
        vm.startPrank(provider(0));
        IConsentTrees.Tree memory tree = treeOf(0, 0);
        vm.expectRevert(abi.encodeWithSelector(IConsentTrees.NoRoot.selector, 0));
        trees.publish(tree);
        tree.root = Trapdoor.R;
        vm.expectRevert(abi.encodeWithSelector(IConsentTrees.NoRoot.selector, Trapdoor.R));
        trees.publish(tree);
        tree.root = Trapdoor.R - 1;
        uint32[2] memory wrong = [uint32(0), (1 << 20) + 1];
        for (uint256 i = 0; i < 2; ++i) {
            tree.leaves = wrong[i];
            vm.expectRevert(abi.encodeWithSelector(IConsentTrees.WrongNumberOfLeaves.selector, wrong[i]));
            trees.publish(tree);
        }
        tree.leaves = 1 << 20;
        trees.publish(tree);
    }

    function test_a_tree_is_live_no_longer_than_its_consents() public {
        publish(0, ROOT);
        vm.warp(NOW + 1 days);
        assertState(0, ROOT, IConsentTrees.State.Live);
        vm.warp(NOW + 1 days + 1);
        assertState(0, ROOT, IConsentTrees.State.Expired);
        vm.warp(NOW);
        open(planOf(1));
        assertState(0, ROOT, IConsentTrees.State.Live);
        open(planOf(2));
        refused(about(0, ROOT, 9), IConsentTrees.State.Exhausted);
    }

    function test_a_statement_about_a_consent_has_five_inputs() public {
        uint256[] memory inputs = new uint256[](4);
        vm.expectRevert(abi.encodeWithSelector(IConsentTrees.WrongNumberOfInputs.selector, 4));
        trees.requireStands(inputs);
    }

    function test_a_reward_is_for_any_consent_of_the_tree_and_paid_once() public {
        publish(0, ROOT);
        vm.prank(consumer());
        token.approve(address(statementEscrow), 100);
        IStatements.Statement memory s = about(0, ROOT, 0);
        IStatements.Reward memory reward =
            IStatements.Reward(consumer(), address(token), 100, NOW + 50, key, s.job, consumer(), s.inputs);
        vm.prank(consumer());
        statements.offerReward(reward);
        IStatements.Statement memory given = about(0, ROOT, 9);
        statements.record(given, proofOf(given));
        statements.releaseReward(reward, given);
        vm.assertEq(statementEscrow.owed(address(token), PROVER), 100);
        given = about(0, ROOT, 10);
        statements.record(given, proofOf(given));
        vm.expectRevert();
        statements.releaseReward(reward, given);
    }

    /// @dev Whatever happens, in whatever order: a root is live if and only if nothing ended since it was published.
    /// forge-config: default.fuzz.runs = 16
    /// forge-config: long.fuzz.runs = 200
    function test_live_is_what_nothing_ended_since(uint8[10] memory acts) public {
        bool live = false;
        for (uint256 i = 0; i < acts.length; ++i) {
            uint256 act = acts[i] % 5;
            IConsentRegistry.Grant memory g = ownersConsent(100 + i);
            if (act == 0) publish(0, ROOT);
            else if (act == 1) withdrawn(100 + i);
            else if (act == 2) registry.withdraw(g, signWithdrawal(OWNER, g));
            else if (act == 3) give(100 + i);
            else publish(1, ROOT);
            live = act == 0 || live && act > 2;
            vm.assertTrue(live == (trees.stateOf(offers[0], ROOT) == IConsentTrees.State.Live));
        }
    }

    /// forge-config: default.isolate = true
    function test_gas() public {
        publish(0, uint256(keccak256("root")) % Trapdoor.R);
        vm.snapshotGasLastCall("ConsentTrees", "publish");
        IStatements.Statement memory s =
            about(0, uint256(keccak256("root")) % Trapdoor.R, uint256(keccak256("nullifier")) % Trapdoor.R);
        uint256[8] memory proof = Trapdoor.prove(statements.publicInputs(s), uint256(keccak256("a")) % Trapdoor.R);
        statements.record(s, proof);
        vm.snapshotGasLastCall("ConsentTrees", "record a consent");
    }
}
