pragma circom 2.1.6;
// SPDX-License-Identifier: Apache-2.0
include "poseidon.circom";

// I know a secret and a path with
//   leaf = P(P(secret, 1), offer), which lies in the tree under root, and nullifier = P(P(secret, 2), job).
// P is Poseidon of two inputs over BN254. `context` says by whom, for whom and until when: it is only bound.
// Whoever keeps the tree knows P(secret, 1) of each leaf, and by that no nullifier. With P(secret, job) as nullifier a
// job whose number is 1 would be that very word: the secret is first made into one word for each use.
template Consent(depth) {
    signal input context;
    signal input job;
    signal input root;
    signal input offer;
    signal input nullifier;
    signal input secret;
    signal input path[depth];
    signal input right[depth];

    component tag = Poseidon(2);
    tag.inputs[0] <== secret;
    tag.inputs[1] <== 1;
    component leaf = Poseidon(2);
    leaf.inputs[0] <== tag.out;
    leaf.inputs[1] <== offer;

    // From the leaf to the root: a node is the right child where `right` is 1, the left one where it is 0.
    signal node[depth + 1];
    signal moved[depth];
    component parent[depth];
    node[0] <== leaf.out;
    for (var i = 0; i < depth; i++) {
        right[i] * (right[i] - 1) === 0;
        moved[i] <== right[i] * (path[i] - node[i]);
        parent[i] = Poseidon(2);
        parent[i].inputs[0] <== node[i] + moved[i];
        parent[i].inputs[1] <== path[i] - moved[i];
        node[i + 1] <== parent[i].out;
    }
    root === node[depth];

    component voice = Poseidon(2);
    voice.inputs[0] <== secret;
    voice.inputs[1] <== 2;
    component used = Poseidon(2);
    used.inputs[0] <== voice.out;
    used.inputs[1] <== job;
    nullifier === used.out;

    // A public input in no constraint could be any value in the same proof.
    signal bound;
    bound <== context * context;
}

component main {public [context, job, root, offer, nullifier]} = Consent(20);
