/** Wallets that misbehave, as people report them: each ends in a code, and nothing is taken for a signature. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hex } from "../src/bytes.ts";
import { KeySigner } from "../src/signers.ts";
import { withdrawalTyped, type TypedData } from "../src/typed.ts";
import { WalletSigner, type Network, type Wallet } from "../src/wallet.ts";

const HERE: Network = { chainId: 31337, chainName: "Placet", rpcUrls: ["https://chain.example"] };
const domain = { name: "Placet Consent", version: "1", chainId: 31337, verifyingContract: `0x${"c0".repeat(20)}` as Hex };
const typed = withdrawalTyped(`0x${"ab".repeat(32)}`, domain);
const own = new KeySigner(`0x${"11".repeat(32)}`);
const stranger = new KeySigner(`0x${"22".repeat(32)}`);

type Answer = (params: readonly unknown[]) => unknown;

function wallet(answers: Record<string, Answer>, asked: string[] = []): Wallet {
  let chain = "0x7a69";
  const usual: Record<string, Answer> = {
    eth_requestAccounts: () => ["0x19E7E376E7C213B7E7E7E46CC70A5DD086DAFF2A"],
    eth_chainId: () => chain,
    wallet_switchEthereumChain: () => ((chain = "0x7a69"), null),
    wallet_addEthereumChain: () => ((chain = "0x7a69"), null),
    eth_signTypedData_v4: ([, data]) => own.signTyped(JSON.parse(data as string) as TypedData),
  };
  const request = async ({ method, params = [] }: { method: string; params?: readonly unknown[] }) => {
    asked.push(method);
    return (answers[method] ?? usual[method])?.(params);
  };
  return { uuid: "u", name: "Test", rdns: "org.example", icon: null, provider: { request } };
}

const refuse = (code: number) => () => {
  throw Object.assign(new Error("no"), { code });
};
const sign = async (one: Wallet, network = HERE, account?: Hex) =>
  (await WalletSigner.connect(one, network, account, 50)).signTyped(typed);

test("a wallet signs, and is asked for its network before anything else", async () => {
  const asked: string[] = [];
  assert.equal(await sign(wallet({}, asked)), await own.signTyped(typed));
  assert.deepEqual(asked, ["eth_requestAccounts", "eth_chainId", "eth_chainId", "eth_signTypedData_v4"]);
});

test("a network is changed, and added where the wallet does not know it", async () => {
  const asked: string[] = [];
  let there = "0x1";
  const moving = { eth_chainId: () => there, wallet_addEthereumChain: () => ((there = "0x7a69"), null) };
  await sign(wallet({ ...moving, wallet_switchEthereumChain: refuse(4902) }, asked));
  assert.ok(asked.indexOf("wallet_addEthereumChain") < asked.indexOf("eth_signTypedData_v4"));
  there = "0x1";
  const mobile = () => {
    throw { code: -32603, data: { originalError: { code: 4902 } } };
  };
  await sign(wallet({ ...moving, wallet_switchEthereumChain: mobile }));
});

test("each misbehaviour has its code", async () => {
  const never = () => new Promise<never>(() => {});
  const cases: [string, Record<string, Answer>, Network?, Hex?][] = [
    ["rejected", { eth_requestAccounts: refuse(4001) }],
    ["rejected", { eth_signTypedData_v4: refuse(4001) }],
    ["wallet", { eth_signTypedData_v4: refuse(-32603) }],
    ["timeout", { eth_requestAccounts: never }],
    ["timeout", { eth_chainId: () => "0x1", wallet_switchEthereumChain: never }],
    ["timeout", { eth_signTypedData_v4: never }],
    ["network", { eth_chainId: () => "0x1" }],
    ["network", { eth_chainId: () => "0x1", wallet_switchEthereumChain: refuse(4001) }],
    ["network.unknown", { eth_chainId: () => "0x1", wallet_switchEthereumChain: refuse(4902) }, { chainId: 31337 }],
    ["account", { eth_requestAccounts: () => [] }],
    ["account", {}, HERE, stranger.owner],
    ["account", { eth_signTypedData_v4: () => stranger.signTyped(typed) }],
    ["account", { eth_signTypedData_v4: () => "0x1234" }],
    ["account", { eth_signTypedData_v4: () => own.signTyped(withdrawalTyped(`0x${"cd".repeat(32)}`, domain)) }],
  ];
  for (const [code, answers, network, account] of cases) {
    await assert.rejects(sign(wallet(answers), network, account), { code }, `${code} ${Object.keys(answers)}`);
  }
});
