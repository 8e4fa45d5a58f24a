/** A JSON schema of a recipe's parameters as a form needs it: what kind of field each value has, and what is wrong. */
import type { Schema } from "./api.ts";
import { numberOf, t } from "./i18n.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

export type Kind =
  | { readonly is: "choice"; readonly options: readonly (string | number)[] }
  | { readonly is: "yesno" }
  | { readonly is: "number"; readonly least: number | null; readonly most: number | null }
  | { readonly is: "text"; readonly pattern: string | null; readonly most: number | null }
  | { readonly is: "lines"; readonly of: Kind; readonly least: number; readonly most: number | null }
  | { readonly is: "list"; readonly of: Schema; readonly least: number; readonly most: number | null }
  | { readonly is: "group"; readonly fields: readonly (readonly [string, Schema])[]; readonly required: readonly string[] }
  | { readonly is: "union"; readonly by: string; readonly ways: Readonly<Record<string, Schema>> }
  | { readonly is: "map"; readonly keys: readonly string[]; readonly of: Schema }
  | { readonly is: "json" };

/** The schema behind references, and whether it may also be nothing. */
export function resolved(schema: Schema, root: Schema): { readonly schema: Schema; readonly optional: boolean } {
  const reference = schema["$ref"] as string | undefined;
  if (reference !== undefined) {
    const one = (root["$defs"] as Record<string, Schema>)[reference.split("/").at(-1) as string] as Schema;
    return resolved({ ...one, ...omit(schema, "$ref") }, root);
  }
  const ways = schema["anyOf"] as readonly Schema[] | undefined;
  const [way, ...more] = ways?.filter((one) => one["type"] !== "null") ?? [];
  if (way === undefined || more.length > 0) return { schema, optional: false };
  return { schema: resolved({ ...way, ...omit(schema, "anyOf") }, root).schema, optional: way !== undefined && ways!.length > 1 };
}

const omit = (schema: Schema, name: string): Schema => Object.fromEntries(Object.entries(schema).filter(([key]) => key !== name));

export function kindOf(given: Schema, root: Schema): Kind {
  const { schema } = resolved(given, root);
  const number = (name: string) => (schema[name] as number | undefined) ?? null;
  if ("const" in schema) return { is: "choice", options: [schema["const"] as string] };
  const told = schema["discriminator"] as { readonly mapping: Readonly<Record<string, string>>; readonly propertyName: string } | undefined;
  if (told !== undefined) {
    const ways = Object.entries(told.mapping).map(([name, reference]) => [name, { $ref: reference }] as const);
    return { is: "union", by: told.propertyName, ways: Object.fromEntries(ways) };
  }
  if ("enum" in schema) return { is: "choice", options: schema["enum"] as readonly string[] };
  switch (schema["type"]) {
    case "boolean":
      return { is: "yesno" };
    case "integer":
    case "number":
      return { is: "number", least: number("minimum"), most: number("maximum") ?? below(number("exclusiveMaximum")) };
    case "string":
      return { is: "text", pattern: (schema["pattern"] as string | undefined) ?? null, most: number("maxLength") };
    case "array": {
      const [first, ...more] = (schema["prefixItems"] as readonly Schema[] | undefined) ?? [];
      const alike = more.every((one) => JSON.stringify(one) === JSON.stringify(first));
      const items = alike ? (first ?? (schema["items"] as Schema | undefined)) : undefined;
      if (items === undefined) return { is: "json" };
      const of = kindOf(items, root);
      const bounds = { least: number("minItems") ?? 0, most: number("maxItems") };
      if (of.is === "text" || of.is === "number" || of.is === "choice") return { is: "lines", of, ...bounds };
      return of.is === "json" ? { is: "json" } : { is: "list", of: items, ...bounds };
    }
    case "object": {
      if ("properties" in schema) {
        const fields = Object.entries(schema["properties"] as Record<string, Schema>);
        return { is: "group", fields, required: (schema["required"] as readonly string[] | undefined) ?? [] };
      }
      const keys = (schema["propertyNames"] as Schema | undefined)?.["enum"] as readonly string[] | undefined;
      const of = schema["additionalProperties"];
      return keys !== undefined && typeof of === "object" ? { is: "map", keys, of: of as Schema } : { is: "json" };
    }
    default:
      return { is: "json" };
  }
}

const below = (number: number | null): number | null => (number === null ? null : number - 1);

/** What a field has before anybody filled it in: its default, or the only value that it may have. */
export function initial(given: Schema, root: Schema, required: boolean): Json | undefined {
  const { schema } = resolved(given, root);
  if (schema["default"] !== undefined && schema["default"] !== null) return schema["default"] as Json;
  if (!required) return undefined;
  const kind = kindOf(schema, root);
  if (kind.is === "choice" && kind.options.length === 1) return kind.options[0] as Json;
  if (kind.is !== "group") return undefined;
  const fields = kind.fields.map(([name, one]) => [name, initial(one, root, kind.required.includes(name))] as const);
  return Object.fromEntries(fields.filter((one): one is readonly [string, Json] => one[1] !== undefined));
}

export interface Fault {
  readonly path: string;
  readonly words: string;
}

/** What is wrong with a value, by the path of its field. `undefined` is a field that was left empty. */
export function faults(value: Json | undefined, given: Schema, root: Schema, required: boolean, path: string): readonly Fault[] {
  const fault = (words: string): readonly Fault[] => [{ path, words }];
  if (value === undefined || value === null || value === "") return required ? fault(t("fault.missing")) : [];
  const kind = kindOf(given, root);
  switch (kind.is) {
    case "choice":
      return kind.options.includes(value as string) ? [] : fault(t("fault.choice"));
    case "yesno":
      return typeof value === "boolean" ? [] : fault(t("fault.choice"));
    case "number":
    case "text": {
      const words = faultOf(value, kind);
      return words === null ? [] : fault(words);
    }
    case "lines": {
      const lines = Array.isArray(value) ? (value as readonly Json[]) : [];
      const count = countFault(lines.length, kind);
      if (count !== null) return fault(count);
      for (const [place, line] of lines.entries()) {
        const words = kind.of.is === "choice" ? (kind.of.options.includes(line as string) ? null : t("fault.choice")) : faultOf(line, kind.of);
        if (words !== null) return fault(t("fault.line", { number: place + 1, words }));
      }
      return [];
    }
    case "list": {
      const entries = Array.isArray(value) ? (value as readonly Json[]) : [];
      const count = countFault(entries.length, kind);
      return [...(count === null ? [] : fault(count)), ...entries.flatMap((one, place) => faults(one, kind.of, root, true, `${path}.${place}`))];
    }
    case "group": {
      const content = value as JsonObject;
      return kind.fields.flatMap(([name, one]) => faults(content[name], one, root, kind.required.includes(name), `${path}.${name}`));
    }
    case "union": {
      const way = kind.ways[String((value as JsonObject)[kind.by])];
      return way === undefined ? fault(t("fault.choice")) : faults(value, way, root, true, path);
    }
    case "map":
      return Object.entries(value as JsonObject).flatMap(([name, one]) => faults(one, kind.of, root, true, `${path}.${name}`));
    case "json":
      return typeof value === "string" ? fault(t("fault.json")) : [];
  }
}

function countFault(count: number, bounds: { least: number; most: number | null }): string | null {
  if (count < bounds.least) return t("fault.few", { least: bounds.least });
  return bounds.most !== null && count > bounds.most ? t("fault.many", { most: bounds.most }) : null;
}

function faultOf(value: Json, kind: Kind): string | null {
  if (kind.is === "number") {
    if (typeof value !== "number" || !Number.isInteger(value)) return t("fault.number");
    const low = kind.least !== null && value < kind.least;
    const high = kind.most !== null && value > kind.most;
    return low || high ? rangeWords(kind.least, kind.most) : null;
  }
  if (kind.is !== "text") return null;
  if (typeof value !== "string") return t("fault.missing");
  if (kind.most !== null && value.length > kind.most) return t("fault.long", { most: kind.most });
  return kind.pattern !== null && !new RegExp(kind.pattern, "u").test(value) ? t("fault.pattern") : null;
}

export function rangeWords(least: number | null, most: number | null): string {
  if (least !== null && most !== null) return t("range.both", { least: numberOf(least), most: numberOf(most) });
  if (least !== null) return t("range.least", { least: numberOf(least) });
  return most === null ? "" : t("range.most", { most: numberOf(most) });
}

/** Without fields that were left empty: what is not given is no part of the parameters. */
export function pruned(value: Json | undefined): Json | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (Array.isArray(value)) return (value as readonly Json[]).map(pruned).filter((one): one is Json => one !== undefined);
  if (typeof value !== "object") return value;
  const entries = Object.entries(value).map(([name, one]) => [name, pruned(one)] as const);
  const left = entries.filter((one): one is readonly [string, Json] => one[1] !== undefined);
  return left.length === 0 ? undefined : Object.fromEntries(left);
}
