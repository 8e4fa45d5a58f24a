/** Every word of a notice, from the files of Placet's core itself. */
import de from "../../../placet/core/words/de.json" with { type: "json" };
import en from "../../../placet/core/words/en.json" with { type: "json" };
import zh from "../../../placet/core/words/zh.json" with { type: "json" };
import { PlacetError } from "./errors.ts";

export const LANGUAGES = ["en", "de", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

type Table = Readonly<Record<string, string>>;
type File = Readonly<Record<string, string | Table>>;
const FILES: Readonly<Record<Language, File>> = { en, de, zh };

/** Fills in what stands in braces, once: what a name has in braces stays as it is. */
export function fill(sentence: string, values: Readonly<Record<string, string | number>> = {}): string {
  return sentence.replace(/\{([a-z_]+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`nothing for {${name}}`);
    return String(value);
  });
}

export class Words {
  private readonly file: File;

  constructor(language: Language) {
    this.file = FILES[language];
  }

  /** A word of a table: purposes, operations, outputs, gaps. What it has no word for can't be signed. */
  of(table: "purposes" | "operations" | "outputs" | "gaps", name: string): string {
    const entries = this.file[table] as Table;
    const word = Object.hasOwn(entries, name) ? entries[name] : undefined;
    if (word === undefined) throw new PlacetError("altered", `no ${table} of this name`, name);
    return word;
  }

  say(sentence: string, values: Readonly<Record<string, string | number>> = {}): string {
    return fill(this.file[sentence] as string, values);
  }

  list(texts: readonly string[]): string {
    return texts.join(this.file["list"] as string);
  }
}
