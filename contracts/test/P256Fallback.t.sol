// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IConsentRegistry} from "../interfaces/IConsentRegistry.sol";
import {Base} from "./helpers/Base.sol";
import {ConsentId} from "../interfaces/Types.sol";

/// @notice P-256 owners on a chain without the precompile of EIP-7951: OpenZeppelin's own arithmetic answers the same.
contract P256FallbackTest is Base {
    address private constant PRECOMPILE = address(0x100);

    function _consent() private view returns (IConsentRegistry.Grant memory g, ConsentId id, bytes32 digest) {
        g = consentOf(p256Signer(9), 0, 1);
        id = registry.consentId(g);
        digest = registry.hashConsent(id);
    }

    function _precompileAnswers(bytes32 digest) private view returns (bool) {
        (uint256 x, uint256 y) = vm.publicKeyP256(9);
        (, bytes memory answer) = PRECOMPILE.staticcall(abi.encodePacked(digest, signP256(9, digest), x, y));
        return answer.length == 32;
    }

    function _accepts() private {
        (IConsentRegistry.Grant memory g, ConsentId id, bytes32 digest) = _consent();
        bytes memory signature = signP256(9, digest);
        bytes memory wrong = signP256(10, digest);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.InvalidSignature.selector, id));
        registry.grant(g, wrong);
        registry.grant(g, signature);
        vm.assertTrue(registry.statusOf(id).status == IConsentRegistry.Status.Given);
    }

    /// forge-config: default.evm_version = "cancun"
    function test_without_the_precompile() public {
        (,, bytes32 digest) = _consent();
        vm.assertFalse(_precompileAnswers(digest));
        _accepts();
    }

    function test_with_the_precompile() public {
        (,, bytes32 digest) = _consent();
        vm.assertTrue(_precompileAnswers(digest));
        _accepts();
    }
}
