"""FHE PSI `psi.fhe/1`: a short list against a large set; the list's owner alone learns which of its rows are there.

Chen, Laine, Rindal, "Fast private set intersection from homomorphic encryption", CCS 2017; with an oblivious
pseudorandom function in front, as in Chen, Huang, Laine, Rindal, "Labeled PSI from fully homomorphic encryption with
malicious security", CCS 2018, and never without. No labels. R, the receiver, has the list, S the set:

    R → S   fhe.blinded     the list's points, blinded (`oprf`), filled up to the list's declared length
    S → R   fhe.evaluated   the same times S's secret scalar, in the order received
    R → S   fhe.query       keys for relinearising, and encryptions of some powers of R's tags, one tag a bin
    S → R   fhe.answer      for each part of the set, S's polynomial at R's tags: zero where a row is there

S computes the function of all its rows by itself, lays each row in three bins and makes of each bin's rows polynomials
whose roots they are (`layout`, `polynomials`); R lays its list in a cuckoo table of the same bins. Encryption is BFV by
SEAL (`scheme`), the extra `placet[fhe]`.

Assumptions: ring learning with errors at 128 bits (SEAL's table for classical attackers) for R's privacy; one-more gap
Diffie-Hellman in ristretto255 and SHA-512 as a random oracle for S's. Since what S encrypts is a function of
pseudorandom tags, values that miss and the noise of the answers tell R nothing of rows that it did not ask the function
of, even if R does not follow the protocol. R's correctness rests on S following it. `docs/explanation/protocols.md` has
the rest.
"""

from placet.protocols.fhe.extra import require
from placet.protocols.fhe.intersect import intersect
from placet.protocols.fhe.parameters import MAX_LIST

__all__ = ["MAX_LIST", "intersect", "require"]
