// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {ISigners} from "../interfaces/ISigners.sol";

/// @notice The one place where signatures are judged, for both contracts that take them.
abstract contract Signers is ISigners {
    mapping(address verifier => bool listed) private _verifiers;

    constructor(address[] memory verifiers) {
        for (uint256 i = 0; i < verifiers.length; ++i) {
            if (verifiers[i].code.length == 0) revert VerifierWithoutCode(verifiers[i]);
            _verifiers[verifiers[i]] = true;
        }
    }

    /// @inheritdoc ISigners
    function isVerifier(address verifier) public view returns (bool) {
        return _verifiers[verifier];
    }

    /// @dev An ERC-7913 signer. Fewer than 20 bytes, or a verifier that is not on the list, sign nothing.
    function _hasSigned(bytes calldata signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        if (signer.length == 20) return _hasSigned(address(bytes20(signer)), digest, signature);
        return signer.length > 20 && isVerifier(address(bytes20(signer)))
            && SignatureChecker.isValidSignatureNow(signer, digest, signature);
    }

    /// @dev ECDSA (65 bytes, low s) before ERC-1271: an EIP-7702 account has code and still signs with its key.
    function _hasSigned(address account, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        // The third value says only more about a failure.
        // slither-disable-next-line unused-return
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && recovered == account) return true;
        return
            account.code.length != 0 && SignatureChecker.isValidERC1271SignatureNowCalldata(account, digest, signature);
    }
}
