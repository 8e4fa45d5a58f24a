// What the consensus client takes of `snappy`, by snappyjs: the former has to be compiled on the machine, and npm runs no
// install scripts here. Loaded before the client.
'use strict';

const Module = require('node:module');
const snappyjs = require('snappyjs');

const compressSync = (bytes) => Buffer.from(snappyjs.compress(bytes));

function later(work, callback) {
  setImmediate(() => {
    let result;
    try {
      result = work();
    } catch (error) {
      callback(error);
      return;
    }
    callback(null, result);
  });
}

const snappy = {
  compressSync,
  compress: (bytes, callback) => later(() => compressSync(bytes), callback),
  uncompress: (bytes, options, callback) => later(() => Buffer.from(snappyjs.uncompress(bytes)), callback),
};

const load = Module._load;
Module._load = (request, ...rest) => (request === 'snappy' ? snappy : load(request, ...rest));
