/** The owner's page's own words. What is signed is not among them: that comes from the client library. */
import messages from "messages/owner"; // of one language: the build makes a program for each
import { withMessages } from "../common/i18n.ts";

export { dateOf, here, language, path, timeOf } from "../common/i18n.ts";
export const { t, tOr } = withMessages(messages);
export const timesOf = (uses: number): string => (uses === 1 ? t("ask.once") : t("ask.times", { number: uses }));
