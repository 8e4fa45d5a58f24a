"""Boosted trees over columns of several parties: SecureBoost, with the label at one of them.

Cheng, Fan, Jin, Liu, Chen, Papadopoulos, Yang, "SecureBoost: a lossless federated learning framework", IEEE Intelligent
Systems 36(6), 2021. The label's holder (`LabelHolder`; their *active party*) and up to seven hosts (`Host`) have
columns of the same rows, in the same order. The first tree is the holder's own business; for each further one:

    host → holder    boost.standing     at the start: how many trees stand from an earlier try
    holder → hosts   boost.key          how many of them all go on from, and a fresh key
    host → holder    boost.shape        how many cuts, and of each category how many cells, it has to choose from, and
                                        how many of the cuts are in columns that are to rise, or to fall
    holder → hosts   boost.gradients    each training row's gradient and curvature in one ciphertext
    for each level:
    holder → hosts   boost.nodes        which rows are in which node
    host → holder    boost.sums         of the root, then of the smaller child of each fork: which candidates are told
                                        of, of each of these the rows, and encrypted sums over them
    holder → hosts   boost.cuts         which of the host's candidates it cuts at, if any
    host → holder    boost.sides        which of these nodes' rows are on the cut's left side
    after the last tree, if columns are to be moved (`models.permuting`):
    host → holder    boost.judged       of the rows that are judged, on which side of every cut they are

*Blind* hosts are sent `boost.gradients` at each level instead of `boost.nodes`: each row's numbers, and a 1 by which
rows are counted, in the slot of its node, and nothing in all others. They add up all rows, are asked for candidates
without nodes, and tell of all rows on which side they are.

*Schemes* (`ciphers`). Paillier, or Okamoto and Uchiyama's with ciphertexts of half the length, a third of the time and
one more assumption. Keys are made for each try.

*What the holder learns* of a host: how many candidates its columns have, and which of them are in columns that are to
rise, or to fall; at each node the number of rows and the sums
of gradients and curvatures on the left of each candidate, in an order that is new for each tree, over no fewer rows
than the smallest leaf, and so is the difference of any two of a column (`placet.models.disclosure`); of each of a
node's rows on which side of the cuts it is that the tree makes there. It does not learn what is cut; but three sums
together, or those of two columns, may tell of fewer rows, and who knows each row's gradient may find out which. Of
blind hosts: the sums of each node over any rows, of candidates that have enough rows on either side in all of them;
and of all rows on which side of each cut they are.

*What a host learns*: which rows are together in a node, from the second tree on; so it can guess which rows have like
labels (Takahashi, Liu, Liu, "Eliminating label leakage in tree-based vertical federated learning", arXiv 2307.10318,
draw labels out of this alone). Neither gradients nor labels nor other parties' columns: it has ciphertexts only.
Against it stand: the first tree, whose leaves say most of the labels, is cut at the holder's columns alone; nodes of
fewer rows than the smallest leaf are refused; and depth is bounded. A blind host learns how many levels a tree has, and
which of its candidates are cut at on which.

*Who deviates.* All parties are taken to be semi-honest. Checked is what can be: a host refuses nodes that are none of
the tree's, small ones and cuts that it did not offer, a blind one cuts with few of all rows on a side; the holder
compares the sums that it was told of a cut with those of the rows that the host then says are on its left. Not checked
can be: columns that are invented, which is the same as bad data; and numbers that the holder encrypts instead of
gradients, by which it reads out of a host's columns as much as sums hold. No decrypted number goes back to a host: what
it is told of is a place among its own candidates. A ciphertext whose plaintext can't be a sum ends the attempt, and so
its key; on Okamoto and Uchiyama's scheme even that tells nothing of the key (`placet.protocols.mpc.okamoto`).
"""

from placet.protocols.boost.holder import HolderState, LabelHolder
from placet.protocols.boost.host import Host

__all__ = ["HolderState", "Host", "LabelHolder"]
