/** CSV files as `placet.core.csv_file` writes them, for who reads either. */
const SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20";
const BEFORE_FORMULA = new RegExp(`^(?='*[${SIGNS}\\t\\r\\n])|(?<=[;\\t\\r\\n])(?='*[${SIGNS}])`, "gu");
const NUMBER = /^-[0-9]+(\.[0-9]+)?$/;

/** A cell that a spreadsheet would take for a formula has an apostrophe before it: a partner's word must not let the
 * reader's own program fetch and send things. So after a semicolon, where in many countries cells are parted. */
const shown = (text: string): string => (NUMBER.test(text) ? text : text.replace(BEFORE_FORMULA, "'"));

const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Rows, the header too, as a file's text (RFC 4180, lines that end as Unix ends them). */
export function written(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => (row.length === 1 && row[0] === "" ? '""' : row.map((cell) => quoted(shown(cell))).join(",")) + "\n").join("");
}
