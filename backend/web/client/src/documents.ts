/** The documents that a node and its operators write, in the names they have there. */
import type { Hex } from "./bytes.ts";
import { PlacetError } from "./errors.ts";
import type { Language } from "./words.ts";

export interface Offer {
  readonly dataset: Hex;
  readonly consumer: Hex;
  readonly purpose: Hex;
  readonly operations: number;
  readonly scope: Hex;
  readonly budget: number;
}

export interface Scope {
  readonly type: "placet.scope";
  readonly version: 1;
  readonly title: string;
  readonly provider: Hex;
  readonly purpose: string;
  readonly columns: readonly string[];
  readonly identifier?: string;
  readonly namespace?: string;
  readonly matched_by?: readonly string[];
  readonly decimals?: Readonly<Record<string, number>>;
  readonly bounds?: Readonly<Record<string, readonly [number, number]>>;
  readonly output: string;
  readonly smallest_group: number;
  readonly smallest_gap?: string;
  readonly smallest_change?: number;
  readonly tolerated_withdrawals?: number;
  readonly data_life?: number;
  readonly recipes: readonly string[];
  readonly parties: readonly Hex[];
  readonly auditors?: readonly Hex[];
  readonly enrollers: readonly Hex[];
  readonly personal: boolean;
  readonly salt: Hex;
}

const SCOPE_FIELDS = new Set(
  ("type version title provider purpose columns identifier namespace matched_by decimals bounds output smallest_group " +
    "smallest_gap smallest_change tolerated_withdrawals data_life recipes parties auditors enrollers personal salt").split(" "),
);

/** A scope with a field that this library has no words for must not be signed. */
export function demandKnownScope(scope: Scope): void {
  const strange = Object.keys(scope).find((name) => !SCOPE_FIELDS.has(name));
  if (scope.type !== "placet.scope" || scope.version !== 1 || strange !== undefined) {
    throw new PlacetError("altered", "the scope is of a form that this page does not know", strange ?? scope.type);
  }
}

export interface Details {
  readonly language: Language;
  readonly dataset: string;
  readonly consumer: string;
  readonly purpose: string;
  readonly columns: string;
  readonly output: string;
  readonly parties: string;
  readonly notice: Hex;
  readonly enrolment: Hex;
  readonly salt: Hex;
}

export interface Consent {
  readonly owner: Hex;
  readonly offer: Offer;
  readonly not_before: number;
  readonly not_after: number;
  readonly first_opening: number;
  readonly uses: number;
  readonly details: Details;
}

/** What tells a consent from the others to its offer. */
export interface ConsentFields {
  readonly owner: Hex;
  readonly not_before: number;
  readonly not_after: number;
  readonly first_opening: number;
  readonly uses: number;
  readonly enrolment: Hex;
  readonly salt: Hex;
  readonly language: Language;
}

interface Contract {
  readonly address: Hex;
}

export interface Deployment {
  readonly chain_id: number;
  readonly consent_registry: Contract;
  readonly p256_verifier: Contract;
  readonly webauthn_verifier: Contract;
  readonly statements: Contract;
  readonly consent_trees: Contract;
}

export interface Institution {
  readonly address: Hex;
  readonly name: string;
  readonly api: string;
}

export interface Enroller {
  readonly address: Hex;
  readonly name: string;
  readonly namespaces: readonly string[];
  readonly api?: string | null;
}

export interface TrustList {
  readonly institutions: readonly Institution[];
  readonly enrollers: readonly Enroller[];
  readonly auditors?: readonly Named[];
}

interface Named {
  readonly address: Hex;
  readonly name: string;
}

/** Everybody whose name a notice may have: among these an address has one name, and a name one address. */
export const namedIn = (trust: TrustList): readonly Named[] => [...trust.institutions, ...(trust.auditors ?? [])];

/** An institution's or an auditor's address to its name for people. */
export type Names = (address: Hex) => string;

export function namesOf(trust: TrustList): Names {
  const names = new Map(namedIn(trust).map((one) => [one.address, one.name]));
  return (address) => {
    const name = names.get(address);
    if (name === undefined) throw new PlacetError("altered", "the trust list names no such institution", address);
    return name;
  };
}

export interface Offered {
  readonly id: Hex;
  readonly offer: Offer;
  readonly scope: Scope;
  readonly openings: number;
}

export interface Enrolment {
  readonly enroller: Hex;
  readonly subject: Hex;
  readonly signature: Hex;
}

export interface Opening {
  readonly subject: string;
  readonly salt: Hex;
}

export interface ConsentAnswer {
  readonly id: Hex;
  readonly status: string;
  readonly offer: Hex;
  readonly consent: ConsentFields;
  readonly batch: { readonly root: Hex; readonly proof: readonly Hex[] | null; readonly block: number | null } | null;
  readonly block: number | null;
  readonly error?: string | null;
}

export interface Use {
  readonly job: Hex;
  readonly nth: number;
  readonly at: number;
  readonly outcome: string;
  readonly block: number | null;
}

export interface ExportPage {
  readonly institution: { readonly address: Hex; readonly name: string };
  readonly owner: Hex;
  readonly at: number;
  readonly consents: readonly {
    readonly consent: ConsentAnswer;
    readonly signed: Consent | null;
    readonly notice: string | null;
    readonly signature: Hex;
    readonly uses: readonly Use[];
  }[];
  readonly cursor: Hex | null;
}
