// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Whose key signs for this institution now?
/// @notice An institution's address for good, whose key may be lost or stolen: a recovery account gives it another one. All
/// other contracts know the account alone, so datasets, offers, consents and money stay. Nobody shares it; no other
/// contract knows of it.
interface IInstitutionAccount {
    /// @notice Another key signs for the institution from this block on, and the one before no more.
    /// @param signer the key's address
    event SignerRolled(address indexed signer);

    /// @notice Another account may replace the key from this block on, and the one before no more.
    /// @param recovery its address
    event RecoveryRolled(address indexed recovery);

    /// @notice Only the key of the institution acts in its name.
    /// @param signer the key's address
    /// @param sender who sent this
    error NotSigner(address signer, address sender);

    /// @notice Only the recovery account replaces a key.
    /// @param recovery its address
    /// @param sender who sent this
    error NotRecovery(address recovery, address sender);

    /// @notice The zero address, under which nobody could act; or one account as key and as its own recovery.
    /// @param account the address
    error UnfitAccount(address account);

    /// @notice Whose signatures and transactions are the institution's now.
    /// @custom:not-protected What the key signs, and where else it signs: it should sign for one institution alone.
    function signer() external view returns (address);

    /// @notice Who replaces that key, and itself.
    /// @custom:not-protected Itself: a lost recovery account replaces nothing any more. A contract of several keys is one.
    function recovery() external view returns (address);

    /// @notice Gives the institution another key, by its recovery account.
    /// @custom:not-protected What the key before did until this block: plans that it signed may have opened.
    function rollSigner(address signer_) external;

    /// @notice Puts another recovery account in the place of the one that sends this.
    /// @custom:not-protected A mistyped address: nobody can take this back.
    function rollRecovery(address recovery_) external;

    /// @notice Calls a contract in the institution's name, by its key. Reverts as the contract does.
    /// @custom:not-protected Which contract is called, and with what: the key may do all that the institution may.
    function execute(address target, bytes calldata data) external returns (bytes memory);

    /// @notice ERC-1271: whether the present key signed the digest (ECDSA, 65 bytes, low s).
    /// @custom:not-protected Time: a signature of a key before is refused, whenever it was made.
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4);
}
