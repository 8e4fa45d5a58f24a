"""Oblivious transfer and what circuit PSI builds on it: base transfers, their extension, a batched OPRF, and an OPPRF.

`base`       128 and more 1-of-2 transfers of random seeds, on ristretto255 (Masny and Rindal 2019)
`extension`  as many correlated labels as wires of a circuit from 128 of them (IKNP 2003), checked as Roy 2022 does
`trees`      four of its columns as one (Roy 2022)
`oprf`       one oblivious pseudorandom function a bin, from 448 of them (KKRT 2016)
`okvs`       values that only who knows a key can look up (Garimella and others 2021)
`opprf`      both together: in each bin the receiver gets what the sender programmed for its identifier, or chance

`docs/explanation/protocols.md` says what each rests on, and which hold against a party that does not follow it.
"""
