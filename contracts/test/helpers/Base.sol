// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IConsentRegistry} from "../../interfaces/IConsentRegistry.sol";
import {IDatasetRegistry} from "../../interfaces/IDatasetRegistry.sol";
import {IJobLedger} from "../../interfaces/IJobLedger.sol";
import {IRewardEscrow} from "../../interfaces/IRewardEscrow.sol";
import {Vm} from "./Vm.sol";
import {BatchRoot, ConsentId, DatasetId, JobId, OfferId} from "../../interfaces/Types.sol";

/// @notice The contracts come from their artifacts, as they are shipped: tests never compile them again with their own settings.
/// One deployment; three providers with an offer each, a relay each, and a consumer who sponsors.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 internal constant OWNER = 0xA11CE;
    uint256 internal constant STRANGER = 0xBAD;
    uint256 internal constant CONSUMER = 0xC0;
    uint48 internal constant NOW = 2_000_000_000;
    bytes32 internal constant PURPOSE = keccak256("purpose");
    uint32 internal constant OPERATIONS = 3;
    uint256 internal constant SUPPLY = 1_000_000;
    ConsentId internal constant NO_CONSENT = ConsentId.wrap(0);
    BatchRoot internal constant NO_BATCH = BatchRoot.wrap(0);

    IDatasetRegistry internal datasets;
    IConsentRegistry internal registry;
    IRewardEscrow internal escrow;
    IJobLedger internal ledger;
    address internal p256;
    address internal webauthn;
    IERC20 internal token;

    OfferId[3] internal offers;
    IConsentRegistry.Offer[3] internal terms;

    function setUp() public virtual {
        vm.warp(NOW);
        p256 = vm.deployCode("P256Verifier.sol:P256Verifier");
        webauthn = vm.deployCode("WebAuthnVerifier.sol:WebAuthnVerifier");
        address[] memory verifiers = new address[](2);
        (verifiers[0], verifiers[1]) = (p256, webauthn);
        address consents = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        datasets = IDatasetRegistry(vm.deployCode("DatasetRegistry.sol:DatasetRegistry", abi.encode(consents)));
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 2);
        registry = deployRegistry(predicted, verifiers);
        escrow = IRewardEscrow(vm.deployCode("RewardEscrow.sol:RewardEscrow", abi.encode(predicted)));
        ledger = deployLedger(registry, escrow, verifiers);
        token = IERC20(vm.deployCode("SettlementToken.sol:SettlementToken", abi.encode(SUPPLY)));
        token.transfer(consumer(), SUPPLY);
        vm.prank(consumer());
        token.approve(address(escrow), SUPPLY);
        for (uint256 i = 0; i < 3; ++i) {
            _makeOffer(i);
        }
    }

    function deployRegistry(address ledger_, address[] memory verifiers) internal returns (IConsentRegistry) {
        bytes memory arguments = abi.encode(datasets, ledger_, verifiers);
        return IConsentRegistry(vm.deployCode("ConsentRegistry.sol:ConsentRegistry", arguments));
    }

    function deployLedger(IConsentRegistry registry_, IRewardEscrow escrow_, address[] memory verifiers)
        internal
        returns (IJobLedger)
    {
        bytes memory arguments = abi.encode(registry_, escrow_, verifiers);
        return IJobLedger(vm.deployCode("JobLedger.sol:JobLedger", arguments));
    }

    function _makeOffer(uint256 i) private {
        DatasetId dataset = DatasetId.wrap(keccak256(abi.encode("dataset", i)));
        terms[i] = IConsentRegistry.Offer(dataset, consumer(), PURPOSE, OPERATIONS, keccak256("scope"), 1000);
        vm.prank(provider(i));
        datasets.register(
            dataset, IDatasetRegistry.Subjects.Persons, keccak256("schema"), keccak256("commitment"), 1_000_000
        );
        vm.prank(provider(i));
        offers[i] = registry.offer(terms[i]);
        vm.prank(provider(i));
        registry.appoint(relay(i), true);
    }

    // ---------------------------------------------------------------------- who

    function providerKey(uint256 i) internal pure returns (uint256) {
        return 0x1000 + i;
    }

    function provider(uint256 i) internal pure returns (address) {
        return vm.addr(providerKey(i));
    }

    /// @dev A provider's relay; also its recorder.
    function relay(uint256 i) internal pure returns (address) {
        return vm.addr(0x2000 + i);
    }

    function consumer() internal pure returns (address) {
        return vm.addr(CONSUMER);
    }

    // ---------------------------------------------------------------- signatures

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function signP256(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 s) = vm.signP256(key, digest);
        uint256 n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;
        return abi.encodePacked(r, uint256(s) > n / 2 ? bytes32(n - uint256(s)) : s);
    }

    /// @dev Who signs a plan signs its job's id.
    function sign(uint256 key, JobId job) internal pure returns (bytes memory) {
        return sign(key, JobId.unwrap(job));
    }

    function signP256(uint256 key, JobId job) internal pure returns (bytes memory) {
        return signP256(key, JobId.unwrap(job));
    }

    function p256Signer(uint256 key) internal view returns (bytes memory) {
        (uint256 x, uint256 y) = vm.publicKeyP256(key);
        return abi.encodePacked(p256, x, y);
    }

    /// @dev As a browser has it: user there and verified, key synced.
    function signPasskey(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        return signPasskey(key, digest, 0x1d, "webauthn.get");
    }

    function signPasskey(uint256 key, bytes32 digest, uint8 flags, string memory kind)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory authenticator = abi.encodePacked(sha256("localhost"), flags, uint32(7));
        string memory start = string.concat('{"type":"', kind, '","challenge":"');
        string memory client = string.concat(
            start, Base64.encodeURL(abi.encodePacked(digest)), '","origin":"http://localhost:8601","crossOrigin":false}'
        );
        bytes32 signed = sha256(abi.encodePacked(authenticator, sha256(bytes(client))));
        (bytes32 r, bytes32 s) = abi.decode(signP256(key, signed), (bytes32, bytes32));
        return abi.encode(r, s, bytes(kind).length + 11, 1, authenticator, client);
    }

    function passkeySigner(uint256 key) internal view returns (bytes memory) {
        (uint256 x, uint256 y) = vm.publicKeyP256(key);
        return abi.encodePacked(webauthn, x, y);
    }

    function wallet(address account) internal pure returns (bytes memory) {
        return abi.encodePacked(account);
    }

    // ------------------------------------------------------------------ consents

    function consentOf(bytes memory owner, uint256 i, uint256 salt)
        internal
        view
        returns (IConsentRegistry.Grant memory)
    {
        return IConsentRegistry.Grant({
            owner: owner,
            offer: offers[i],
            notBefore: NOW - 10,
            notAfter: NOW + 30 days,
            firstOpening: 0,
            uses: 3,
            details: keccak256(abi.encode("details", salt))
        });
    }

    function ownersConsent(uint256 salt) internal view returns (IConsentRegistry.Grant memory) {
        return consentOf(wallet(vm.addr(OWNER)), 0, salt);
    }

    function signGrant(uint256 key, IConsentRegistry.Grant memory g) internal view returns (bytes memory) {
        return sign(key, registry.hashConsent(registry.consentId(g)));
    }

    function signWithdrawal(uint256 key, IConsentRegistry.Grant memory g) internal view returns (bytes memory) {
        return sign(key, registry.hashWithdrawal(registry.consentId(g)));
    }

    /// @dev Granted by the relay of the consent's provider, thus proven.
    function give(uint256 salt) internal returns (IConsentRegistry.Grant memory g, ConsentId id) {
        g = ownersConsent(salt);
        vm.prank(relay(0));
        id = registry.grant(g, _signedGrant(g));
    }

    /// @dev Signing calls the registry, which would use up a prank; computed by hand instead.
    function _signedGrant(IConsentRegistry.Grant memory g) private view returns (bytes memory) {
        return sign(OWNER, digestOf(address(registry), "Placet Consent", consentHash(g)));
    }

    function consentHash(IConsentRegistry.Grant memory g) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "Consent(Details details,Offer offer,bytes owner,uint48 notBefore,uint48 notAfter,uint32 firstOpening,uint32 uses)Details(string language,string dataset,string consumer,string purpose,string columns,string output,string parties,bytes32 notice,bytes32 enrolment,bytes32 salt)Offer(bytes32 dataset,address consumer,bytes32 purpose,uint32 operations,bytes32 scope,uint64 budget)"
        );
        return keccak256(
            abi.encode(kind, g.details, g.offer, keccak256(g.owner), g.notBefore, g.notAfter, g.firstOpening, g.uses)
        );
    }

    function digestOf(address verifying, string memory name, bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                verifying
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function state(OfferId offer) internal view returns (bytes24 epoch, uint32 openings, bytes24 unproven) {
        (,, epoch, openings, unproven,) = registry.offers(offer);
    }

    function epochOf(uint256 i) internal view returns (bytes24 epoch) {
        (epoch,,) = state(offers[i]);
    }

    /// @dev The head of a list of ended consents after one more.
    function appended(bytes24 head, ConsentId id) internal pure returns (bytes24) {
        return bytes24(keccak256(abi.encodePacked(head, id)));
    }

    /// @dev A batch of two leaves, anchored by the relay.
    function anchorPair(uint256 i, ConsentId id) internal returns (BatchRoot root, bytes32[] memory proof) {
        bytes32 leaf = ConsentId.unwrap(id);
        proof = new bytes32[](1);
        proof[0] = keccak256(abi.encode("sibling of", leaf));
        root = BatchRoot.wrap(
            leaf < proof[0] ? keccak256(abi.encodePacked(leaf, proof[0])) : keccak256(abi.encodePacked(proof[0], leaf))
        );
        vm.prank(relay(i));
        registry.anchor(offers[i], root);
    }

    /// @dev The root of a batch that holds this consent alone.
    function batchOf(ConsentId id) internal pure returns (BatchRoot) {
        return BatchRoot.wrap(ConsentId.unwrap(id));
    }

    // ---------------------------------------------------------------------- jobs

    function planOf(uint256 salt) internal view returns (IJobLedger.Plan memory plan) {
        plan.terms = keccak256("terms");
        plan.consumer = consumer();
        plan.purpose = PURPOSE;
        plan.operations = OPERATIONS;
        plan.sponsor = consumer();
        plan.token = address(token);
        plan.openBy = NOW + 1 hours;
        plan.deadline = NOW + 2 hours;
        plan.settleBy = NOW + 3 hours;
        plan.salt = bytes32(salt);
        plan.parties = new IJobLedger.Party[](3);
        for (uint256 i = 0; i < 3; ++i) {
            plan.parties[i] = _party(i);
        }
    }

    function _party(uint256 i) private view returns (IJobLedger.Party memory p) {
        p.signer = wallet(provider(i));
        p.recorder = relay(i);
        p.payee = address(uint160(0x9000 + i));
        p.reward = uint96(100 + i);
        p.tlsKey = keccak256(abi.encode("tls", i));
        p.seed = keccak256(abi.encode("seed", i));
        p.output = true;
        p.inputs = new IConsentRegistry.Input[](1);
        p.inputs[0] = IConsentRegistry.Input({
            offer: offers[i],
            consent: NO_CONSENT,
            lawfulRoot: keccak256(abi.encode("lawful", i)),
            epoch: epochOf(i),
            opensBefore: 10,
            budget: 0
        });
    }

    function signAll(JobId job, uint256 count) internal pure returns (bytes[] memory) {
        return signAll(JobId.unwrap(job), count);
    }

    /// @dev By the providers, the consumer, and (empty) the sponsor, who is the consumer. `count` of them.
    function signAll(bytes32 digest, uint256 count) internal pure returns (bytes[] memory signatures) {
        signatures = new bytes[](count);
        for (uint256 i = 0; i < 3; ++i) {
            signatures[i] = sign(providerKey(i), digest);
        }
        if (count > 3) signatures[3] = sign(CONSUMER, digest);
    }

    function planWithPot(uint256 salt, uint96 pot) internal view returns (IJobLedger.Plan memory plan) {
        plan = planOf(salt);
        plan.pot = pot;
    }

    function open(IJobLedger.Plan memory plan) internal returns (JobId job) {
        return ledger.open(plan, signAll(ledger.hashPlan(plan), 5));
    }

    function step(JobId job, uint32 attempt, uint32 party) internal {
        (, uint32 count) = ledger.trail(job, attempt, party);
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = keccak256(abi.encode("step", party, count));
        vm.prank(relay(party));
        ledger.record(job, attempt, party, count, hashes);
    }

    function releaseKey(uint256 i) internal pure returns (bytes32) {
        return keccak256(abi.encode("release key", i));
    }

    /// @dev What the parties would sign now.
    function sealOf(JobId job, uint32 attempt) internal view returns (IJobLedger.SealData memory data) {
        data.attempt = attempt;
        data.heads = new bytes32[](3);
        data.outputs = new bytes32[](3);
        data.keys = new bytes32[](3);
        data.epochs = new bytes24[](3);
        data.payouts = new uint96[](3);
        for (uint32 i = 0; i < 3; ++i) {
            (data.heads[i],) = ledger.trail(job, attempt, i);
            data.outputs[i] = keccak256(abi.encode("output", i));
            data.keys[i] = keccak256(abi.encodePacked(releaseKey(i)));
            data.epochs[i] = epochOf(i);
        }
    }

    function seal(IJobLedger.Plan memory plan, IJobLedger.SealData memory data) internal {
        ledger.seal(plan, data, new bytes32[][](3), signAll(ledger.hashSeal(ledger.hashPlan(plan), data), 4));
    }

    /// @dev Opened, one step each.
    function readyJob(IJobLedger.Plan memory plan) internal returns (JobId job) {
        job = open(plan);
        for (uint32 i = 0; i < 3; ++i) {
            step(job, 1, i);
        }
    }

    /// @dev Opened, one step each, sealed.
    function sealedJob(uint256 salt) internal returns (IJobLedger.Plan memory plan, JobId job) {
        plan = planOf(salt);
        job = readyJob(plan);
        seal(plan, sealOf(job, 1));
    }

    function statusOf(JobId job) internal view returns (IJobLedger.JobStatus) {
        return ledger.jobs(job).status;
    }

    function assertStatus(JobId job, IJobLedger.JobStatus expected) internal view {
        vm.assertEq(uint256(statusOf(job)), uint256(expected));
    }
}
