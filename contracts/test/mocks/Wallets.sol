// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice An ERC-1271 wallet of one key, which it can replace.
contract OneKeyWallet {
    address public key;

    constructor(address key_) {
        key = key_;
    }

    function replace(address key_) external {
        key = key_;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (address recovered,,) = ECDSA.tryRecoverCalldata(digest, signature);
        return recovered == key && key != address(0) ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// @notice Answers isValidSignature (and whatever else is called) with fixed bytes, or reverts with them.
contract Answers {
    bool private immutable _reverts;
    bytes private _answer;

    constructor(bool reverts, bytes memory answer) {
        _reverts = reverts;
        _answer = answer;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        if (_reverts) {
            bytes memory answer = _answer;
            revert(string(answer));
        }
        return _answer;
    }
}

/// @notice Says yes to every signature; keeps nothing in storage, so that an EIP-7702 account can use it as its code.
contract YesWallet {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }
}

/// @notice An ERC-7913 verifier that accepts everything; never on a list.
contract YesVerifier {
    function verify(bytes calldata, bytes32, bytes calldata) external pure returns (bytes4) {
        return this.verify.selector;
    }
}
