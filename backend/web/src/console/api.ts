/** Asks the own node, with the cookie that no script reads. Everything that comes is in these types. */
import { PlacetError, type Problem } from "../../client/src/errors.ts";

export interface Named {
  readonly address: string;
  readonly name: string;
}
export interface Wait {
  readonly for: string;
  readonly seconds: number;
  readonly rows?: readonly [number, number];
  readonly why?: string;
}
export interface Party extends Named {
  readonly role: string;
}
export interface Job {
  readonly id: string;
  readonly recipe: string;
  readonly party: number;
  readonly status: string;
  readonly ended: string | null;
  readonly attempt: number;
  readonly deadline: number;
  readonly settle_by: number;
  readonly consumer: Named;
  readonly role: string;
  readonly purpose: string;
  readonly parties: readonly Named[];
  readonly created: number;
  readonly open_by: number;
  readonly waits: readonly Wait[];
}
export interface JobPage {
  readonly jobs: readonly Job[];
  readonly cursor: string | null;
}
/** What happened: a status, when, and what there is to say of it. */
export interface Moment {
  readonly status: string;
  readonly at: number;
  readonly [detail: string]: unknown;
}
export interface Plan {
  readonly job: string;
  readonly state: "waiting" | "signed" | "refused" | "expired" | "cancelled" | "stale";
  readonly consumer: Named;
  readonly recipe: string;
  readonly does: string;
  readonly engine: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly purpose: string;
  readonly operations: string;
  readonly role: string;
  readonly parties: readonly (Party & { readonly learns: string; readonly reward: string })[];
  readonly rows: number | null;
  readonly consents: number | null;
  readonly table_rows: number | null;
  readonly budget: number;
  readonly reward: string;
  readonly pot: string;
  readonly token: string;
  readonly audit: PlanAudit | null;
  readonly asked: number;
  readonly open_by: number;
  readonly deadline: number;
  readonly settle_by: number;
  readonly decided: number | null;
  readonly by: string | null;
  readonly reason: string | null;
}
/** The audit that a plan names, of drawn places or, by null, of garblings; `stake` is the own institution's, in the smallest unit of `token`. */
export interface PlanAudit {
  readonly auditor: Named;
  readonly places: number | null;
  readonly token: string;
  readonly stake: string;
  readonly beneficiary: Named;
  readonly find_by: number;
  readonly answer_seconds: number;
}
/** A party's stake in a job; `until` is 0 where nothing is to be answered. */
export interface Stake {
  readonly institution: Named;
  readonly beneficiary: Named;
  readonly amount: string;
  readonly status: string;
  readonly fault: string;
  readonly find_by: number;
  readonly until: number;
}
export interface Role {
  readonly name: string;
  readonly learns: string;
  readonly rows: string | null;
  readonly persons: boolean;
  readonly model: string | null;
  readonly least: number;
  readonly most: number;
}
export type Schema = { readonly [key: string]: unknown };
export interface Recipe {
  readonly recipe: string;
  readonly does: string;
  readonly operations: string;
  readonly engines: readonly string[];
  readonly json_schema: Schema;
  readonly roles: readonly Role[];
  readonly served: boolean;
  readonly standing: boolean;
  readonly divides: boolean;
}
export interface Scope {
  readonly title: string;
  readonly provider: string;
  readonly purpose: string;
  readonly columns: readonly string[];
  readonly identifier?: string;
  readonly namespace?: string;
  readonly decimals?: Readonly<Record<string, number>>;
  readonly output: string;
  readonly smallest_group: number;
  readonly recipes: readonly string[];
  readonly auditors?: readonly string[];
  readonly personal: boolean;
}
/** An offer that another institution makes to this one. */
export interface Offered {
  readonly id: string;
  readonly offer: { readonly dataset: string; readonly budget: number };
  readonly scope: Scope;
  readonly openings: number;
  readonly spent: number | null;
}
/** A dataset of which another institution lets this one know; budgets are the chain's, null while it says none. */
export interface Known {
  readonly name: string;
  readonly id: string;
  readonly columns: readonly string[];
  readonly about: string | null;
  readonly budget: number | null;
  readonly spent: number | null;
}
export interface OfferedBy {
  readonly provider: Named;
  readonly offers: readonly Offered[];
  readonly datasets: readonly Known[];
  readonly error: string | null;
}
export interface OwnOffer {
  readonly id: string;
  readonly title: string;
  readonly consumer: Named;
  readonly purpose: string;
  readonly recipes: readonly string[];
  readonly auditors: readonly Named[];
  readonly openings: number;
  readonly budget: number;
  readonly spent: number;
  readonly consents: { readonly current: number; readonly ended: number; readonly batches: number };
  readonly own_consent: string | null;
}
export interface Dataset {
  readonly name: string;
  readonly id: string;
  readonly columns: readonly string[];
  readonly identifier: string;
  readonly namespace: string | null;
  readonly personal: boolean;
  readonly origin: string | null;
  readonly budget: number | null;
  readonly spent: number | null;
  readonly rows: number | null;
  readonly offers: readonly OwnOffer[];
}
export interface Rewards {
  readonly tokens: readonly { readonly token: string; readonly owed: string; readonly claimed: string }[];
  readonly jobs: readonly {
    readonly job: string;
    readonly recipe: string;
    readonly token: string;
    readonly ended: string | null;
    readonly sponsor: Named;
    readonly reward: string;
    readonly credited: string;
    readonly refunded: string;
    readonly withheld: readonly Named[];
  }[];
}
export interface Health {
  readonly ok: boolean;
  readonly chain: string;
  readonly vault: string;
  readonly storage: string;
  readonly lag: number | null;
  readonly loops: Readonly<Record<string, string>>;
  readonly words: Readonly<Record<string, string>>;
}
export interface Outcomes {
  readonly going: number;
  readonly ended: Readonly<Record<string, number>>;
}
export interface Day {
  readonly day: string;
  readonly given: number;
  readonly ended: number;
}
export interface Result {
  readonly rows: readonly Readonly<Record<string, string>>[];
  readonly report: Readonly<Record<string, unknown>> | null;
  readonly disclosed_in_protocol: readonly string[];
}

const WAIT = 150_000;
/** Heard where a request finds that nobody is logged in. */
export const LOGGED_OUT = "placet-logged-out";
const NOBODY = new Set(["access.unsigned", "access.session"]);

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(WAIT),
    });
  } catch {
    throw new PlacetError("offline", "nobody answered");
  }
  if (answer.status === 204) return undefined as T;
  const content: unknown = await answer.json().catch(() => null);
  if (answer.ok && content !== null) return content as T;
  const problem = { code: String(answer.status), detail: answer.statusText, ...(content as Partial<Problem> | null) };
  if (NOBODY.has(problem.code)) dispatchEvent(new Event(LOGGED_OUT));
  throw new PlacetError("refused", problem.detail, problem.code, problem);
}

export const get = <T>(path: string): Promise<T> => ask("GET", path);
export const post = <T>(path: string, body?: unknown): Promise<T> => ask("POST", path, body);

/** Health is told with status 503 where something is not well, and is no error then. */
export async function health(): Promise<Health> {
  const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(WAIT) }).catch(() => null);
  const content = (await answer?.json().catch(() => null)) as Health | null | undefined;
  if (!content || typeof content.ok !== "boolean") throw new PlacetError("offline", "nobody answered");
  return content;
}
