// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICeremonies} from "../interfaces/ICeremonies.sol";
import {IGroth16Verifier} from "../interfaces/IGroth16Verifier.sol";
import {IRewardEscrow} from "../interfaces/IRewardEscrow.sol";
import {IStatements} from "../interfaces/IStatements.sol";
import {CallbackToken, PlainToken} from "./mocks/Tokens.sol";
import {Trapdoor} from "./helpers/Trapdoor.sol";
import {Vm} from "./helpers/Vm.sol";
import {CeremonyId, CircuitId, JobId, KeyId, RewardId, StatementId} from "../interfaces/Types.sol";

contract StatementsTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant R = Trapdoor.R;
    uint48 private constant NOW = 2_000_000_000;
    address private constant PROVER = address(0xa11ce);
    address private constant THIEF = address(0xbad);
    address private constant LENDER = address(0x1e4d);
    address private constant SPONSOR = address(0x5905);
    CircuitId private constant CIRCUIT = CircuitId.wrap("band");

    ICeremonies private ceremonies;
    IGroth16Verifier private verifier;
    IRewardEscrow private escrow;
    IStatements private statements;
    PlainToken private token;
    KeyId private key;

    /// @dev A chain of value, and keys of a ceremony of three.
    function setUp() public {
        vm.warp(NOW);
        vm.chainId(1);
        ceremonies = ICeremonies(vm.deployCode("Ceremonies.sol:Ceremonies"));
        verifier = IGroth16Verifier(vm.deployCode("Groth16Verifier.sol:Groth16Verifier"));
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        escrow = IRewardEscrow(vm.deployCode("RewardEscrow.sol:RewardEscrow", abi.encode(predicted)));
        statements = deploy(address(escrow));
        token = new PlainToken();
        token.mint(SPONSOR, 1_000);
        vm.prank(SPONSOR);
        token.approve(address(escrow), 1_000);
        key = ceremonial(5, 0);
    }

    function deploy(address escrow_) private returns (IStatements) {
        bytes memory arguments = abi.encode(verifier, ceremonies, escrow_);
        return IStatements(vm.deployCode("Statements.sol:Statements", arguments));
    }

    function contributors(uint256 count) private pure returns (address[] memory who) {
        who = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            who[i] = address(uint160(0xc0 + i));
        }
    }

    function ceremonyOf(uint256 count, bytes32 salt) private returns (CeremonyId ceremony) {
        ceremony = ceremonies.open(CIRCUIT, contributors(count), salt);
        for (uint256 i = 0; i < count; ++i) {
            vm.prank(contributors(count)[i]);
            ceremonies.contribute(ceremony, keccak256(abi.encode(i)));
        }
    }

    function confirm(CeremonyId ceremony, KeyId key_, uint256 count) private {
        for (uint256 i = 0; i < count; ++i) {
            vm.prank(ceremonies.contributorsOf(ceremony)[i]);
            ceremonies.confirm(ceremony, key_);
        }
    }

    function register(CeremonyId ceremony, uint256 inputs, uint8 nullifier) private returns (KeyId) {
        return verifier.register(
            Trapdoor.key(inputs), IGroth16Verifier.Registration(CIRCUIT, ceremony, nullifier, address(0))
        );
    }

    function ceremonial(uint256 inputs, uint8 nullifier) private returns (KeyId key_) {
        CeremonyId ceremony = ceremonyOf(3, keccak256(abi.encode(inputs, nullifier)));
        key_ = register(ceremony, inputs, nullifier);
        confirm(ceremony, key_, 3);
    }

    function about(KeyId key_, uint256 a, uint256 b, uint256 c) private pure returns (IStatements.Statement memory s) {
        s = IStatements.Statement(key_, JobId.wrap(keccak256("job")), PROVER, LENDER, NOW + 100, new uint256[](3));
        (s.inputs[0], s.inputs[1], s.inputs[2]) = (a, b, c);
    }

    function proofOf(IStatements.Statement memory s) private view returns (uint256[8] memory) {
        return Trapdoor.prove(statements.publicInputs(s), 5);
    }

    function refused(IStatements.Statement memory s, uint256[8] memory proof, bytes memory expected) private {
        vm.expectRevert(expected);
        statements.record(s, proof);
        vm.assertEq(statements.records(statements.statementId(s)).recordedAt, 0);
    }

    // --------------------------------------------------------------- statements

    function test_a_statement_is_recorded_for_its_prover() public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        uint256[8] memory proof = proofOf(s);
        vm.expectEmit(true, true, true, true);
        emit IStatements.StatementRecorded(statements.statementId(s), s.job, PROVER, key, LENDER, s.inputs);
        vm.prank(THIEF);
        StatementId id = statements.record(s, proof);
        IStatements.Record memory r = statements.records(id);
        vm.assertEq(r.prover, PROVER);
        vm.assertEq(r.recordedAt, NOW);
        uint256[] memory inputs = statements.publicInputs(s);
        vm.assertTrue(inputs.length == 5 && inputs[0] < R && inputs[2] == 1 && inputs[4] == 3);
        vm.assertEq(inputs[1], uint256(keccak256("job")) >> 3);
    }

    /// @dev A thief that saw the proof changes whatever it likes around it: nothing but the statement itself passes.
    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_a_copied_proof_serves_nobody_else(uint8 what) public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        uint256[8] memory proof = proofOf(s);
        if (what % 6 == 0) s.prover = THIEF;
        else if (what % 6 == 1) s.relyingParty = THIEF;
        else if (what % 6 == 2) s.job = JobId.wrap("another");
        else if (what % 6 == 3) s.until += 1;
        else if (what % 6 == 4) s.inputs[1] = 1;
        else s.key = ceremonial(5, 3);
        refused(s, proof, abi.encodeWithSelector(IStatements.ProofRefused.selector));
    }

    function test_nor_on_another_chain_or_contract() public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        uint256[8] memory proof = proofOf(s);
        vm.chainId(2);
        refused(s, proof, abi.encodeWithSelector(IStatements.ProofRefused.selector));
        vm.chainId(1);
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        IStatements other = deploy(vm.deployCode("RewardEscrow.sol:RewardEscrow", abi.encode(predicted)));
        vm.expectRevert(IStatements.ProofRefused.selector);
        other.record(s, proof);
        statements.record(s, proof);
    }

    /// @dev Groth16 proofs can be made into others of the same statement: once is once by the statement.
    function test_the_same_statement_under_another_proof_is_known() public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        StatementId id = statements.record(s, proofOf(s));
        uint256[8] memory other = Trapdoor.prove(statements.publicInputs(s), 6);
        vm.assertTrue(verifier.verify(key, statements.publicInputs(s), other));
        vm.expectRevert(abi.encodeWithSelector(IStatements.StatementKnown.selector, id));
        statements.record(s, other);
    }

    function test_an_input_and_the_order_are_refused() public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        uint256[8] memory proof = proofOf(s);
        s.inputs[2] += R;
        refused(s, proof, abi.encodeWithSelector(IGroth16Verifier.InputNotInField.selector, 4, 3 + R));
    }

    function test_nothing_is_recorded_after_its_time() public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        uint256[8] memory proof = proofOf(s);
        vm.warp(NOW + 101);
        refused(s, proof, abi.encodeWithSelector(IStatements.StatementExpired.selector, NOW + 100, NOW + 101));
        vm.warp(NOW + 100);
        statements.record(s, proof);
    }

    function test_a_nullifier_is_used_once_under_its_key() public {
        KeyId unnamed = ceremonial(5, 4);
        IStatements.Statement memory s = about(unnamed, 1, 2, 77);
        statements.record(s, proofOf(s));
        vm.assertTrue(statements.nullifierUsed(unnamed, 77) && !statements.nullifierUsed(key, 77));
        s.prover = THIEF;
        refused(s, proofOf(s), abi.encodeWithSelector(IStatements.NullifierUsed.selector, unnamed, 77));
        s.inputs[2] = 77 + R;
        refused(s, proofOf(s), abi.encodeWithSelector(IGroth16Verifier.InputNotInField.selector, 4, 77 + R));
        s.inputs[2] = 78;
        statements.record(s, proofOf(s));
        s = about(key, 1, 2, 77);
        statements.record(s, proofOf(s));
    }

    function test_an_unknown_key_proves_nothing() public {
        IStatements.Statement memory s = about(KeyId.wrap("unknown"), 1, 2, 3);
        uint256[8] memory proof = proofOf(s);
        refused(s, proof, abi.encodeWithSelector(IStatements.TestKey.selector, s.key));
        vm.chainId(31337);
        refused(s, proof, abi.encodeWithSelector(IGroth16Verifier.KeyUnknown.selector, s.key));
    }

    // --------------------------------------------------------------- ceremonies

    /// @dev Who made the key alone proves what it likes: here any commitment is of any total.
    function test_a_key_of_one_person_is_refused_off_local_chains() public {
        KeyId test = register(CeremonyId.wrap(0), 5, 0);
        IStatements.Statement memory s = about(test, 1, 2, 3);
        vm.assertFalse(statements.takesTestKeys());
        refused(s, proofOf(s), abi.encodeWithSelector(IStatements.TestKey.selector, test));
        vm.chainId(31337);
        vm.assertTrue(statements.takesTestKeys());
        statements.record(s, proofOf(s));
    }

    function test_a_key_that_its_ceremony_did_not_make() public {
        CeremonyId ceremony = ceremonyOf(2, "late");
        KeyId own = register(ceremony, 5, 0);
        IStatements.Statement memory s = about(own, 1, 2, 3);
        bytes memory expected = abi.encodeWithSelector(IStatements.NotOfItsCeremony.selector, own);
        refused(s, proofOf(s), expected);
        confirm(ceremony, own, 1);
        refused(s, proofOf(s), expected);
        vm.prank(contributors(2)[1]);
        ceremonies.confirm(ceremony, key);
        refused(s, proofOf(s), expected);
        vm.chainId(31337);
        refused(s, proofOf(s), expected);

        KeyId invented = register(CeremonyId.wrap("invented"), 5, 0);
        s = about(invented, 1, 2, 3);
        refused(s, proofOf(s), abi.encodeWithSelector(IStatements.NotOfItsCeremony.selector, invented));
    }

    function test_a_ceremony_has_two_contributors_and_more() public {
        address[] memory who = contributors(1);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.WrongNumberOfContributors.selector, 1));
        ceremonies.open(CIRCUIT, who, 0);
        who = contributors(65);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.WrongNumberOfContributors.selector, 65));
        ceremonies.open(CIRCUIT, who, 0);
        who = contributors(2);
        who[1] = who[0];
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.NoContributor.selector, who[0]));
        ceremonies.open(CIRCUIT, who, 0);
        who[1] = address(0);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.NoContributor.selector, address(0)));
        ceremonies.open(CIRCUIT, who, 0);
        CeremonyId ceremony = ceremonies.open(CIRCUIT, contributors(2), 0);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.CeremonyKnown.selector, ceremony));
        ceremonies.open(CIRCUIT, contributors(2), 0);
        // Another opener's is another: nobody takes an id away.
        vm.prank(THIEF);
        vm.assertTrue(CeremonyId.unwrap(ceremonies.open(CIRCUIT, contributors(2), 0)) != CeremonyId.unwrap(ceremony));
    }

    function test_contributors_come_in_their_turn_and_confirm_once() public {
        CeremonyId ceremony = ceremonies.open(CIRCUIT, contributors(2), 0);
        address[] memory who = ceremonies.contributorsOf(ceremony);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.NotYourTurn.selector, ceremony, who[0], who[1]));
        vm.prank(who[1]);
        ceremonies.contribute(ceremony, "mine");
        vm.startPrank(who[0]);
        vm.expectRevert(ICeremonies.NoContribution.selector);
        ceremonies.contribute(ceremony, 0);
        ceremonies.contribute(ceremony, "mine");
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.NotYourTurn.selector, ceremony, who[1], who[0]));
        ceremonies.contribute(ceremony, "again");
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.StillContributing.selector, ceremony, 2, 1));
        ceremonies.confirm(ceremony, key);
        vm.startPrank(who[1]);
        ceremonies.contribute(ceremony, "and mine");
        bytes32 head = keccak256(abi.encode(ceremony, who[0], bytes32("mine")));
        head = keccak256(abi.encode(head, who[1], bytes32("and mine")));
        vm.assertEq(ceremonies.ceremonies(ceremony).head, head);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.NotYourTurn.selector, ceremony, address(0), who[1]));
        ceremonies.contribute(ceremony, "more");
        ceremonies.confirm(ceremony, key);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.MayNotConfirm.selector, ceremony, who[1]));
        ceremonies.confirm(ceremony, key);
        vm.assertFalse(ceremonies.made(ceremony, key));
        vm.startPrank(THIEF);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.MayNotConfirm.selector, ceremony, THIEF));
        ceremonies.confirm(ceremony, key);
        vm.startPrank(who[0]);
        ceremonies.confirm(ceremony, key);
        vm.assertTrue(ceremonies.made(ceremony, key));
        CeremonyId unknown = CeremonyId.wrap("unknown");
        vm.assertFalse(ceremonies.made(unknown, key));
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.CeremonyUnknown.selector, unknown));
        ceremonies.contribute(unknown, "mine");
    }

    // ------------------------------------------------------------------ rewards

    function rewardFor(IStatements.Statement memory s) private view returns (IStatements.Reward memory) {
        return
            IStatements.Reward(
                SPONSOR, address(token), 100, NOW + 50, s.key, s.job, s.relyingParty, statementsInputs(s)
            );
    }

    function statementsInputs(IStatements.Statement memory s) private pure returns (uint256[] memory inputs) {
        inputs = new uint256[](s.inputs.length);
        for (uint256 i = 0; i < inputs.length; ++i) {
            inputs[i] = s.inputs[i];
        }
    }

    function offered(IStatements.Statement memory s) private returns (IStatements.Reward memory reward, RewardId id) {
        reward = rewardFor(s);
        vm.prank(SPONSOR);
        id = statements.offerReward(reward);
    }

    function test_a_reward_is_released_to_the_prover_once() public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        (IStatements.Reward memory reward, RewardId id) = offered(s);
        vm.assertEq(token.balanceOf(address(escrow)), 100);
        StatementId statement = statements.statementId(s);
        vm.expectRevert(abi.encodeWithSelector(IStatements.StatementUnknown.selector, statement));
        statements.releaseReward(reward, s);
        statements.record(s, proofOf(s));
        vm.expectEmit(true, true, true, true);
        emit IStatements.RewardReleased(id, statement, PROVER);
        vm.prank(THIEF);
        statements.releaseReward(reward, s);
        vm.assertEq(escrow.owed(address(token), PROVER), 100);
        bytes memory settled =
            abi.encodeWithSelector(IRewardEscrow.NothingHeld.selector, JobId.wrap(RewardId.unwrap(id)));
        vm.expectRevert(settled);
        statements.releaseReward(reward, s);
        vm.warp(NOW + 51);
        vm.expectRevert(settled);
        statements.reclaimReward(reward);
        escrow.claimFor(address(token), PROVER);
        vm.assertEq(token.balanceOf(PROVER), 100);
    }

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_a_reward_is_for_its_statement_alone(uint8 what) public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        (IStatements.Reward memory reward,) = offered(s);
        if (what % 5 == 0) s.inputs[0] = 9;
        else if (what % 5 == 1) s.inputs[2] = 9;
        else if (what % 5 == 2) s.job = JobId.wrap("another");
        else if (what % 5 == 3) s.relyingParty = THIEF;
        else s.key = ceremonial(5, 3);
        statements.record(s, proofOf(s));
        vm.expectRevert(IStatements.NotTheStatement.selector);
        statements.releaseReward(reward, s);
    }

    function test_a_statement_that_comes_late_is_not_paid() public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        (IStatements.Reward memory reward,) = offered(s);
        vm.expectRevert(abi.encodeWithSelector(IStatements.TooEarlyToReclaim.selector, NOW + 50, NOW));
        statements.reclaimReward(reward);
        vm.warp(NOW + 51);
        statements.record(s, proofOf(s));
        vm.expectRevert(IStatements.NotTheStatement.selector);
        statements.releaseReward(reward, s);
        vm.prank(THIEF);
        statements.reclaimReward(reward);
        vm.assertEq(escrow.owed(address(token), SPONSOR), 100);
        vm.assertEq(escrow.owed(address(token), THIEF), 0);
    }

    function test_a_statement_in_time_is_paid_until_the_sponsor_reclaims() public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        (IStatements.Reward memory reward,) = offered(s);
        statements.record(s, proofOf(s));
        vm.warp(NOW + 51);
        statements.releaseReward(reward, s);
        vm.assertEq(escrow.owed(address(token), PROVER), 100);
    }

    function test_whoever_brings_a_nullifier_is_paid_once() public {
        KeyId unnamed = ceremonial(5, 4);
        IStatements.Statement memory wanted = about(unnamed, 1, 2, 0);
        (IStatements.Reward memory reward,) = offered(wanted);
        IStatements.Statement memory s = about(unnamed, 1, 2, 77);
        statements.record(s, proofOf(s));
        statements.releaseReward(reward, s);
        vm.assertEq(escrow.owed(address(token), PROVER), 100);
        (s.prover, s.inputs[2]) = (THIEF, 78);
        statements.record(s, proofOf(s));
        vm.expectRevert();
        statements.releaseReward(reward, s);
    }

    function test_a_sponsor_offers_its_own_money() public {
        IStatements.Reward memory reward = rewardFor(about(key, 1, 2, 3));
        vm.expectRevert(abi.encodeWithSelector(IStatements.NotSponsor.selector, SPONSOR, THIEF));
        vm.prank(THIEF);
        statements.offerReward(reward);
        reward.amount = 0;
        vm.expectRevert(IStatements.NoReward.selector);
        vm.prank(SPONSOR);
        statements.offerReward(reward);
        reward.amount = 100;
        vm.prank(SPONSOR);
        RewardId id = statements.offerReward(reward);
        vm.expectRevert(abi.encodeWithSelector(IRewardEscrow.AccountExists.selector, JobId.wrap(RewardId.unwrap(id))));
        vm.prank(SPONSOR);
        statements.offerReward(reward);
    }

    /// @dev A token that comes back while it is pulled finds a reward that holds nothing it could take.
    function test_a_token_that_releases_while_it_is_pulled() public {
        IStatements.Statement memory s = about(key, 1, 2, 3);
        statements.record(s, proofOf(s));
        CallbackToken hostile = new CallbackToken();
        hostile.mint(SPONSOR, 100);
        vm.prank(SPONSOR);
        hostile.approve(address(escrow), 100);
        IStatements.Reward memory reward = rewardFor(s);
        reward.token = address(hostile);
        hostile.arm(address(statements), abi.encodeCall(statements.releaseReward, (reward, s)));
        vm.prank(SPONSOR);
        statements.offerReward(reward);
        vm.assertTrue(hostile.called() && !hostile.succeeded());
        vm.assertEq(escrow.owed(address(hostile), PROVER), 0);
    }

    /// @dev Whatever happens to rewards, in whatever order: the escrow holds what it owes and what is not settled.
    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_the_escrow_holds_what_it_owes(uint8[12] memory acts) public {
        IStatements.Statement[3] memory all;
        IStatements.Reward[3] memory rewards;
        uint256 left = 0;
        for (uint256 i = 0; i < 3; ++i) {
            all[i] = about(key, i, 2, 3);
            (rewards[i],) = offered(all[i]);
        }
        for (uint256 i = 0; i < acts.length; ++i) {
            uint256 which = acts[i] % 3;
            uint256 act = acts[i] / 3 % 4;
            bytes memory data = act == 0
                ? abi.encodeCall(statements.record, (all[which], proofOf(all[which])))
                : act == 1
                    ? abi.encodeCall(statements.releaseReward, (rewards[which], all[which]))
                    : act == 2
                        ? abi.encodeCall(statements.reclaimReward, (rewards[which]))
                        : abi.encodeWithSelector(bytes4(0));
            if (act == 3) vm.warp(block.timestamp + 11);
            (bool done,) = address(statements).call(data);
            vm.assertTrue(done || act < 4);
        }
        for (uint256 i = 0; i < 3; ++i) {
            left += escrow.accounts(JobId.wrap(RewardId.unwrap(statements.rewardId(rewards[i])))).left;
        }
        uint256 owed = escrow.owed(address(token), PROVER) + escrow.owed(address(token), SPONSOR);
        vm.assertEq(token.balanceOf(address(escrow)), left + owed);
        vm.assertEq(left + owed, 300);
    }

    function test_an_escrow_of_another_is_refused() public {
        address foreign = vm.deployCode("RewardEscrow.sol:RewardEscrow", abi.encode(THIEF));
        vm.expectRevert();
        deploy(foreign);
    }

    /// forge-config: default.isolate = true
    function test_gas() public {
        IStatements.Statement memory s = about(key, uint256(keccak256("c")) % R, 100_000_000, uint256(type(uint64).max));
        uint256[8] memory proof = Trapdoor.prove(statements.publicInputs(s), uint256(keccak256("a")) % R);
        (IStatements.Reward memory reward,) = offered(s);
        vm.snapshotGasLastCall("Statements", "offerReward");
        statements.record(s, proof);
        vm.snapshotGasLastCall("Statements", "record a band");
        statements.releaseReward(reward, s);
        vm.snapshotGasLastCall("Statements", "releaseReward");
    }
}
