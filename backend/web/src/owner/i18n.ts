/** The page's own words. What is signed is not among them: that comes from the client library. */
import { fill, type Language } from "../../client/src/words.ts";
import messages from "messages"; // of one language: the build makes a program for each

export type Key = keyof typeof messages;
export const NAMES: Readonly<Record<Language, string>> = { en: "English", de: "Deutsch", zh: "中文" };

const prefix = /^\/(en|de|zh)(?=\/)/;
export const language = document.documentElement.lang as Language;

export const t = (key: Key, values?: Readonly<Record<string, string | number>>): string =>
  fill(messages[key], values);

/** A message that may not be there, by a name that came from outside. */
export const tOr = (key: string, otherwise: string, values?: Readonly<Record<string, string | number>>): string =>
  key in messages ? t(key as Key, values) : otherwise;

export const path = (rest: string, of: Language = language): string => `/${of}${rest}`;
export const here = (): string => location.pathname.replace(prefix, "");

const DATE = new Intl.DateTimeFormat(language, { dateStyle: "long" });
const TIME = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
export const dateOf = (seconds: number): string => DATE.format(seconds * 1000);
export const timeOf = (seconds: number): string => TIME.format(seconds * 1000);
export const timesOf = (uses: number): string => (uses === 1 ? t("ask.once") : t("ask.times", { number: uses }));
