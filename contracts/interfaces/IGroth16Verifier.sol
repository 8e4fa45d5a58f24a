// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CeremonyId, CircuitId, KeyId} from "./Types.sol";

/// @title Is this proof right under that key?
/// @notice Groth16 (2016) over BN254 by the precompiles of EIP-196 and EIP-197: one contract for all circuits. A key's bytes are
/// −α ‖ β ‖ −γ ‖ −δ ‖ IC₀ ‖ … ‖ ICₙ, points as EIP-197 reads them, α, γ and δ negated, so that a proof's points go to the
/// precompile as they are. A key is kept as the code of a contract of its own that never changes.
interface IGroth16Verifier {
    /// @notice What a key is registered as: part of its id.
    /// @param circuit SHA-256 of the circuit's source
    /// @param ceremony where the set-up is recorded, in `Ceremonies`; zero for a test set-up by one person
    /// @param nullifier place of the public input that may occur once; zero if there is none
    /// @param checker an `IStatementChecker` that knows whether such statements stand now; zero if there is none
    struct Registration {
        CircuitId circuit;
        CeremonyId ceremony;
        uint8 nullifier;
        address checker;
    }

    /// @param data the contract whose code, after its first byte, is the key
    /// @param inputs how many public inputs the circuit has
    /// @param registration what it is registered as
    struct Key {
        address data;
        uint8 inputs;
        Registration registration;
    }

    /// @notice A key is there for everybody.
    /// @param key its id
    /// @param circuit what it verifies
    /// @param ceremony where its set-up is recorded; zero for a test set-up
    /// @param inputs how many public inputs it takes
    /// @param data the contract that holds it
    event KeyRegistered(
        KeyId indexed key, CircuitId indexed circuit, CeremonyId indexed ceremony, uint8 inputs, address data
    );

    /// @notice The key was registered before, as the same.
    /// @param key its id
    error KeyKnown(KeyId key);

    /// @notice No such key is registered.
    /// @param key its id
    error KeyUnknown(KeyId key);

    /// @notice A key has the bytes of one to 64 public inputs.
    /// @param found how many bytes it has
    error WrongKeyLength(uint256 found);

    /// @notice A point of the key is none of its group, or the point at infinity.
    error BadKeyPoint();

    /// @notice δ is ±γ: nobody contributed to the circuit's part of the set-up, and anybody can prove anything.
    error NobodyContributed();

    /// @notice The nullifier is none of the key's public inputs.
    /// @param nullifier its place
    /// @param inputs how many there are
    error NoSuchInput(uint8 nullifier, uint256 inputs);

    /// @notice The circuit takes another number of public inputs.
    /// @param key the key's id
    /// @param expected how many it takes
    /// @param found how many there are
    error WrongNumberOfInputs(KeyId key, uint256 expected, uint256 found);

    /// @notice A public input is no element of the field: the same statement would have several forms.
    /// @param place the input's place, from zero
    /// @param value the input
    error InputNotInField(uint256 place, uint256 value);

    /// @notice Registers a key for everybody, once. Anybody may.
    /// @custom:not-protected Who relies on it: any key is a key, and its maker may know how to prove anything with it. `registration` is
    /// the sender's word: `Ceremonies` says whether that ceremony made this key.
    function register(bytes calldata key, Registration calldata registration) external returns (KeyId);

    /// @notice Whether the proof A ‖ B ‖ C holds for these public inputs. Points that are none make it false. Reverts for an unknown
    /// key, another number of inputs, and inputs that are no field elements.
    /// @custom:not-protected Callers against the same statement again: a proof can be changed into another of the same statement. Against a
    /// set-up whose secret somebody kept. What the inputs mean.
    function verify(KeyId key, uint256[] calldata inputs, uint256[8] calldata proof) external view returns (bool);

    /// @notice A registered key; all zero if there is none.
    /// @custom:not-protected A reader against a reorganisation.
    function keys(KeyId key) external view returns (Key memory);

    /// @notice The id of these bytes registered as this.
    /// @custom:not-protected That it is registered.
    function keyId(bytes calldata key, Registration calldata registration) external pure returns (KeyId);
}
