/** Words, dates and paths, the same on every page. A page adds its own messages by `withMessages`. */
import { fill, LANGUAGES, type Language } from "../../client/src/words.ts";
import common from "messages/common"; // of one language: the build makes a program for each

export { LANGUAGES };
export const NAMES: Readonly<Record<Language, string>> = { en: "English", de: "Deutsch", zh: "中文" };
export type Values = Readonly<Record<string, string | number>>;

const prefix = /^\/(en|de|zh)(?=\/)/;
export const language = document.documentElement.lang as Language;

/** `t`: a message by its name. `tOr`: one that may not be there, by a name that came from outside. */
export function withMessages<M extends Readonly<Record<string, string>>>(own: M) {
  const messages: Readonly<Record<string, string>> = { ...common, ...own };
  const t = (key: keyof M | keyof typeof common, values?: Values): string => fill(messages[key as string] as string, values);
  const tOr = (key: string, otherwise: string, values?: Values): string =>
    key in messages ? fill(messages[key] as string, values) : otherwise;
  return { t, tOr };
}

export const path = (rest: string, of: Language = language): string => `/${of}${rest}`;
export const here = (): string => location.pathname.replace(prefix, "");

/** As the reader's country writes dates, where the browser says it for this language. */
const locale = navigator.languages.find((one) => one.startsWith(language)) ?? language;
const DATE = new Intl.DateTimeFormat(locale, { dateStyle: "long" });
const TIME = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
export const dateOf = (seconds: number): string => DATE.format(seconds * 1000);
export const timeOf = (seconds: number): string => TIME.format(seconds * 1000);
