/** EIP-712: what is signed, and its hashes. The types are fixed; only domain and message vary. */
import { hashStruct, hashTypedData, keccak256 } from "viem/utils";
import { text, type Hex } from "./bytes.ts";
import type { Consent, Deployment, Offer } from "./documents.ts";
import type { SignedTotal, Statement } from "./proof.ts";

const field = (declared: string) => {
  const [type, name] = declared.split(" ") as [string, string];
  return { name, type };
};
const struct = (fields: string) => fields.split(",").map(field);

const DOMAIN = struct("string name,string version,uint256 chainId,address verifyingContract");
const TYPES = {
  Offer: struct("bytes32 dataset,address consumer,bytes32 purpose,uint32 operations,bytes32 scope,uint64 budget"),
  Details: struct(
    "string language,string dataset,string consumer,string purpose,string columns,string output,string parties," +
      "bytes32 notice,bytes32 enrolment,bytes32 salt",
  ),
  Consent: struct(
    "Details details,Offer offer,bytes owner,uint48 notBefore,uint48 notAfter,uint32 firstOpening,uint32 uses",
  ),
  Withdrawal: struct("bytes32 consent"),
  Enrolment: struct("bytes owner,string namespace,bytes32 subject"),
  Total: struct(
    "bytes32 job,bytes person,bytes32 commitment,uint32 decimals,uint48 issuedAt,uint48 notAfter,string purpose",
  ),
  Statement: struct("bytes32 key,bytes32 job,address prover,address relyingParty,uint48 until"),
  ErasureReceipt: struct("address holder,bytes32 consent,bytes32 document"),
  Request: struct("address receiver,string method,string path,bytes32 body,bytes32 nonce,uint48 expiry"),
} as const;
type Primary = keyof typeof TYPES;
const INNER: Partial<Record<Primary, readonly Primary[]>> = { Consent: ["Details", "Offer"] };

export interface Domain {
  readonly name: string;
  readonly version: string;
  readonly chainId: number;
  readonly verifyingContract: Hex;
}

/** The argument of `eth_signTypedData_v4`. */
export interface TypedData {
  readonly types: Readonly<Record<string, readonly { readonly name: string; readonly type: string }[]>>;
  readonly primaryType: string;
  readonly domain: Domain;
  readonly message: Readonly<Record<string, unknown>>;
}

export const domainOf = (deployment: Deployment): Domain => ({
  name: "Placet Consent",
  version: "1",
  chainId: deployment.chain_id,
  verifyingContract: deployment.consent_registry.address,
});

export const provenDomainOf = (deployment: Pick<Deployment, "chain_id" | "statements">): Domain => ({
  name: "Placet Statements",
  version: "1",
  chainId: deployment.chain_id,
  verifyingContract: deployment.statements.address,
});

/** Of institutions' receipts, which no contract reads. */
export const receiptDomainOf = (deployment: Pick<Deployment, "chain_id" | "consent_registry">): Domain => ({
  name: "Placet Receipts",
  version: "1",
  chainId: deployment.chain_id,
  verifyingContract: deployment.consent_registry.address,
});

function typesOf(primary: Primary) {
  const names = [primary, ...(INNER[primary] ?? [])];
  return Object.fromEntries(names.map((name) => [name, TYPES[name]]));
}

const structHash = (primary: Primary, data: object): Hex =>
  hashStruct({ primaryType: primary, types: typesOf(primary), data: data as Record<string, unknown> });

const typedData = (domain: Domain, primary: Primary, message: object): TypedData => ({
  types: { EIP712Domain: DOMAIN, ...typesOf(primary) },
  primaryType: primary,
  domain,
  message: message as Record<string, unknown>,
});

export function digestOf(typed: TypedData): Hex {
  const { EIP712Domain: _, ...types } = typed.types;
  return hashTypedData({ ...typed, types } as Parameters<typeof hashTypedData>[0]);
}

export const keccakOf = (value: string): Hex => keccak256(text(value));
export const offerId = (offer: Offer): Hex => structHash("Offer", offer);

const message = (consent: Consent) => ({
  owner: consent.owner,
  offer: consent.offer,
  notBefore: consent.not_before,
  notAfter: consent.not_after,
  firstOpening: consent.first_opening,
  uses: consent.uses,
  details: consent.details,
});
export const consentId = (consent: Consent): Hex => structHash("Consent", message(consent));
export const consentTyped = (consent: Consent, domain: Domain): TypedData =>
  typedData(domain, "Consent", message(consent));
export const withdrawalTyped = (consent: Hex, domain: Domain): TypedData =>
  typedData(domain, "Withdrawal", { consent });
export const enrolmentTyped = (owner: Hex, namespace: string, subject: Hex, domain: Domain): TypedData =>
  typedData(domain, "Enrolment", { owner, namespace, subject });
export const totalTyped = (total: SignedTotal["total"], domain: Domain): TypedData =>
  typedData(domain, "Total", { ...total, issuedAt: total.issued_at, notAfter: total.not_after });
export const statementTyped = (statement: Statement, domain: Domain): TypedData =>
  typedData(domain, "Statement", { ...statement, relyingParty: statement.relying_party });
export const erasureTyped = (holder: Hex, consent: Hex, document: Hex, domain: Domain): TypedData =>
  typedData(domain, "ErasureReceipt", { holder, consent, document });
export const requestTyped = (
  request: { receiver: Hex; method: string; path: string; body: Hex; nonce: Hex; expiry: number },
  domain: Domain,
): TypedData => typedData(domain, "Request", request);
