// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC7913P256Verifier} from "@openzeppelin/contracts/utils/cryptography/verifiers/ERC7913P256Verifier.sol";

/// @title OpenZeppelin's verifier of P-256 keys, under a name of the deployment file
/// @notice Key: `x ‖ y` (64 bytes). Signature: `r ‖ s` (64 bytes, low s) over the digest itself. Uses the precompile of EIP-7951
/// where the chain has it.
/// @custom:not-protected Owners whose device signs something around the digest, as WebAuthn does: that needs another verifier.
contract P256Verifier is ERC7913P256Verifier {}
