// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnclaveRegistry} from "../interfaces/IEnclaveRegistry.sol";
import {Vm} from "./helpers/Vm.sol";

contract EnclaveRegistryTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    IEnclaveRegistry private registry;
    address private constant BANK = address(0xba);
    address private constant OTHER = address(0x07);
    bytes32 private constant CODE = keccak256("an enclave");
    IEnclaveRegistry.Class private constant SIMULATED = IEnclaveRegistry.Class.Simulated;
    IEnclaveRegistry.Class private constant HARDWARE = IEnclaveRegistry.Class.Hardware;

    function setUp() public {
        registry = IEnclaveRegistry(vm.deployCode("EnclaveRegistry.sol:EnclaveRegistry"));
    }

    function test_accepted_from_its_block_on() public {
        vm.roll(10);
        vm.prank(BANK);
        vm.expectEmit(true, true, false, true);
        emit IEnclaveRegistry.MeasurementAccepted(BANK, CODE, HARDWARE);
        registry.accept(CODE, HARDWARE);
        vm.assertFalse(registry.isAccepted(BANK, CODE, HARDWARE, 9));
        vm.assertTrue(registry.isAccepted(BANK, CODE, HARDWARE, 10));
        vm.assertTrue(registry.isAccepted(BANK, CODE, HARDWARE, type(uint64).max));
    }

    function test_retired_from_its_block_on_and_for_ever() public {
        vm.roll(10);
        vm.startPrank(BANK);
        registry.accept(CODE, HARDWARE);
        vm.roll(20);
        vm.expectEmit(true, true, false, true);
        emit IEnclaveRegistry.MeasurementRetired(BANK, CODE);
        registry.retire(CODE);
        vm.assertTrue(registry.isAccepted(BANK, CODE, HARDWARE, 19));
        vm.assertFalse(registry.isAccepted(BANK, CODE, HARDWARE, 20));
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.MeasurementNotAccepted.selector, BANK, CODE, 20));
        registry.retire(CODE);
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.MeasurementKnown.selector, BANK, CODE, HARDWARE, 20));
        registry.accept(CODE, HARDWARE);
    }

    function test_simulated_is_never_hardware() public {
        vm.startPrank(BANK);
        registry.accept(CODE, SIMULATED);
        uint64 now_ = uint64(block.number);
        vm.assertTrue(registry.isAccepted(BANK, CODE, SIMULATED, now_));
        vm.assertFalse(registry.isAccepted(BANK, CODE, HARDWARE, now_));
        vm.assertFalse(registry.isAccepted(BANK, CODE, IEnclaveRegistry.Class.None, now_));
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.MeasurementKnown.selector, BANK, CODE, SIMULATED, 0));
        registry.accept(CODE, HARDWARE);
    }

    function test_a_class_is_needed() public {
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.NoClass.selector, CODE));
        registry.accept(CODE, IEnclaveRegistry.Class.None);
    }

    function test_an_unknown_measurement_is_not_accepted_in_any_class() public view {
        vm.assertFalse(registry.isAccepted(BANK, CODE, IEnclaveRegistry.Class.None, 1));
        vm.assertFalse(registry.isAccepted(BANK, CODE, SIMULATED, 1));
        vm.assertTrue(registry.acceptances(BANK, CODE).class == IEnclaveRegistry.Class.None);
    }

    function test_each_speaks_for_himself() public {
        vm.prank(BANK);
        registry.accept(CODE, HARDWARE);
        vm.startPrank(OTHER);
        vm.assertFalse(registry.isAccepted(OTHER, CODE, HARDWARE, uint64(block.number)));
        vm.expectRevert(abi.encodeWithSelector(IEnclaveRegistry.MeasurementNotAccepted.selector, OTHER, CODE, 0));
        registry.retire(CODE);
        vm.assertTrue(registry.isAccepted(BANK, CODE, HARDWARE, uint64(block.number)));
    }

    /// @notice Accepted and retired in one block: it never was.
    function testFuzz_accepted_only_between(uint64 since, uint64 until, uint64 asked) public {
        vm.assume(0 < since && since <= until);
        vm.startPrank(BANK);
        vm.roll(since);
        registry.accept(CODE, HARDWARE);
        vm.roll(until);
        registry.retire(CODE);
        vm.assertTrue(registry.isAccepted(BANK, CODE, HARDWARE, asked) == (since <= asked && asked < until));
    }
}
