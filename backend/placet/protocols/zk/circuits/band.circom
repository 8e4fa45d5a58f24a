pragma circom 2.1.6;
// SPDX-License-Identifier: Apache-2.0
include "poseidon.circom";
include "bitify.circom";

// I know a total and a salt with commitment = P(P(total, salt), job) and low <= total < high, all three below 2^64.
// P is Poseidon of two inputs over BN254. `context` says by whom, for whom and until when: it is only bound.
// Salt: any field element; whoever commits draws it at random, or the total can be guessed from the commitment.
template Band() {
    signal input context;
    signal input job;
    signal input commitment;
    signal input low;
    signal input high;
    signal input total;
    signal input salt;

    component words[3];
    for (var i = 0; i < 3; i++) {
        words[i] = Num2Bits(64);
    }
    words[0].in <== total;
    words[1].in <== low;
    words[2].in <== high;

    // Of numbers below 2^64, a difference that fits 64 bits is not negative: a negative one is above r - 2^64.
    component above = Num2Bits(64);
    above.in <== total - low;
    component below = Num2Bits(64);
    below.in <== high - 1 - total;

    component inner = Poseidon(2);
    inner.inputs[0] <== total;
    inner.inputs[1] <== salt;
    component outer = Poseidon(2);
    outer.inputs[0] <== inner.out;
    outer.inputs[1] <== job;
    commitment === outer.out;

    // A public input in no constraint could be any value in the same proof.
    signal bound;
    bound <== context * context;
}

component main {public [context, job, commitment, low, high]} = Band();
