"""The enclave's program, where a document makes the comparison take more memory than there is."""

from placet.protocols.enclave.inside import boot, main

LATE = main.LATE


def _greedy(*_):
    return bytearray(boot.MEMORY)


main.compare = _greedy
run = main.run
