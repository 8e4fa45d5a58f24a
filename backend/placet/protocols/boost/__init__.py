"""Boosted trees over columns of several parties: SecureBoost, with the label at one of them.

Cheng, Fan, Jin, Liu, Chen, Papadopoulos, Yang, "SecureBoost: a lossless federated learning framework", IEEE Intelligent
Systems 36(6), 2021. The label's holder (`LabelHolder`; their *active party*) and up to seven hosts (`Host`) have
columns of the same rows, in the same order. The first tree is the holder's own business; for each further one:

    host → holder    boost.standing     at the start: how many trees stand from an earlier try
    holder → hosts   boost.key          how many of them all go on from, and a fresh key
    host → holder    boost.shape        how many cuts, and of each category how many cells, it has to choose from
    holder → hosts   boost.gradients    each training row's gradient and curvature in one Paillier ciphertext
    for each level:
    holder → hosts   boost.nodes        which rows are in which node
    host → holder    boost.sums         of each node and candidate the rows, and encrypted sums over them
    holder → hosts   boost.cuts         which of the host's candidates it cuts at, if any
    host → holder    boost.sides        which of these nodes' rows are on the cut's left side

*What the holder learns* of a host: how many candidates its columns have; at each node the number of rows and the sums
of gradients and curvatures on the left of each candidate, in an order that is new for each tree, and over no fewer rows
than the smallest leaf, nor is a node's sum less its child's; of each of a node's rows on which side of the cuts it is
that the tree makes there. It does not learn what is cut; but differences of two candidates' sums may be over fewer
rows, and who knows each row's gradient may find out which.

*What a host learns*: which rows are together in a node, from the second tree on; so it can guess which rows have like
labels (Takahashi, Liu, Liu, "Eliminating label leakage in tree-based vertical federated learning", arXiv 2307.10318,
draw labels out of this alone). Neither gradients nor labels nor other parties' columns: it has ciphertexts only.
Against it stand: the first tree, whose leaves say most of the labels, is cut at the holder's columns alone; nodes of
fewer rows than the smallest leaf are refused; and depth is bounded.

*Who deviates.* All parties are taken to be semi-honest. Checked is what can be: a host refuses nodes that are none of
the tree's, small ones and cuts that it did not offer; the holder compares the sums that it was told of a cut with those
of the rows that the host then says are on its left. Not checked can be: columns that are invented, which is the same as
bad data; and numbers that the holder encrypts instead of gradients, by which it reads out of a host's columns as much
as sums hold. No decrypted number goes back to a host: what it is told of is a place among its own candidates.
"""

from placet.protocols.boost.holder import HolderState, LabelHolder
from placet.protocols.boost.host import Host

__all__ = ["HolderState", "Host", "LabelHolder"]
