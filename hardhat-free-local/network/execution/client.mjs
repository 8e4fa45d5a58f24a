// The execution client with what this network needs of it.
//
// Contracts compiled for Cancun need transient storage (EIP-1153) and MCOPY (EIP-5656): they are added to the Shanghai
// rules, since the pinned consensus client knows no later fork than Capella, which is Shanghai.
//
// A node drops another's transactions below a tip of 0.1 gwei, and names a lower one itself where blocks are empty: they
// would wait until the node that took them proposes a block.
import { hardforksDict } from './node_modules/@ethereumjs/common/dist/esm/hardforks.js';
import { TxPool } from './node_modules/@ethereumjs/client/dist/esm/src/service/txpool.js';

hardforksDict.shanghai.eips.push(1153, 5656);
const { validate } = TxPool.prototype;
TxPool.prototype.validate = function validateAsLocal(transaction) {
  return validate.call(this, transaction, true);
};
await import('./node_modules/@ethereumjs/client/dist/esm/bin/cli.js');
