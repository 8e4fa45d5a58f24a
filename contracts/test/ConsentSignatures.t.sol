// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {ISigners} from "../interfaces/ISigners.sol";
import {Base} from "./helpers/Base.sol";
import {Answers, OneKeyWallet, YesVerifier, YesWallet} from "./mocks/Wallets.sol";
import {ConsentId} from "../interfaces/Types.sol";

/// @notice Every way a consent's or a withdrawal's signature can be right, and every way it can be wrong.
contract ConsentSignaturesTest is Base {
    uint256 private constant SECP256K1_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
    uint256 private constant P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;

    IConsentRegistry.Grant private g;
    bytes private good;

    function setUp() public override {
        super.setUp();
        g = ownersConsent(1);
        good = signGrant(OWNER, g);
    }

    function refused(IConsentRegistry.Grant memory grant, bytes memory signature) private {
        ConsentId id = registry.consentId(grant);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.InvalidSignature.selector, id));
        registry.grant(grant, signature);
        vm.assertEq(uint256(registry.statusOf(id).status), uint256(IConsentRegistry.Status.None));
    }

    function accepted(IConsentRegistry.Grant memory grant, bytes memory signature) private {
        ConsentId id = registry.grant(grant, signature);
        vm.assertEq(uint256(registry.statusOf(id).status), uint256(IConsentRegistry.Status.Given));
    }

    // --------------------------------------------------------------------- right

    function test_wallet() public {
        accepted(g, good);
    }

    function test_digest_is_eip712() public view {
        bytes32 expected = digestOf(address(registry), "Placet Consent", consentHash(g));
        vm.assertEq(registry.hashConsent(registry.consentId(g)), expected);
    }

    function test_erc1271() public {
        g = consentOf(wallet(address(new OneKeyWallet(vm.addr(7)))), 0, 1);
        accepted(g, signGrant(7, g));
    }

    function test_p256() public {
        g = consentOf(p256Signer(9), 0, 1);
        accepted(g, signP256(9, registry.hashConsent(registry.consentId(g))));
    }

    /// @dev The account has code that would refuse every signature; its own key still signs for it.
    function test_eip7702_account_signs_with_its_key() public {
        Answers refusing = new Answers(true, "no");
        vm.etch(vm.addr(OWNER), abi.encodePacked(hex"ef0100", address(refusing)));
        vm.assertTrue(vm.addr(OWNER).code.length != 0);
        accepted(g, good);
    }

    function test_eip7702_account_signs_through_its_code() public {
        vm.etch(vm.addr(OWNER), abi.encodePacked(hex"ef0100", address(new YesWallet())));
        accepted(g, "anything");
    }

    // --------------------------------------------------------------------- wrong

    function test_wrong_key() public {
        refused(g, signGrant(STRANGER, g));
    }

    function test_other_chain() public {
        vm.chainId(block.chainid + 1);
        refused(g, good);
    }

    function test_other_contract() public {
        IConsentRegistry other = deployRegistry(address(ledger), new address[](0));
        refused(g, sign(OWNER, other.hashConsent(registry.consentId(g))));
    }

    function test_other_domain_name() public {
        refused(g, sign(OWNER, digestOf(address(registry), "Placet Jobs", ConsentId.unwrap(registry.consentId(g)))));
    }

    function test_bare_struct_hash() public {
        refused(g, sign(OWNER, ConsentId.unwrap(registry.consentId(g))));
    }

    function test_withdrawal_is_no_consent() public {
        refused(g, signWithdrawal(OWNER, g));
    }

    function test_altered_owner() public {
        g.owner = wallet(vm.addr(STRANGER));
        refused(g, good);
    }

    function test_altered_offer() public {
        g.offer = offers[1];
        refused(g, good);
    }

    function testFuzz_altered_notBefore(uint48 value) public {
        vm.assume(value != g.notBefore && value <= g.notAfter);
        g.notBefore = value;
        refused(g, good);
    }

    function testFuzz_altered_notAfter(uint48 value) public {
        vm.assume(value != g.notAfter && value >= NOW);
        g.notAfter = value;
        refused(g, good);
    }

    function testFuzz_altered_firstOpening(uint32 value) public {
        vm.assume(value != g.firstOpening);
        g.firstOpening = value;
        refused(g, good);
    }

    function testFuzz_altered_uses(uint32 value) public {
        vm.assume(value != g.uses && value != 0);
        g.uses = value;
        refused(g, good);
    }

    function testFuzz_altered_details(bytes32 value) public {
        vm.assume(value != g.details);
        g.details = value;
        refused(g, good);
    }

    function testFuzz_one_bit_flipped(uint16 place) public {
        bytes memory bad = good;
        uint256 bit = place % (bad.length * 8);
        bad[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        refused(g, bad);
    }

    function test_high_s() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(OWNER, registry.hashConsent(registry.consentId(g)));
        refused(g, abi.encodePacked(r, bytes32(SECP256K1_N - uint256(s)), v == 27 ? uint8(28) : uint8(27)));
    }

    function test_v_of_zero_or_one() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(OWNER, registry.hashConsent(registry.consentId(g)));
        refused(g, abi.encodePacked(r, s, v - 27));
    }

    function test_compact_erc2098() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(OWNER, registry.hashConsent(registry.consentId(g)));
        refused(g, abi.encodePacked(r, bytes32(uint256(s) | (v == 28 ? 1 << 255 : 0))));
    }

    function testFuzz_truncated(uint8 length) public {
        vm.assume(length < 65);
        bytes memory bad = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            bad[i] = good[i];
        }
        refused(g, bad);
    }

    function test_longer() public {
        refused(g, abi.encodePacked(good, uint8(0)));
    }

    function test_empty() public {
        refused(g, "");
    }

    function test_zero_signature() public {
        refused(g, new bytes(65));
    }

    function test_zero_owner() public {
        g.owner = wallet(address(0));
        refused(g, new bytes(65));
    }

    function test_personal_sign() public {
        bytes32 digest = registry.hashConsent(registry.consentId(g));
        refused(g, sign(OWNER, keccak256(abi.encodePacked("\x19Ethereum Signed Message:\n32", digest))));
    }

    function testFuzz_owner_shorter_than_an_address(uint8 length) public {
        g.owner = new bytes(length % 20);
        refused(g, good);
    }

    // ------------------------------------------------------------------ ERC-1271

    function refusedFrom(Answers owner) private {
        g.owner = wallet(address(owner));
        refused(g, good);
    }

    function test_erc1271_says_no() public {
        refusedFrom(new Answers(false, abi.encode(bytes4(0xffffffff))));
    }

    function test_erc1271_reverts() public {
        refusedFrom(new Answers(true, "no"));
    }

    function test_erc1271_reverts_with_the_magic_value() public {
        refusedFrom(new Answers(true, abi.encode(bytes4(0x1626ba7e))));
    }

    function test_erc1271_returns_nothing() public {
        refusedFrom(new Answers(false, ""));
    }

    function test_erc1271_returns_four_bytes() public {
        refusedFrom(new Answers(false, abi.encodePacked(bytes4(0x1626ba7e))));
    }

    function test_erc1271_returns_the_magic_value_and_garbage() public {
        refusedFrom(new Answers(false, abi.encodePacked(bytes4(0x1626ba7e), bytes28(uint224(1)))));
    }

    function testFuzz_erc1271_returns_garbage(bytes calldata answer) public {
        vm.assume(answer.length < 32 || bytes32(answer) != bytes32(bytes4(0x1626ba7e)));
        refusedFrom(new Answers(false, answer));
    }

    function test_erc1271_key_was_replaced() public {
        OneKeyWallet owner = new OneKeyWallet(vm.addr(7));
        g.owner = wallet(address(owner));
        bytes memory signature = signGrant(7, g);
        owner.replace(vm.addr(8));
        refused(g, signature);
    }

    function test_contract_without_erc1271() public {
        g.owner = wallet(address(datasets));
        refused(g, good);
    }

    // --------------------------------------------------------------------- P-256

    function p256Consent() private returns (bytes memory signature) {
        g.owner = p256Signer(9);
        return signP256(9, registry.hashConsent(registry.consentId(g)));
    }

    function test_p256_wrong_key() public {
        p256Consent();
        refused(g, signP256(10, registry.hashConsent(registry.consentId(g))));
    }

    function test_p256_other_digest() public {
        p256Consent();
        refused(g, signP256(9, ConsentId.unwrap(registry.consentId(g))));
    }

    function test_p256_high_s() public {
        bytes memory signature = p256Consent();
        (bytes32 r, bytes32 s) = abi.decode(signature, (bytes32, bytes32));
        refused(g, abi.encodePacked(r, bytes32(P256_N - uint256(s))));
    }

    function testFuzz_p256_one_bit_flipped(uint16 place) public {
        bytes memory bad = p256Consent();
        uint256 bit = place % (bad.length * 8);
        bad[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        refused(g, bad);
    }

    function test_p256_truncated() public {
        bytes memory signature = p256Consent();
        (bytes32 r,) = abi.decode(signature, (bytes32, bytes32));
        refused(g, abi.encodePacked(r));
    }

    function test_p256_longer() public {
        refused(g, abi.encodePacked(p256Consent(), uint8(27)));
    }

    function test_p256_empty() public {
        p256Consent();
        refused(g, "");
    }

    function test_p256_key_of_wrong_length() public {
        g.owner = abi.encodePacked(p256Signer(9), uint8(0));
        refused(g, signP256(9, registry.hashConsent(registry.consentId(g))));
    }

    function test_p256_key_not_on_the_curve() public {
        g.owner = abi.encodePacked(p256, uint256(1), uint256(1));
        refused(g, signP256(9, registry.hashConsent(registry.consentId(g))));
    }

    // ------------------------------------------------------------------- passkeys

    function passkeyConsent() private returns (bytes32 digest) {
        g.owner = passkeySigner(9);
        return registry.hashConsent(registry.consentId(g));
    }

    function test_passkey() public {
        bytes32 digest = passkeyConsent();
        accepted(g, signPasskey(9, digest));
        registry.withdraw(g, signPasskey(9, registry.hashWithdrawal(registry.consentId(g))));
    }

    function test_passkey_wrong_key() public {
        refused(g, signPasskey(10, passkeyConsent()));
    }

    function test_passkey_other_digest() public {
        passkeyConsent();
        refused(g, signPasskey(9, ConsentId.unwrap(registry.consentId(g))));
    }

    function test_passkey_signed_a_withdrawal() public {
        passkeyConsent();
        refused(g, signPasskey(9, registry.hashWithdrawal(registry.consentId(g))));
    }

    function test_passkey_user_not_there_or_not_verified() public {
        bytes32 digest = passkeyConsent();
        refused(g, signPasskey(9, digest, 0x1c, "webauthn.get"));
        refused(g, signPasskey(9, digest, 0x19, "webauthn.get"));
        refused(g, signPasskey(9, digest, 0x15, "webauthn.get"));
    }

    function test_passkey_creation_is_no_assertion() public {
        refused(g, signPasskey(9, passkeyConsent(), 0x1d, "webauthn.create"));
    }

    function test_passkey_in_another_encoding() public {
        bytes memory signature = signPasskey(9, passkeyConsent());
        refused(g, abi.encodePacked(signature, uint8(0)));
        refused(g, abi.encodePacked(signature, bytes32(0)));
        refused(g, abi.encodePacked(uint256(32), signature));
        refused(g, "");
    }

    function test_passkey_high_s() public {
        bytes memory signature = signPasskey(9, passkeyConsent());
        uint256 s;
        assembly ("memory-safe") {
            s := mload(add(signature, 64))
            mstore(add(signature, 64), sub(P256_N, s))
        }
        refused(g, signature);
    }

    function testFuzz_passkey_one_bit_flipped(uint16 place) public {
        bytes memory bad = signPasskey(9, passkeyConsent());
        uint256 bit = place % (bad.length * 8);
        bad[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        refused(g, bad);
    }

    function test_passkey_behind_the_other_verifier() public {
        bytes32 digest = passkeyConsent();
        refused(g, signP256(9, digest));
        g.owner = p256Signer(9);
        refused(g, signPasskey(9, registry.hashConsent(registry.consentId(g))));
    }

    function test_verifier_not_on_the_list() public {
        g.owner = abi.encodePacked(address(new YesVerifier()), "key");
        refused(g, "anything");
    }

    function test_verifier_alone_is_no_owner() public {
        g.owner = wallet(p256);
        refused(g, good);
    }

    function test_listed_verifier_needs_code() public {
        address[] memory verifiers = new address[](1);
        verifiers[0] = address(0x1234);
        vm.expectRevert(abi.encodeWithSelector(ISigners.VerifierWithoutCode.selector, verifiers[0]));
        deployRegistry(address(ledger), verifiers);
    }

    // -------------------------------------------------------------------- replay

    function test_replay_twice() public {
        ConsentId id = registry.grant(g, good);
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentExists.selector, id, IConsentRegistry.Status.Given)
        );
        registry.grant(g, good);
    }

    function test_replay_after_withdrawal() public {
        ConsentId id = registry.grant(g, good);
        registry.withdraw(g, signWithdrawal(OWNER, g));
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentExists.selector, id, IConsentRegistry.Status.Withdrawn)
        );
        registry.grant(g, good);
    }

    function test_replay_of_a_withdrawal() public {
        ConsentId id = registry.grant(g, good);
        bytes memory signature = signWithdrawal(OWNER, g);
        registry.withdraw(g, signature);
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.ConsentEnded.selector, id, IConsentRegistry.Status.Withdrawn)
        );
        registry.withdraw(g, signature);
    }

    // --------------------------------------------------------------- withdrawals

    function withdrawalRefused(bytes memory signature) private {
        ConsentId id = registry.consentId(g);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.InvalidSignature.selector, id));
        registry.withdraw(g, signature);
        vm.assertFalse(registry.isDead(id));
    }

    function test_withdrawal_by_wrong_key() public {
        registry.grant(g, good);
        withdrawalRefused(signWithdrawal(STRANGER, g));
    }

    function test_withdrawal_by_the_provider() public {
        registry.grant(g, good);
        withdrawalRefused(signWithdrawal(providerKey(0), g));
    }

    function test_consent_is_no_withdrawal() public {
        registry.grant(g, good);
        withdrawalRefused(good);
    }

    function test_withdrawal_of_another_consent() public {
        registry.grant(g, good);
        withdrawalRefused(signWithdrawal(OWNER, ownersConsent(2)));
    }

    function test_withdrawal_for_other_chain() public {
        bytes memory signature = signWithdrawal(OWNER, g);
        vm.chainId(block.chainid + 1);
        withdrawalRefused(signature);
    }

    /// @dev Another tuple under the same owner has another id: it can't be used to end this one.
    function test_withdrawal_with_altered_field() public {
        ConsentId id = registry.grant(g, good);
        bytes memory signature = signWithdrawal(OWNER, g);
        g.uses += 1;
        withdrawalRefused(signature);
        vm.assertFalse(registry.isDead(id));
    }

    function test_withdrawal_by_erc1271_and_p256() public {
        g.owner = wallet(address(new OneKeyWallet(vm.addr(7))));
        registry.withdraw(g, signWithdrawal(7, g));
        vm.assertTrue(registry.isDead(registry.consentId(g)));
        g.owner = p256Signer(9);
        registry.withdraw(g, signP256(9, registry.hashWithdrawal(registry.consentId(g))));
        vm.assertTrue(registry.isDead(registry.consentId(g)));
    }
}
