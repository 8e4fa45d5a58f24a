"""Networks trained by Flower's strategies and PyTorch, in a process of their own that has neither network nor chain.

A party's node starts the process (`process`), hands it the own rows as numbers, and answers each round's sum: all that
leaves a party goes through the node's own link, as part of a secure sum. In the process a strategy of Flower's
(McMahan et al. 2017; FedProx, Li et al. 2020; FedAdam, Reddi et al. 2021) sends its messages through a `Grid` of our
own (`grid`). Only the process imports flwr and torch.
"""
