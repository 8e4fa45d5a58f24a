/** The console's own words, and those of recipes, purposes and roles where there are any. */
import core from "messages/core";
import messages from "messages/console"; // of one language: the build makes a program for each
import { PlacetError } from "../../client/src/errors.ts";
import { language, withMessages } from "../common/i18n.ts";

export { dateOf, here, language, path, timeOf } from "../common/i18n.ts";
export const { t, tOr } = withMessages(messages);

const NUMBER = new Intl.NumberFormat(language);
const LIST = new Intl.ListFormat(language, { type: "conjunction" });
const CLOCK = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });

/** A whole number, also one that comes as text because it may be large. */
export const numberOf = (value: number | string): string => NUMBER.format(typeof value === "string" ? BigInt(value) : value);
export const listOf = (texts: readonly string[]): string => LIST.format(texts);
export const clockOf = (seconds: number): string => CLOCK.format(seconds * 1000);
export const dayOf = (day: string): string => DAY.format(Date.parse(day));

export const recipeName = (recipe: string): string => tOr(`recipe.${recipe}`, recipe);
export const purposeName = (iri: string): string => (core.purposes as Record<string, string>)[iri] ?? iri;
export const roleName = (role: string): string => tOr(`role.${role}`, role.replaceAll("-", " "));
export const statusName = (status: string): string => tOr(`status.${status}`, status);

export const capital = (text: string): string => text.charAt(0).toLocaleUpperCase(language) + text.slice(1);

/** Words for what went wrong; what the node said itself stands in English beside them. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof PlacetError)) return t("error.unknown");
  if (error.code === "offline") return t("error.offline");
  const { code, detail, remedy } = error.problem ?? { code: "", detail: error.message };
  const said = `${detail}${remedy ? ` (${remedy})` : ""}`;
  return tOr(`error.${code}`, t("error.refused", { detail: said }), { detail: said });
}

/** How long from now: "2 days", "3 hours 5 minutes", "40 seconds". Null once it is over. */
export function left(seconds: number): string | null {
  if (seconds <= 0) return null;
  const units = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]] as const;
  const from = units.findIndex(([, size]) => seconds >= size);
  const parts: string[] = [];
  let rest = Math.floor(seconds);
  for (const [unit, size] of units.slice(Math.max(from, 0), Math.max(from, 0) + (from === 2 ? 1 : 2))) {
    const number = Math.floor(rest / size);
    rest -= number * size;
    if (number > 0) parts.push(new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(number));
  }
  return parts.join(" ");
}
