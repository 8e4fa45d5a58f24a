// The consensus client, for a network that may stand still as a whole: after a start that took longer than an epoch, or a
// night in which all nodes were down, each of them is behind the clock and none behind another. The client would wait for
// ever for one that is further; here it goes on once it has a peer and nothing to catch up with. And for one that is
// divided on purpose: the client takes silence for a bad mark, and would refuse the other half for half an hour after
// the cables are back; here it gives no marks, as its later versions' --disablePeerScoring.
import { createRequire } from 'node:module';

import { SyncState } from './node_modules/@lodestar/beacon-node/lib/sync/interface.js';

createRequire(import.meta.url)('./snappy.cjs');
const { PeerScore } = await import('./node_modules/@lodestar/beacon-node/lib/network/peers/score.js');
PeerScore.prototype.add = () => {};
const { BeaconSync } = await import('./node_modules/@lodestar/beacon-node/lib/sync/sync.js');
const { get } = Object.getOwnPropertyDescriptor(BeaconSync.prototype, 'state');
Object.defineProperty(BeaconSync.prototype, 'state', {
  get() {
    const state = get.call(this);
    return state === SyncState.Stalled && this.network.hasSomeConnectedPeer() ? SyncState.Synced : state;
  },
});
await import('./node_modules/@chainsafe/lodestar/lib/index.js');
