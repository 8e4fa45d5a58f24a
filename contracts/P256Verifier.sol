// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC7913P256Verifier} from "@openzeppelin/contracts/utils/cryptography/verifiers/ERC7913P256Verifier.sol";

/// @title OpenZeppelin's verifier of P-256 keys, under a name of the deployment file
/// @notice Key: `x ‖ y` (64 bytes). Signature: `r ‖ s` (64 bytes, low s) over the digest itself. Uses the precompile of EIP-7951
/// where the chain has it.
/// @custom:not-protected Owners whose device signs something around the digest, as WebAuthn does: that needs another verifier.
contract P256Verifier is ERC7913P256Verifier {
    /// @inheritdoc ERC7913P256Verifier
    /// @dev OpenZeppelin's ignores what follows the 64 bytes, so that one signature would have many forms.
    function verify(bytes calldata key, bytes32 hash, bytes calldata signature) public view override returns (bytes4) {
        return signature.length == 64 ? super.verify(key, hash, signature) : bytes4(0xffffffff);
    }
}
