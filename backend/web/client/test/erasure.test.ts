/** What is said of each holder of an erased consent, by the receipt that Python signed; and the request for it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sha256, text, type Hex } from "../src/bytes.ts";
import { canonical } from "../src/canonical.ts";
import { holdersOf, readErasures, type ErasureAnswer, type SignedErasure } from "../src/erasure.ts";
import { NodeClient, Reader } from "../src/node.ts";
import { KeySigner, signerOf } from "../src/signers.ts";
import { erasureTyped, receiptDomainOf, requestTyped } from "../src/typed.ts";

const vectors: { chain_id: number; consent_registry: Hex; signer: Hex; erasure: { sha256: Hex; signed: SignedErasure } } =
  JSON.parse(readFileSync(`${process.env["PLACET_VECTORS"]}/receipts.json`, "utf8"));
const { signer: holder, erasure } = vectors;
const { signed } = erasure;
const registry = { address: vectors.consent_registry, code_hash: `0x${"00".repeat(32)}` as Hex };
const domain = receiptDomainOf({ chain_id: vectors.chain_id, consent_registry: registry });
const other: Hex = `0x${"b2".repeat(20)}`;

const answer = (changes: Partial<ErasureAnswer> = {}): ErasureAnswer => ({
  consent: signed.receipt.consent,
  state: "told",
  asked: 1_800_000_000,
  retain_until: null,
  reason: null,
  erasure: null,
  block: null,
  holders: [],
  ...changes,
});
const told = (address: Hex, by: SignedErasure | null, waits: string | null = null) => ({
  institution: { address, name: "<b>Bank</b>" },
  erasure: by,
  waits,
});
const deleted = { kind: "deleted", at: signed.receipt.at, hash: erasure.sha256 };

test("each holder has deleted, keeps it by law, or waits, the provider first", async () => {
  const retained = answer({ retain_until: 1_900_000_000, reason: "tax", holders: [told(holder, signed), told(other, null, "erasure.going")] });
  assert.deepEqual(await holdersOf(retained, other, domain), [
    { address: other, kind: "retains", until: 1_900_000_000, reason: "tax" },
    { address: holder, ...deleted },
    { address: other, kind: "waits", code: "erasure.going" },
  ]);
  assert.deepEqual(await holdersOf(answer(), other, domain), [{ address: other, kind: "waits", code: null }]);
  const done = answer({ retain_until: 1, reason: "tax", erasure: signed });
  assert.deepEqual(await holdersOf(done, holder, domain), [{ address: holder, ...deleted }]);
});

test("what its holder's key did not sign, of this consent under these contracts, is no receipt", async () => {
  const lie = (changes: object) => ({ ...signed, receipt: { ...signed.receipt, ...changes } });
  const { erasure: __, ...rest } = answer();
  const cases: [ErasureAnswer, Hex, typeof domain][] = [
    [{ ...rest, erasure: signed }, other, domain],
    [{ ...rest, erasure: signed, consent: `0x${"77".repeat(32)}` }, holder, domain],
    [{ ...rest, erasure: signed }, holder, { ...domain, chainId: 1 }],
    [{ ...rest, erasure: signed }, holder, { ...domain, name: "Placet Consent" }],
    [{ ...rest, erasure: { ...signed, signature: "0x00" } }, holder, domain],
    ...[{ at: 1 }, { erased: ["record"] }, { jobs: [] }, { holder: other }, { registry: other }, { chain_id: "1" }].map(
      (changes): [ErasureAnswer, Hex, typeof domain] => [{ ...rest, erasure: lie(changes) }, holder, domain],
    ),
  ];
  for (const [one, provider, under] of cases)
    assert.deepEqual(await holdersOf(one, provider, under), [{ address: provider, kind: "unchecked" }]);
  const own = new KeySigner(`0x${"11".repeat(32)}`);
  for (const changes of [{ holder: other }, { consent: `0x${"77".repeat(32)}` }, { registry: other }, { chain_id: "1" }, {}]) {
    const { receipt } = lie(changes);
    const typed = erasureTyped(holder, signed.receipt.consent, await sha256(text(canonical(receipt))), domain);
    const resigned = answer({ erasure: { receipt, signature: await own.signTyped(typed) } });
    const [state] = await holdersOf(resigned, holder, domain);
    assert.equal(state?.kind, Object.keys(changes).length > 0 ? "unchecked" : "deleted");
  }
});

test("an answer is read whole or not at all", () => {
  const good = answer({ erasure: signed, block: 7, holders: [told(other, null, "peer.unreachable")] });
  assert.deepEqual(readErasures({ erasures: [good] }), [good]);
  const { waits: _, ...short } = told(other, null);
  const strange: unknown[] = [
    null, {}, { erasures: {} }, { erasures: [{ ...good, more: 1 }] }, { erasures: [{ ...good, asked: "1" }] },
    { erasures: [{ ...good, reason: "a\nb" }] }, { erasures: [{ ...good, consent: "0x" }] }, { erasures: [{ ...good, holders: [short] }] },
    { erasures: [{ ...good, holders: [told("0xzz", null)] }] }, { erasures: [{ ...good, holders: Array(1001).fill(told(other, null)) }] },
    { erasures: [{ ...good, erasure: { ...signed, receipt: { ...signed.receipt, version: 2 } } }] },
    { erasures: [{ ...good, erasure: { ...signed, signature: `0x${"00".repeat(5000)}` } }] },
  ];
  for (const one of strange) assert.throws(() => readErasures(one), { code: "altered" }, JSON.stringify(one)?.slice(0, 80));
});

test("it is asked for by a request that the owner signed", async (context) => {
  const owner = new KeySigner(`0x${"22".repeat(32)}`);
  const asks = { name: "Placet Consent", version: "1", chainId: vectors.chain_id, verifyingContract: vectors.consent_registry };
  const path = `/v1/owners/${owner.owner}/erasure`;
  const asked = context.mock.method(globalThis, "fetch", async () => Response.json({ erasures: [answer()] }));
  const node = new NodeClient("https://bank.example", holder, asks, () => "");
  assert.deepEqual(await node.erasures(new Reader(node, owner)), [answer()]);
  assert.equal(asked.mock.callCount(), 1);
  const [url, init] = asked.mock.calls[0]?.arguments as unknown as [string, { method: string; headers: Record<string, string> }];
  assert.deepEqual([url, init.method], [`https://bank.example${path}`, "GET"]);
  const [scheme, credential] = (init.headers["Authorization"] as string).split(" ") as [string, string];
  const { signer, nonce, expiry, signature } = JSON.parse(Buffer.from(credential, "base64url").toString());
  const typed = requestTyped({ receiver: holder, method: "GET", path, body: await sha256(text("")), nonce, expiry }, asks);
  assert.deepEqual([scheme, signer, await signerOf(typed, signature)], ["Placet", owner.owner, owner.owner]);
});
