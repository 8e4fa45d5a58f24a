/** The auditor's page's own words. The report's are the verifier's, in English. */
import messages from "messages/audit"; // of one language: the build makes a program for each
import { withMessages } from "../common/i18n.ts";

export { here, language } from "../common/i18n.ts";
export const { t } = withMessages(messages);
