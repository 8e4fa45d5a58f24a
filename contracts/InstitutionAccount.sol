// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IInstitutionAccount} from "./interfaces/IInstitutionAccount.sol";

/// @title Whose key signs for this institution now?
contract InstitutionAccount is IInstitutionAccount {
    /// @inheritdoc IInstitutionAccount
    address public signer;
    /// @inheritdoc IInstitutionAccount
    address public recovery;

    constructor(address signer_, address recovery_) {
        _set(signer_, recovery_);
        emit SignerRolled(signer_);
        emit RecoveryRolled(recovery_);
    }

    /// @inheritdoc IInstitutionAccount
    function rollSigner(address signer_) external {
        _requireRecovery();
        _set(signer_, recovery);
        emit SignerRolled(signer_);
    }

    /// @inheritdoc IInstitutionAccount
    function rollRecovery(address recovery_) external {
        _requireRecovery();
        _set(signer, recovery_);
        emit RecoveryRolled(recovery_);
    }

    /// @inheritdoc IInstitutionAccount
    function execute(address target, bytes calldata data) external returns (bytes memory) {
        if (msg.sender != signer) revert NotSigner(signer, msg.sender);
        return Address.functionCall(target, data);
    }

    /// @inheritdoc IInstitutionAccount
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        // The third value says only more about a failure.
        // slither-disable-next-line unused-return
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        return failure == ECDSA.RecoverError.NoError && recovered == signer
            ? IERC1271.isValidSignature.selector
            : bytes4(0xffffffff);
    }

    function _set(address signer_, address recovery_) private {
        if (signer_ == address(0) || signer_ == recovery_) revert UnfitAccount(signer_);
        if (recovery_ == address(0)) revert UnfitAccount(recovery_);
        (signer, recovery) = (signer_, recovery_);
    }

    function _requireRecovery() private view {
        if (msg.sender != recovery) revert NotRecovery(recovery, msg.sender);
    }
}
