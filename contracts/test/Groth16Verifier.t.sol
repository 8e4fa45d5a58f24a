// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGroth16Verifier} from "../interfaces/IGroth16Verifier.sol";
import {Trapdoor} from "./helpers/Trapdoor.sol";
import {Vm} from "./helpers/Vm.sol";
import {CeremonyId, CircuitId, KeyId} from "../interfaces/Types.sol";

contract Groth16VerifierTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant R = Trapdoor.R;
    uint256 private constant Q = Trapdoor.Q;
    IGroth16Verifier private verifier;
    KeyId private key;

    function setUp() public {
        verifier = IGroth16Verifier(vm.deployCode("Groth16Verifier.sol:Groth16Verifier"));
        key = verifier.register(Trapdoor.key(2), registration());
    }

    function registration() private pure returns (IGroth16Verifier.Registration memory) {
        return IGroth16Verifier.Registration(CircuitId.wrap("circuit"), CeremonyId.wrap("ceremony"), 0, address(0));
    }

    function two(uint256 x, uint256 y) private pure returns (uint256[] memory inputs) {
        inputs = new uint256[](2);
        (inputs[0], inputs[1]) = (x, y);
    }

    // ------------------------------------------------------------------ proofs

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_a_right_proof_holds(uint256 x, uint256 y, uint256 a) public view {
        uint256[] memory inputs = two(x % R, y % R);
        vm.assertTrue(verifier.verify(key, inputs, Trapdoor.prove(inputs, 1 + a % (R - 1))));
    }

    function test_of_every_number_of_inputs() public {
        for (uint256 count = 1; count <= 64; count += 21) {
            KeyId other = verifier.register(Trapdoor.key(count), registration());
            uint256[] memory inputs = new uint256[](count);
            for (uint256 i = 0; i < count; ++i) {
                inputs[i] = uint256(keccak256(abi.encode(i))) % R;
            }
            uint256[8] memory proof = Trapdoor.prove(inputs, 5);
            vm.assertTrue(verifier.verify(other, inputs, proof));
            inputs[count - 1] = addmod(inputs[count - 1], 1, R);
            vm.assertFalse(verifier.verify(other, inputs, proof));
        }
    }

    function test_the_edges_of_the_field() public view {
        uint256[] memory inputs = two(0, R - 1);
        vm.assertTrue(verifier.verify(key, inputs, Trapdoor.prove(inputs, 1)));
    }

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_another_input_is_refused(uint256 x, uint256 y, uint256 other, bool second) public view {
        uint256[] memory inputs = two(x % R, y % R);
        uint256[8] memory proof = Trapdoor.prove(inputs, 5);
        uint256 changed = second ? 1 : 0;
        vm.assume(inputs[changed] != other % R);
        inputs[changed] = other % R;
        vm.assertFalse(verifier.verify(key, inputs, proof));
    }

    /// @dev The precompile would reduce it: the same statement would have several forms, a nullifier several lives.
    function test_an_input_and_the_order_are_no_second_form(uint256 x, uint256 y, uint256 times, bool second) public {
        uint256[] memory inputs = two(x % R, y % R);
        uint256[8] memory proof = Trapdoor.prove(inputs, 5);
        uint256 changed = second ? 1 : 0;
        inputs[changed] += R * (1 + times % 4);
        vm.expectRevert(abi.encodeWithSelector(IGroth16Verifier.InputNotInField.selector, changed, inputs[changed]));
        verifier.verify(key, inputs, proof);
    }

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_a_changed_word_of_the_proof_is_refused(uint256 x, uint256 y, uint8 word, uint256 change) public view {
        uint256[] memory inputs = two(x % R, y % R);
        uint256[8] memory proof = Trapdoor.prove(inputs, 5);
        vm.assume(change != 0);
        unchecked {
            proof[word % 8] += change;
        }
        vm.assertFalse(verifier.verify(key, inputs, proof));
    }

    /// @dev A coordinate and the field's prime would be the same point in another form: the precompile refuses it.
    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_a_coordinate_beyond_the_prime_is_refused(uint8 word) public view {
        uint256[8] memory proof = Trapdoor.prove(two(1, 2), 5);
        proof[word % 8] += Q;
        vm.assertFalse(verifier.verify(key, two(1, 2), proof));
    }

    function test_negated_points_are_refused_alone_and_hold_together() public view {
        uint256[] memory inputs = two(1, 2);
        uint256[8] memory proof = Trapdoor.prove(inputs, 5);
        proof[1] = Q - proof[1];
        vm.assertFalse(verifier.verify(key, inputs, proof));
        (proof[4], proof[5]) = (Q - proof[4], Q - proof[5]);
        // e(−A, −B) = e(A, B): who relies on a proof being used once looks at the statement, as `Statements` does.
        vm.assertTrue(verifier.verify(key, inputs, proof));
        proof[1] = Q - proof[1];
        vm.assertFalse(verifier.verify(key, inputs, proof));
        proof = Trapdoor.prove(inputs, 5);
        proof[7] = Q - proof[7];
        vm.assertFalse(verifier.verify(key, inputs, proof));
    }

    function test_swapped_points_are_refused() public view {
        uint256[] memory inputs = two(1, 2);
        uint256[8] memory p = Trapdoor.prove(inputs, 5);
        vm.assertFalse(verifier.verify(key, inputs, [p[6], p[7], p[2], p[3], p[4], p[5], p[0], p[1]]));
        vm.assertFalse(verifier.verify(key, inputs, [p[0], p[1], p[3], p[2], p[5], p[4], p[6], p[7]]));
        vm.assertFalse(verifier.verify(key, inputs, [p[0], p[1], p[4], p[5], p[2], p[3], p[6], p[7]]));
        vm.assertFalse(verifier.verify(key, two(2, 1), p));
    }

    function test_points_at_infinity_are_refused() public view {
        uint256[8] memory nothing;
        vm.assertFalse(verifier.verify(key, two(1, 2), nothing));
        uint256[8] memory proof = Trapdoor.prove(two(1, 2), 5);
        (proof[6], proof[7]) = (0, 0);
        vm.assertFalse(verifier.verify(key, two(1, 2), proof));
    }

    function test_another_key_is_refused() public {
        uint256[] memory inputs = two(1, 2);
        uint256[8] memory proof = Trapdoor.prove(inputs, 5);
        bytes memory other = Trapdoor.key(2);
        uint256[2] memory alpha = Trapdoor.negated(Trapdoor.point(4));
        assembly ("memory-safe") {
            mcopy(add(other, 32), alpha, 64)
        }
        vm.assertFalse(verifier.verify(verifier.register(other, registration()), inputs, proof));

        KeyId unknown = KeyId.wrap("unknown");
        vm.expectRevert(abi.encodeWithSelector(IGroth16Verifier.KeyUnknown.selector, unknown));
        verifier.verify(unknown, inputs, proof);
        vm.expectRevert(abi.encodeWithSelector(IGroth16Verifier.WrongNumberOfInputs.selector, key, 2, 1));
        verifier.verify(key, new uint256[](1), proof);
        vm.expectRevert(abi.encodeWithSelector(IGroth16Verifier.WrongNumberOfInputs.selector, key, 2, 3));
        verifier.verify(key, new uint256[](3), proof);
    }

    /// @dev With too little gas for the precompiles the answer is never yes.
    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_little_gas_proves_nothing(uint256 gas_) public {
        uint256[8] memory proof = Trapdoor.prove(two(1, 2), 5);
        proof[7] = Q - proof[7];
        bytes memory data = abi.encodeCall(verifier.verify, (key, two(1, 2), proof));
        (bool done, bytes memory answer) = address(verifier).call{gas: 20_000 + gas_ % 250_000}(data);
        vm.assertFalse(done && abi.decode(answer, (bool)));
    }

    // -------------------------------------------------------------------- keys

    function test_what_a_key_is_registered_as_is_part_of_its_id() public {
        bytes memory bytes_ = Trapdoor.key(2);
        IGroth16Verifier.Registration memory r = registration();
        vm.expectRevert(abi.encodeWithSelector(IGroth16Verifier.KeyKnown.selector, key));
        verifier.register(bytes_, r);
        r.ceremony = CeremonyId.wrap(0);
        KeyId test = verifier.register(bytes_, r);
        vm.assertTrue(KeyId.unwrap(test) != KeyId.unwrap(key));
        r.nullifier = 1;
        vm.assertTrue(KeyId.unwrap(verifier.register(bytes_, r)) != KeyId.unwrap(test));
        IGroth16Verifier.Key memory known = verifier.keys(test);
        vm.assertEq(known.inputs, 2);
        vm.assertEq(CircuitId.unwrap(known.registration.circuit), "circuit");
        vm.assertEq(CeremonyId.unwrap(known.registration.ceremony), 0);
        vm.assertEq(keccak256(known.data.code), keccak256(abi.encodePacked(hex"00", bytes_)));
    }

    function test_a_key_is_no_program() public {
        address data = verifier.keys(key).data;
        (bool done, bytes memory answer) = data.call(hex"ffffffff");
        vm.assertTrue(done && answer.length == 0 && data.code.length == 1 + 448 + 192);
    }

    function refused(bytes memory bytes_, bytes memory expected) private {
        vm.expectRevert(expected);
        verifier.register(bytes_, registration());
    }

    function test_lengths_that_are_no_key() public {
        bytes memory whole = Trapdoor.key(65);
        uint256[6] memory lengths = [uint256(0), 447, 448, 512, 577, whole.length];
        for (uint256 i = 0; i < lengths.length; ++i) {
            bytes memory part = Trapdoor.key(65);
            uint256 length = lengths[i];
            assembly ("memory-safe") {
                mstore(part, length)
            }
            refused(part, abi.encodeWithSelector(IGroth16Verifier.WrongKeyLength.selector, length));
        }
    }

    /// @dev As ICᵢ the point at infinity would let any value of an input pass.
    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_a_point_at_infinity_is_no_keys(uint8 which) public {
        bytes memory bytes_ = Trapdoor.key(2);
        uint256[7] memory places = [uint256(0), 64, 192, 320, 448, 512, 576];
        uint256 place = places[which % 7];
        uint256 size = place >= 64 && place < 448 ? 128 : 64;
        for (uint256 i = 0; i < size; ++i) {
            bytes_[place + i] = 0;
        }
        refused(bytes_, abi.encodeWithSelector(IGroth16Verifier.BadKeyPoint.selector));
    }

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_a_point_off_its_curve_is_no_keys(uint16 place, uint8 bit) public {
        bytes memory bytes_ = Trapdoor.key(2);
        uint256 position = place % bytes_.length;
        bytes_[position] = bytes1(uint8(bytes_[position]) ^ uint8(1 << (bit % 8)));
        refused(bytes_, abi.encodeWithSelector(IGroth16Verifier.BadKeyPoint.selector));
    }

    /// @dev What a set-up leaves to which nobody contributed: then A = −α, B = β, C = −L·γ/δ prove anything.
    /// forge-config: default.fuzz.runs = 8
    /// forge-config: long.fuzz.runs = 200
    function test_a_key_to_which_nobody_contributed(bool negative) public {
        bytes memory bytes_ = Trapdoor.key(2);
        uint256[4] memory gamma = Trapdoor.g2(11);
        if (negative) gamma = Trapdoor.negatedG2(gamma);
        assembly ("memory-safe") {
            mcopy(add(bytes_, 352), gamma, 128)
        }
        refused(bytes_, abi.encodeWithSelector(IGroth16Verifier.NobodyContributed.selector));
    }

    function test_a_nullifier_is_an_input() public {
        IGroth16Verifier.Registration memory r = registration();
        r.nullifier = 2;
        bytes memory bytes_ = Trapdoor.key(2);
        vm.expectRevert(abi.encodeWithSelector(IGroth16Verifier.NoSuchInput.selector, 2, 2));
        verifier.register(bytes_, r);
    }

    /// forge-config: default.isolate = true
    function test_gas() public {
        uint256[] memory inputs = two(uint256(keccak256("x")) % R, uint256(keccak256("y")) % R);
        uint256[8] memory proof = Trapdoor.prove(inputs, uint256(keccak256("a")) % R);
        bytes memory data = abi.encodeCall(verifier.verify, (key, inputs, proof));
        (bool done, bytes memory answer) = address(verifier).call(data);
        uint256 gas_ = vm.snapshotGasLastCall("Groth16Verifier", "verify with two public inputs");
        vm.assertTrue(done && abi.decode(answer, (bool)));
        vm.assertTrue(gas_ <= 235_000);
        IGroth16Verifier.Registration memory r = registration();
        r.nullifier = 1;
        verifier.register(Trapdoor.key(2), r);
        vm.snapshotGasLastCall("Groth16Verifier", "register with two public inputs");
    }
}
