// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CeremonyId, CircuitId, KeyId} from "./Types.sol";

/// @title Who made the keys of a circuit, one after the other?
/// @notice A Groth16 key is safe if one of those who contributed to it forgot its secret. Contributors are named when a ceremony
/// opens and record in turn the hash of what each handed on. At the end each confirms the key that came out. No owner, no proxy.
interface ICeremonies {
    /// @param circuit what the keys are for
    /// @param contributors how many, at least two
    /// @param contributed how many have recorded theirs
    /// @param head keccak256(head before ‖ contributor ‖ contribution), from the ceremony's id on
    struct Ceremony {
        CircuitId circuit;
        uint32 contributors;
        uint32 contributed;
        bytes32 head;
    }

    /// @notice A ceremony begins.
    /// @param ceremony its id
    /// @param circuit what its keys are for
    /// @param contributors who contributes, in this order
    event CeremonyOpened(CeremonyId indexed ceremony, CircuitId indexed circuit, address[] contributors);

    /// @notice A contributor handed its contribution on.
    /// @param ceremony the ceremony's id
    /// @param contributor who, whose turn it was
    /// @param place its place, from zero
    /// @param contribution hash of what it handed on
    /// @param head the ceremony's head with it
    event Contributed(
        CeremonyId indexed ceremony, address indexed contributor, uint32 place, bytes32 contribution, bytes32 head
    );

    /// @notice A contributor says that this key came out of the ceremony.
    /// @param ceremony the ceremony's id
    /// @param contributor who
    /// @param key the key's id
    /// @param confirmations how many contributors have said so of this key
    event KeyConfirmed(
        CeremonyId indexed ceremony, address indexed contributor, KeyId indexed key, uint32 confirmations
    );

    /// @notice One person makes no ceremony, and more than 64 take too long.
    /// @param found how many contributors were named
    error WrongNumberOfContributors(uint256 found);

    /// @notice A contributor was named twice, or is nobody.
    /// @param contributor the account
    error NoContributor(address contributor);

    /// @notice The ceremony was opened before.
    /// @param ceremony its id
    error CeremonyKnown(CeremonyId ceremony);

    /// @notice There is no such ceremony.
    /// @param ceremony its id
    error CeremonyUnknown(CeremonyId ceremony);

    /// @notice It is another contributor's turn, or nobody's any more.
    /// @param ceremony the ceremony's id
    /// @param expected whose turn it is; zero if all have contributed
    /// @param found who asked
    error NotYourTurn(CeremonyId ceremony, address expected, address found);

    /// @notice The hash of a contribution is not zero.
    error NoContribution();

    /// @notice Not all contributors have contributed.
    /// @param ceremony the ceremony's id
    /// @param contributors how many there are
    /// @param contributed how many did
    error StillContributing(CeremonyId ceremony, uint32 contributors, uint32 contributed);

    /// @notice The sender is no contributor, or has confirmed a key before.
    /// @param ceremony the ceremony's id
    /// @param contributor the sender
    error MayNotConfirm(CeremonyId ceremony, address contributor);

    /// @notice Opens a ceremony of these contributors, in this order. Its id also depends on the sender.
    /// @custom:not-protected That the contributors are different people, and forget their secrets: who relies on a key looks at who
    /// they are. Two accounts of one person make a ceremony here.
    function open(CircuitId circuit, address[] calldata contributors, bytes32 salt) external returns (CeremonyId);

    /// @notice The contributor whose turn it is records the hash of what it handed on, once.
    /// @custom:not-protected What the hash stands for: who relies on the key verifies the contributions themselves.
    function contribute(CeremonyId ceremony, bytes32 contribution) external;

    /// @notice A contributor says which key came out, once, after all have contributed.
    /// @custom:not-protected That it looked. One contributor that confirms another key leaves the ceremony without one: open a new one
    /// without it.
    function confirm(CeremonyId ceremony, KeyId key) external;

    /// @notice Have all contributors of this ceremony confirmed this key?
    /// @custom:not-protected A reader against a reorganisation, and against contributors who are one person.
    function made(CeremonyId ceremony, KeyId key) external view returns (bool);

    /// @notice Is this a contributor that has not confirmed a key yet?
    /// @custom:not-protected A reader against a reorganisation.
    function mayConfirm(CeremonyId ceremony, address contributor) external view returns (bool);

    /// @notice A ceremony; all zero if there is none.
    /// @custom:not-protected A reader against a reorganisation.
    function ceremonies(CeremonyId ceremony) external view returns (Ceremony memory);

    /// @notice The contributors in their order; empty if there is no such ceremony.
    /// @custom:not-protected Who they are.
    function contributorsOf(CeremonyId ceremony) external view returns (address[] memory);
}
