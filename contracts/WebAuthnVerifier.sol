// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WebAuthn} from "@openzeppelin/contracts/utils/cryptography/WebAuthn.sol";
import {
    ERC7913WebAuthnVerifier
} from "@openzeppelin/contracts/utils/cryptography/verifiers/ERC7913WebAuthnVerifier.sol";

/// @title OpenZeppelin's verifier of passkeys (assertions of WebAuthn Level 2), with one encoding for each assertion
/// @notice Key: `x ‖ y` (64 bytes). Signature: `abi.encode(r, s, challengeIndex, typeIndex, authenticatorData, clientDataJSON)`, six
/// values and no tuple, at most 1,024 bytes; low s; user present and verified; the challenge is the digest.
/// @custom:not-protected Which page asked: neither origin nor relying party is looked at, here or off chain.
contract WebAuthnVerifier is ERC7913WebAuthnVerifier {
    uint256 private constant _LONGEST = 1024;

    /// @inheritdoc ERC7913WebAuthnVerifier
    /// @dev OpenZeppelin's decoder takes any offsets and whatever follows, and its check of the type adds to an index that may wrap
    /// round: one assertion would have many forms.
    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) public view override returns (bytes4) {
        if (signature.length > _LONGEST) return 0xffffffff;
        (bool decoded, WebAuthn.WebAuthnAuth calldata auth) = WebAuthn.tryDecodeAuth(signature);
        if (!decoded || auth.typeIndex > _LONGEST) return 0xffffffff;
        bytes memory form = abi.encode(
            auth.r, auth.s, auth.challengeIndex, auth.typeIndex, auth.authenticatorData, auth.clientDataJSON
        );
        return keccak256(form) == keccak256(signature) ? super.verify(key, hash, signature) : bytes4(0xffffffff);
    }
}
