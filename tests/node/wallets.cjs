// Signs EIP-712 typed data as wallets do: {key, documents} as JSON on stdin, what three libraries make of each on stdout.
'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');
const fs = require('node:fs');

const local = createRequire(path.join(__dirname, '../../hardhat-free-local/package.json'));
const ethers = local('ethers');
const viem = local('viem');
const { privateKeyToAccount } = local('viem/accounts');
const sigUtil = local('@metamask/eth-sig-util');

const { key, documents } = JSON.parse(fs.readFileSync(0, 'utf8'));

async function ofEthers({ types, domain, message }) {
  const own = Object.fromEntries(Object.entries(types).filter(([name]) => name !== 'EIP712Domain'));
  const text = await new ethers.Wallet(key).signTypedData(domain, own, message);
  const signature = ethers.Signature.from(text);
  return {
    hash: ethers.TypedDataEncoder.hash(domain, own, message),
    signature: text,
    compact: signature.compactSerialized,
    parts: signature.toJSON(),
  };
}

async function ofViem(document) {
  const text = await privateKeyToAccount(key).signTypedData(document);
  const parts = viem.parseSignature(text);
  return {
    hash: viem.hashTypedData(document),
    signature: text,
    compact: viem.serializeCompactSignature(viem.signatureToCompactSignature(parts)),
    parts: { ...parts, v: String(parts.v) },
    erc6492: viem.serializeErc6492Signature({ address: viem.zeroAddress, data: '0x00', signature: text }),
    personal: await privateKeyToAccount(key).signMessage({ message: { raw: viem.hashTypedData(document) } }),
  };
}

function ofSigUtil(data) {
  const version = sigUtil.SignTypedDataVersion.V4;
  const text = sigUtil.signTypedData({ privateKey: Buffer.from(key.slice(2), 'hex'), data, version });
  const hash = sigUtil.TypedDataUtils.eip712Hash(data, version);
  return { hash: `0x${hash.toString('hex')}`, signature: text };
}

async function main() {
  const made = [];
  for (const document of documents) {
    made.push({ ethers: await ofEthers(document), viem: await ofViem(document), sigUtil: ofSigUtil(document) });
  }
  process.stdout.write(JSON.stringify(made));
}

main();
