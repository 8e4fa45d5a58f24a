/** A job's request as the form holds it, and what of it follows from what the parties offer. */
import { get, type Dataset, type Named, type Offered, type OfferedBy, type OwnOffer, type Recipe, type Scope } from "./api.ts";
import { t } from "./i18n.ts";
import type { Auditor } from "./stakes.tsx";
import { faults, initial, pruned, type Fault, type JsonObject } from "./schema.ts";

/** An offer of somebody, and whose it is. */
export interface Choice extends Offered {
  readonly provider: Named;
}
export interface ModelInput {
  readonly offer: string;
  readonly consent: string;
}
/** What this node says of a model by its job. */
export interface Model {
  readonly job: string;
  readonly recipe: string;
  readonly parameters: JsonObject;
  readonly roles: Readonly<Record<string, string>>;
  readonly held: string;
  readonly card: { readonly commitment: string } | null;
  readonly why: string | null;
  readonly registered: readonly {
    readonly institution: string;
    readonly commitment: string;
    readonly offers: readonly { readonly offer: string; readonly consent: string | null }[];
  }[];
}
export interface Draft {
  readonly chosen: readonly Choice[];
  readonly own: OwnOffer | null;
  readonly model: Model | null;
  readonly engine: string;
  readonly parameters: JsonObject;
  readonly reward: string;
  readonly pot: string;
  readonly token: string;
  readonly auditor: Auditor | null;
  readonly stake: string;
  readonly hours: { readonly open: string; readonly compute: string; readonly settle: string };
}

/** Does the provider open garblings, on which a stake may lie? */
export const opensGarblings = (draft: Draft): boolean => pruned(draft.parameters.covert) !== undefined;

/** Those to whom rows of a chosen offer may be opened, and whose key the trust list has; of garblings anybody in it. */
export const mayAudit = (draft: Draft, { address, key }: Auditor): boolean =>
  opensGarblings(draft) || (key !== null && draft.chosen.some((one) => one.scope.auditors?.includes(address)));

export const choicesOf = (offered: readonly OfferedBy[], recipe: string): readonly Choice[] =>
  offered.flatMap(({ provider, offers }) =>
    offers.filter((one) => one.scope.recipes.includes(recipe) && one.scope.identifier !== undefined).map((one) => ({ ...one, provider })),
  );

/** Does the consumer bring rows of its own? */
export const bringsOwn = (recipe: Recipe): boolean => recipe.roles.at(-1)?.rows !== null;

/** Of the own rows those under a consent of the institution's; of persons' rows those of persons who consent. */
export function ownOffers(datasets: readonly Dataset[], recipe: Recipe, own: Named, purpose: string | undefined): readonly OwnOffer[] {
  const persons = recipe.roles.at(-1)?.persons ?? false;
  return datasets
    .filter((one) => one.origin === null && one.personal === persons)
    .flatMap((one) => one.offers)
    .filter((one) => one.consumer.address === own.address && one.recipes.includes(recipe.recipe))
    .filter((one) => (purpose === undefined || one.purpose === purpose) && (persons || one.own_consent !== null));
}

/** The roles of so many providers and the consumer, in the plan's order; null where the recipe takes another number. */
export function seats(recipe: Recipe, providers: number): readonly string[] | null {
  let spare = providers + 1 - recipe.roles.reduce((sum, one) => sum + one.least, 0);
  const names = recipe.roles.flatMap((one) => {
    const extra = Math.min(Math.max(spare, 0), one.most - one.least);
    spare -= extra;
    return Array<string>(one.least + extra).fill(one.name);
  });
  return spare === 0 ? names : null;
}

export function bounds(recipe: Recipe): { least: number; most: number } {
  const sum = (end: "least" | "most") => recipe.roles.reduce((all, one) => all + one[end], 0) - 1;
  return { least: sum("least"), most: sum("most") };
}

export function emptyDraft(recipe: Recipe): Draft {
  const parameters = initial({ ...recipe.json_schema }, recipe.json_schema, true) as JsonObject;
  return {
    chosen: [],
    own: null,
    model: null,
    engine: recipe.engines[0] ?? "embedded",
    parameters,
    reward: "",
    pot: "",
    token: "",
    auditor: null,
    stake: "",
    hours: { open: "", compute: "4", settle: "1" },
  };
}

/** After a choice: own data for the same purpose, and of the parameters what all offers say alike: the column that names
 * a person, and its kind. */
export function settled(draft: Draft, recipe: Recipe, datasets: readonly Dataset[], own: Named): Draft {
  const scope = draft.chosen[0]?.scope;
  const fitting = ownOffers(datasets, recipe, own, scope?.purpose);
  const auditor = draft.auditor !== null && mayAudit(draft, draft.auditor) ? draft.auditor : null;
  return filledIn({ ...draft, auditor, own: fitting.find((one) => one.id === draft.own?.id) ?? fitting[0] ?? null }, recipe, scope);
}

function filledIn(draft: Draft, recipe: Recipe, scope: Scope | undefined): Draft {
  if (scope === undefined) return draft;
  const known = recipe.json_schema["properties"] as Readonly<Record<string, unknown>>;
  const said: Record<string, string | undefined> = { identifier: scope.identifier, namespace: scope.namespace };
  const more = Object.entries(said).filter(([name, value]) => name in known && value !== undefined && draft.parameters[name] === undefined);
  return { ...draft, parameters: { ...draft.parameters, ...(Object.fromEntries(more) as JsonObject) } };
}

export const isRepeated = (chosen: readonly Choice[]): boolean => new Set(chosen.map((one) => one.provider.address)).size < chosen.length;

const WHOLE = /^\d{1,28}$/;

/** Does every party bring a part of a kept model, the own institution too? */
export const takesModel = (recipe: Recipe): boolean => (recipe.roles.at(-1)?.model ?? null) !== null;

/** What lacks or is wrong, in the form's order. */
export function faultsOf(draft: Draft, recipe: Recipe): readonly Fault[] {
  const found: Fault[] = [];
  const { least, most } = bounds(recipe);
  const fault = (path: string, words: string) => void found.push({ path, words });
  if (isRepeated(draft.chosen)) fault("providers", t("fault.twice"));
  else if (seats(recipe, draft.chosen.length) === null) fault("providers", least === most ? t("fault.providers", { number: least }) : t("fault.providers-range", { least, most }));
  else if (new Set(draft.chosen.map((one) => one.scope.purpose)).size > 1) fault("providers", t("fault.purposes"));
  if (bringsOwn(recipe) && draft.own === null) fault("own", t("fault.own"));
  if (takesModel(recipe) && draft.model === null) fault("model", t("fault.model"));
  found.push(...faults(pruned(draft.parameters) ?? {}, recipe.json_schema, recipe.json_schema, true, "parameters"));
  for (const name of ["reward", "pot"] as const) if (draft[name] !== "" && !WHOLE.test(draft[name])) fault(name, t("fault.number"));
  if (draft.auditor !== null && !(WHOLE.test(draft.stake) && /[1-9]/.test(draft.stake))) fault("stake", t("fault.stake"));
  const pays = draft.auditor !== null || /[1-9]/.test(draft.reward + draft.pot);
  if (pays && !/^0x[0-9a-f]{40}$/i.test(draft.token)) fault("token", t("fault.token"));
  for (const name of ["open", "compute", "settle"] as const) {
    const hours = Number(draft.hours[name]);
    if (name === "open" && draft.hours.open === "") continue; // then the node says: a day where a person decides
    if (!(hours > 0 && hours <= 24 * (name === "open" ? 1 : 7))) fault(`hours.${name}`, t("fault.hours", { most: name === "open" ? 24 : 168 }));
  }
  return found;
}

/** The request as the node takes it. */
export function requestOf(draft: Draft, recipe: Recipe, own: Named, offered: readonly OfferedBy[]): Record<string, unknown> {
  const pays = /[1-9]/.test(draft.reward + draft.pot);
  const persons = recipe.roles.at(-1)?.persons ?? false;
  const seconds = (hours: string) => Math.round(Number(hours) * 3600);
  const part = (address: string) => (draft.model === null ? {} : { model: partOf(draft, recipe, address, offered) });
  return {
    recipe: recipe.recipe,
    engine: draft.engine,
    purpose: draft.chosen[0]?.scope.purpose,
    parameters: pruned(draft.parameters) ?? {},
    providers: draft.chosen.map((one) => ({
      address: one.provider.address,
      offer: one.id,
      ...(pays ? { reward: draft.reward || "0" } : {}),
      ...part(one.provider.address),
    })),
    ...(bringsOwn(recipe) ? { own: { offer: draft.own?.id, ...(persons ? {} : { consent: draft.own?.own_consent }) } } : {}),
    ...part(own.address),
    ...(pays ? { token: draft.token.toLowerCase() } : {}),
    ...(pays && draft.pot !== "" ? { pot: draft.pot } : {}),
    ...(draft.auditor === null ? {} : { audit: { auditor: draft.auditor.address, key: draft.auditor.key, token: draft.token.toLowerCase(), stake: draft.stake } }),
    ...(draft.hours.open === "" ? {} : { open_seconds: seconds(draft.hours.open) }),
    deadline_seconds: seconds(draft.hours.compute),
    settle_seconds: seconds(draft.hours.settle),
  };
}

/** A party's part of the model: the last of its offers that is for this use, under a consent that stands. */
function partOf(draft: Draft, recipe: Recipe, address: string, offered: readonly OfferedBy[]): ModelInput | undefined {
  const { output, reasons } = draft.parameters;
  const scopes = new Map(offered.flatMap((one) => one.offers).map((one) => [one.id, one.scope]));
  const fits = (one: { offer: string }) => {
    const scope = scopes.get(one.offer);
    const same = scope?.purpose === draft.chosen[0]?.scope.purpose && scope?.output === `${reasons === undefined ? "" : "explained-"}${output}`;
    return scope === undefined || (scope.recipes.includes(recipe.recipe) && same); // of its own the node knows better
  };
  const parts = draft.model?.registered.filter((one) => one.institution === address && one.commitment === draft.model?.card?.commitment);
  return parts?.flatMap((one) => one.offers).filter((one): one is ModelInput => one.consent !== null && fits(one)).at(-1);
}

/** A model of which this institution has a part, and the parameters of its training as far as the recipe has them. */
export async function withModel(draft: Draft, recipe: Recipe, choices: readonly Choice[], own: Named, job: string): Promise<Draft> {
  const model = await get<Model>(`/v1/jobs/${job}/model`);
  const known = recipe.json_schema["properties"] as Readonly<Record<string, unknown>>;
  const trained = Object.entries(model.parameters).filter(([name]) => name in known);
  const parameters = { ...draft.parameters, ...Object.fromEntries(trained), model: { job, commitment: model.card?.commitment ?? "" } };
  const others = Object.values(model.roles).filter((one) => one !== own.address);
  const chosen = others.map((one) => choices.find((choice) => choice.provider.address === one)).filter((one): one is Choice => one !== undefined);
  return { ...draft, model, parameters, chosen };
}
