// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {IJobLedger} from "../interfaces/IJobLedger.sol";
import {Base} from "./helpers/Base.sol";
import {OneKeyWallet, YesVerifier} from "./mocks/Wallets.sol";
import {ConsentId, JobId} from "../interfaces/Types.sol";

/// @notice Plans, amendments, seals, cancellations: who must sign, and every field that the signature must cover.
contract JobSignaturesTest is Base {
    JobId private job;
    bytes[] private good;

    function setUp() public override {
        super.setUp();
        job = ledger.hashPlan(plan());
        good = signAll(job, 5);
    }

    function plan() private view returns (IJobLedger.Plan memory) {
        return planOf(1);
    }

    function refused(IJobLedger.Plan memory p, bytes[] memory signatures, uint256 signer) private {
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, signer));
        ledger.open(p, signatures);
    }

    // --------------------------------------------------------------------- right

    function test_opens() public {
        IJobLedger.Plan memory p = plan();
        vm.assertEq(JobId.unwrap(ledger.open(p, good)), JobId.unwrap(job));
        assertStatus(job, IJobLedger.JobStatus.Open);
    }

    function test_empty_signature_of_the_sponsor_who_is_the_consumer() public {
        IJobLedger.Plan memory p = plan();
        vm.assertEq(good[4].length, 0);
        good[4] = sign(CONSUMER, job);
        ledger.open(p, good);
    }

    function test_consumer_and_sponsor_are_a_party() public {
        IJobLedger.Plan memory p = plan();
        p.sponsor = provider(2);
        p.parties[2].inputs = new IConsentRegistry.Input[](0);
        p.consumer = provider(1);
        p.token = address(0);
        for (uint256 i = 0; i < 3; ++i) {
            p.parties[i].reward = 0;
            p.parties[i].inputs = new IConsentRegistry.Input[](0);
        }
        bytes[] memory signatures = signAll(ledger.hashPlan(p), 5);
        (signatures[3], signatures[4]) = (bytes(""), bytes(""));
        ledger.open(p, signatures);
    }

    function test_parties_by_erc1271_and_p256() public {
        IJobLedger.Plan memory p = plan();
        p.parties[1].signer = wallet(address(new OneKeyWallet(vm.addr(7))));
        p.parties[1].inputs = new IConsentRegistry.Input[](0);
        p.parties[2].signer = p256Signer(9);
        p.parties[2].inputs = new IConsentRegistry.Input[](0);
        JobId id = ledger.hashPlan(p);
        bytes[] memory signatures = signAll(id, 5);
        signatures[1] = sign(7, id);
        signatures[2] = signP256(9, id);
        ledger.open(p, signatures);
    }

    // --------------------------------------------------------------------- wrong

    function test_wrong_key() public {
        IJobLedger.Plan memory p = plan();
        for (uint256 i = 0; i < 5; ++i) {
            bytes[] memory signatures = signAll(job, 5);
            signatures[i] = sign(STRANGER, job);
            refused(p, signatures, i);
        }
    }

    function test_empty_where_nobody_signed_before() public {
        IJobLedger.Plan memory p = plan();
        for (uint256 i = 0; i < 4; ++i) {
            bytes[] memory signatures = signAll(job, 5);
            signatures[i] = "";
            refused(p, signatures, i);
        }
        p = plan();
        p.sponsor = vm.addr(STRANGER);
        refused(p, signAll(ledger.hashPlan(p), 5), 4);
    }

    /// @dev An empty signature stands for an earlier signer's, never for a later one's.
    function test_empty_consumer_who_is_only_the_later_sponsor() public {
        IJobLedger.Plan memory p = plan();
        bytes[] memory signatures = signAll(job, 5);
        (signatures[3], signatures[4]) = (bytes(""), signatures[3]);
        refused(p, signatures, 3);
    }

    function test_swapped() public {
        IJobLedger.Plan memory p = plan();
        bytes[] memory signatures = signAll(job, 5);
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        refused(p, signatures, 0);
    }

    function test_too_few_or_too_many() public {
        IJobLedger.Plan memory p = plan();
        bytes[] memory signatures = signAll(job, 4);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.LengthMismatch.selector, 5, 4));
        ledger.open(p, signatures);
        signatures = signAll(job, 6);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.LengthMismatch.selector, 5, 6));
        ledger.open(p, signatures);
    }

    function test_other_chain() public {
        IJobLedger.Plan memory p = plan();
        vm.chainId(block.chainid + 1);
        refused(p, good, 0);
    }

    function test_other_contract() public {
        IJobLedger.Plan memory p = plan();
        refused(p, signAll(digestOf(address(this), "Placet Jobs", "x"), 5), 0);
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongDeployment.selector, predicted, address(ledger)));
        deployLedger(registry, escrow, new address[](0));
    }

    function test_verifier_not_on_the_list() public {
        IJobLedger.Plan memory p = plan();
        p.parties[0].signer = abi.encodePacked(address(new YesVerifier()), "key");
        refused(p, good, 0);
    }

    function test_every_altered_field_of_a_plan() public {
        for (uint256 field = 0; field < 25; ++field) {
            IJobLedger.Plan memory p = _altered(field);
            vm.assertTrue(JobId.unwrap(ledger.hashPlan(p)) != JobId.unwrap(job), "an altered plan has another id");
            refused(p, good, 0);
        }
    }

    function _altered(uint256 field) private view returns (IJobLedger.Plan memory p) {
        p = plan();
        IJobLedger.Party memory q = p.parties[1];
        if (field == 0) p.terms = "other";
        if (field == 1) p.consumer = vm.addr(STRANGER);
        if (field == 2) p.purpose = "other";
        if (field == 3) p.operations = 1;
        if (field == 4) p.sponsor = vm.addr(STRANGER);
        if (field == 5) p.token = address(0x1234);
        if (field == 6) p.openBy -= 1;
        if (field == 7) p.deadline += 1;
        if (field == 8) p.settleBy += 1;
        if (field == 9) p.salt = "other";
        if (field == 10) q.signer = wallet(vm.addr(STRANGER));
        if (field == 11) q.recorder = vm.addr(STRANGER);
        if (field == 12) q.payee = vm.addr(STRANGER);
        if (field == 13) q.reward += 1;
        if (field == 14) q.tlsKey = "other";
        if (field == 15) q.seed = "other";
        if (field == 16) q.output = false;
        if (field == 17) q.inputs[0].offer = offers[0];
        if (field == 18) {
            (q.inputs[0].consent, q.inputs[0].lawfulRoot) = (ConsentId.wrap(q.inputs[0].lawfulRoot), 0);
        }
        if (field == 19) q.inputs[0].lawfulRoot = "other";
        if (field == 20) q.inputs[0].epoch = "other";
        if (field == 21) q.inputs[0].opensBefore += 1;
        if (field == 22) (p.parties[0], p.parties[2]) = (p.parties[2], p.parties[0]);
        if (field == 23) q.inputs = new IConsentRegistry.Input[](0);
        if (field == 24) p.pot += 1;
    }

    // ---------------------------------------------------------- digests, by hand

    string private constant INPUT =
        "Input(bytes32 offer,bytes32 consent,bytes32 lawfulRoot,bytes24 epoch,uint32 opensBefore,uint64 budget)";
    string private constant PARTY =
        "Party(bytes signer,address recorder,address payee,uint96 reward,bytes32 tlsKey,bytes32 seed,bool output,Input[] inputs)";
    string private constant PLAN =
        "Plan(bytes32 terms,address consumer,bytes32 purpose,uint32 operations,address sponsor,address token,uint96 pot,uint48 openBy,uint48 deadline,uint48 settleBy,bytes32 salt,Party[] parties)";

    function test_plan_digest_is_eip712() public view {
        IJobLedger.Plan memory q = plan();
        bytes memory parties;
        for (uint256 i = 0; i < 3; ++i) {
            IJobLedger.Party memory p = q.parties[i];
            IConsentRegistry.Input memory n = p.inputs[0];
            bytes32 input = keccak256(
                abi.encode(keccak256(bytes(INPUT)), n.offer, n.consent, n.lawfulRoot, n.epoch, n.opensBefore, n.budget)
            );
            bytes memory head =
                abi.encode(keccak256(bytes.concat(bytes(PARTY), bytes(INPUT))), keccak256(p.signer), p.recorder);
            bytes memory tail = abi.encode(p.payee, p.reward, p.tlsKey, p.seed, p.output, keccak256(abi.encode(input)));
            parties = bytes.concat(parties, keccak256(bytes.concat(head, tail)));
        }
        bytes32 kind = keccak256(bytes.concat(bytes(PLAN), bytes(INPUT), bytes(PARTY)));
        bytes memory first = abi.encode(kind, q.terms, q.consumer, q.purpose, q.operations, q.sponsor, q.token);
        bytes memory last = abi.encode(q.pot, q.openBy, q.deadline, q.settleBy, q.salt, keccak256(parties));
        vm.assertEq(JobId.unwrap(job), digestOf(address(ledger), "Placet Jobs", keccak256(bytes.concat(first, last))));
    }

    function test_seal_amendment_cancellation_digests_are_eip712() public view {
        bytes32[] memory a = new bytes32[](2);
        (a[0], a[1]) = (bytes32("one"), bytes32("two"));
        bytes24[] memory e = new bytes24[](2);
        (e[0], e[1]) = (bytes24("seven"), bytes24("eight"));
        bytes32 epochs = keccak256(abi.encode(bytes32("seven"), bytes32("eight")));
        bytes32 words = keccak256(abi.encode(a[0], a[1]));
        bytes32 kind = keccak256("Amendment(bytes32 job,uint32 attempt,bytes32[] roots,bytes24[] epochs)");
        vm.assertEq(
            ledger.hashAmendment(job, 2, a, e),
            digestOf(address(ledger), "Placet Jobs", keccak256(abi.encode(kind, job, 2, words, epochs)))
        );
        kind = keccak256(
            "Seal(bytes32 job,uint32 attempt,bytes32[] heads,bytes32[] outputs,bytes32[] keys,bytes24[] epochs,uint96[] payouts)"
        );
        uint96[] memory payouts = new uint96[](2);
        (payouts[0], payouts[1]) = (9, 10);
        bytes memory first = abi.encode(kind, job, 3, words, keccak256(""));
        bytes memory last = abi.encode(words, epochs, keccak256(abi.encode(uint256(9), uint256(10))));
        vm.assertEq(
            ledger.hashSeal(job, IJobLedger.SealData(3, a, new bytes32[](0), a, e, payouts)),
            digestOf(address(ledger), "Placet Jobs", keccak256(bytes.concat(first, last)))
        );
        kind = keccak256("Cancellation(bytes32 job)");
        vm.assertEq(
            ledger.hashCancellation(job), digestOf(address(ledger), "Placet Jobs", keccak256(abi.encode(kind, job)))
        );
    }

    // -------------------------------------------------------------- cancellation

    function test_each_signer_cancels_by_signature_or_as_sender() public {
        for (uint256 i = 0; i < 10; ++i) {
            IJobLedger.Plan memory p = planOf(100 + i);
            p.sponsor = vm.addr(STRANGER);
            JobId id = ledger.hashPlan(p);
            uint256 signer = i / 2;
            uint256 key = signer < 3 ? providerKey(signer) : signer == 3 ? CONSUMER : STRANGER;
            bytes memory signature = i % 2 == 0 ? sign(key, ledger.hashCancellation(id)) : bytes("");
            vm.prank(i % 2 == 0 ? address(this) : vm.addr(key));
            ledger.cancel(p, signer, signature);
            assertStatus(id, IJobLedger.JobStatus.Cancelled);
        }
    }

    function test_cancellation_by_others() public {
        IJobLedger.Plan memory p = plan();
        bytes[3] memory bad = [sign(STRANGER, ledger.hashCancellation(job)), sign(providerKey(0), job), bytes("")];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, 0));
            ledger.cancel(p, 0, bad[i]);
        }
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.UnknownSigner.selector, 5));
        ledger.cancel(p, 5, "");
    }

    function test_cancelled_never_opens() public {
        IJobLedger.Plan memory p = plan();
        vm.prank(provider(0));
        ledger.cancel(p, 0, "");
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongStatus.selector, job, IJobLedger.JobStatus.Cancelled));
        ledger.open(p, good);
    }

    function test_open_is_not_cancelled() public {
        IJobLedger.Plan memory p = plan();
        ledger.open(p, good);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.WrongStatus.selector, job, IJobLedger.JobStatus.Open));
        vm.prank(provider(0));
        ledger.cancel(p, 0, "");
    }

    // ------------------------------------------------------------ seal, amendment

    function _ready() private returns (IJobLedger.SealData memory data) {
        IJobLedger.Plan memory p = plan();
        ledger.open(p, good);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
        return sealOf(job, 1);
    }

    function test_seal_by_all_parties_and_the_consumer() public {
        IJobLedger.Plan memory p = plan();
        IJobLedger.SealData memory data = _ready();
        bytes32 digest = ledger.hashSeal(job, data);
        for (uint256 i = 0; i < 4; ++i) {
            bytes[] memory signatures = signAll(digest, 4);
            signatures[i] = i % 2 == 0 ? sign(STRANGER, digest) : bytes("");
            vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, i));
            ledger.seal(p, data, new bytes32[][](3), signatures);
        }
        bytes[] memory three = signAll(digest, 3);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.LengthMismatch.selector, 4, 3));
        ledger.seal(p, data, new bytes32[][](3), three);
        ledger.seal(p, data, new bytes32[][](3), signAll(digest, 4));
    }

    function test_seal_covers_every_field() public {
        IJobLedger.Plan memory p = plan();
        IJobLedger.SealData memory data = _ready();
        bytes[] memory signatures = signAll(ledger.hashSeal(job, data), 4);
        for (uint256 field = 0; field < 4; ++field) {
            IJobLedger.SealData memory bad = sealOf(job, 1);
            if (field == 0) bad.heads[1] = "other";
            if (field == 1) bad.outputs[1] = "other";
            if (field == 2) bad.keys[1] = "other";
            if (field == 3) bad.epochs[1] = "other";
            vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, 0));
            ledger.seal(p, bad, new bytes32[][](3), signatures);
        }
    }

    function test_seal_of_another_job() public {
        IJobLedger.Plan memory p = plan();
        IJobLedger.SealData memory data = _ready();
        bytes[] memory signatures = signAll(ledger.hashSeal(JobId.wrap("another"), data), 4);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, 0));
        ledger.seal(p, data, new bytes32[][](3), signatures);
    }

    function _amendment() private view returns (bytes32[] memory roots, bytes24[] memory epochs) {
        roots = new bytes32[](3);
        epochs = new bytes24[](3);
        for (uint256 i = 0; i < 3; ++i) {
            roots[i] = keccak256(abi.encode("new root", i));
            epochs[i] = epochOf(i);
        }
    }

    function test_amendment_by_all_parties_once() public {
        IJobLedger.Plan memory p = plan();
        ledger.open(p, good);
        (bytes32[] memory roots, bytes24[] memory epochs) = _amendment();
        bytes32 digest = ledger.hashAmendment(job, 2, roots, epochs);
        bytes[] memory signatures = signAll(digest, 3);
        signatures[1] = sign(STRANGER, digest);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, 1));
        ledger.amend(p, roots, epochs, signatures);
        signatures = signAll(digest, 3);
        ledger.amend(p, roots, epochs, signatures);
        vm.assertEq(ledger.jobs(job).attempt, 2);
        vm.expectRevert(abi.encodeWithSelector(IJobLedger.InvalidSignerSignature.selector, 0));
        ledger.amend(p, roots, epochs, signatures);
    }
}
