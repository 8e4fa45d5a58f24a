/** The own words of the page that shows and checks proofs. */
import messages from "messages/proof"; // of one language: the build makes a program for each
import { language, withMessages } from "../common/i18n.ts";

export { dateOf, language, path, timeOf } from "../common/i18n.ts";
export const { t } = withMessages(messages);
const NUMBER = new Intl.NumberFormat(language);
export const numberOf = (value: number): string => NUMBER.format(value);
