// The consensus client, for a network that may stand still as a whole: after a start that took longer than an epoch, or a
// night in which all nodes were down, each of them is behind the clock and none behind another. The client would wait for
// ever for one that is further; here it goes on once it has a peer and nothing to catch up with.
import { createRequire } from 'node:module';

import { SyncState } from './node_modules/@lodestar/beacon-node/lib/sync/interface.js';

createRequire(import.meta.url)('./snappy.cjs');
const { BeaconSync } = await import('./node_modules/@lodestar/beacon-node/lib/sync/sync.js');
const { get } = Object.getOwnPropertyDescriptor(BeaconSync.prototype, 'state');
Object.defineProperty(BeaconSync.prototype, 'state', {
  get() {
    const state = get.call(this);
    return state === SyncState.Stalled && this.network.hasSomeConnectedPeer() ? SyncState.Synced : state;
  },
});
await import('./node_modules/@chainsafe/lodestar/lib/index.js');
