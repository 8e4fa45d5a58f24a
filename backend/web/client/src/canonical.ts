/** RFC 8785: the one form of a JSON document, over which it is hashed. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export function canonical(value: unknown): string {
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError("not JSON: a number without a value");
  if (typeof value === "string" && !value.isWellFormed()) throw new TypeError("not JSON: half a surrogate pair");
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    entries.sort(([one], [other]) => (one < other ? -1 : 1)); // JavaScript compares UTF-16 code units, as RFC 8785 wants
    return `{${entries.map(([name, entry]) => `${canonical(name)}:${canonical(entry)}`).join(",")}}`;
  }
  const written = JSON.stringify(value);
  if (written === undefined) throw new TypeError(`not JSON: ${typeof value}`);
  return written;
}
