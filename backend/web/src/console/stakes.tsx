/** The audit of a plan, what lies on it, and how one is asked for. */
import { fieldId } from "./fields.tsx";
import { get, type Named, type Plan, type PlanAudit, type Stake } from "./api.ts";
import { left, numberOf, t, timeOf, tOr } from "./i18n.ts";
import { Facts, Table, useLoad } from "./parts.tsx";
import { mayAudit, opensGarblings, type Draft } from "./request.ts";
import type { Fault } from "./schema.ts";

const timeFor = (seconds: number): string => left(seconds) ?? "";
const staked = (audit: PlanAudit): boolean => audit.stake !== "0";

/** What a person reads of a plan's audit before deciding. */
export function AuditOf({ plan: { audit } }: { plan: Plan }) {
  if (audit === null) return null;
  const stake = staked(audit) ? t("plan.units", { amount: numberOf(audit.stake) }) : t(audit.places === null ? "garbling.nothing" : "audit.nothing");
  return (
    <section>
      <h2>{t(audit.places === null ? "garbling.title" : "audit.title")}</h2>
      <p>{audit.places === null ? t("garbling.about", { auditor: audit.auditor.name }) : t("audit.about", { auditor: audit.auditor.name, places: numberOf(audit.places) })}</p>
      <Facts
        rows={[
          [t("audit.auditor"), audit.auditor.name],
          [t("audit.stake"), stake],
          ...(staked(audit)
            ? ([
                [t("plan.token"), <code>{audit.token}</code>],
                [t("audit.lost-to"), audit.beneficiary.name],
                [t(audit.places === null ? "garbling.until" : "audit.keep-until"), timeOf(audit.find_by)],
                [t("audit.answer-in"), timeFor(audit.answer_seconds)],
              ] as const)
            : []),
        ]}
      />
    </section>
  );
}

/** What signing means for the own stake; nothing where there is none. */
export function signsStake({ audit }: Plan): string | null {
  if (audit === null || !staked(audit)) return null;
  return t(audit.places === null ? "sign.garbling" : "sign.stake", { amount: numberOf(audit.stake), beneficiary: audit.beneficiary.name, until: timeOf(audit.find_by), time: timeFor(audit.answer_seconds) });
}

/** Where all stakes of a job stand. */
export function StakesOf({ job, own, news }: { job: string; own: Named; news: number }) {
  const { content } = useLoad(() => get<{ stakes: readonly Stake[] }>(`/v1/jobs/${job}/stakes`), job, news);
  if (content === null || content.stakes.length === 0) return null;
  const reported = content.stakes.some((one) => one.status === "reported" && one.institution.address === own.address);
  return (
    <section>
      <h2>{t("stakes.title")}</h2>
      {reported && <p class="missing">{t("stakes.answer")}</p>}
      <Table
        hidden
        caption={t("stakes.title")}
        rows={content.stakes}
        columns={[
          { title: t("plan.who"), cell: (one) => <strong>{one.institution.address === own.address ? t("plan.you", { name: one.institution.name }) : one.institution.name}</strong> },
          { title: t("stakes.amount"), cell: (one) => numberOf(one.amount), number: true },
          { title: t("jobs.status"), cell: stateOf },
          { title: t("stakes.until"), cell: (one) => timeOf(one.until || one.find_by) },
          { title: t("audit.lost-to"), cell: (one) => one.beneficiary.name },
        ]}
      />
    </section>
  );
}

function stateOf(one: Stake): string {
  const state = tOr(`stake.${one.status}`, one.status);
  return one.fault === "none" ? state : `${state}: ${tOr(`fault-found.${one.fault}`, one.fault)}`;
}

export interface Auditor extends Named {
  readonly key: string | null;
}

export const auditorsOf = (draft: Draft, known: readonly Auditor[]): readonly Auditor[] => known.filter((one) => mayAudit(draft, one));

interface AskedProps {
  readonly known: readonly Auditor[];
  readonly draft: Draft;
  readonly set: (draft: Draft) => void;
  readonly faults: readonly Fault[];
}

/** The part of the form that asks for an audit, where somebody may be the auditor. */
export function AskedAudit({ known, draft, set, faults }: AskedProps) {
  const auditors = auditorsOf(draft, known);
  if (auditors.length === 0) return null;
  const garblings = opensGarblings(draft);
  const missing = (path: string) => <p class="missing">{faults.find((one) => one.path === path)?.words}</p>;
  return (
    <fieldset>
      <legend>{t(garblings ? "garbling.title" : "audit.title")}</legend>
      <p class="hint">{t(garblings ? "start.garbling-about" : "start.audit-about")}</p>
      <div class="field">
        <label for={fieldId("auditor")}>
          {t("audit.auditor")} <span class="optional">{t("form.optional")}</span>
        </label>
        {missing("auditor")}
        <select
          id={fieldId("auditor")}
          value={draft.auditor?.address ?? ""}
          onChange={(event) => set({ ...draft, auditor: auditors.find((one) => one.address === event.currentTarget.value) ?? null })}
        >
          <option value="">{t(garblings ? "start.garbling-none" : "start.audit-none")}</option>
          {auditors.map((one) => (
            <option value={one.address}>{one.name}</option>
          ))}
        </select>
      </div>
      {draft.auditor !== null && (
        <div class="field">
          <label for={fieldId("stake")}>{t("start.stake")}</label>
          <p class="hint" id="stake-help">
            {t(garblings ? "start.garbling-help" : "start.stake-help")}
          </p>
          {missing("stake")}
          <input
            type="text"
            id={fieldId("stake")}
            class="short"
            value={draft.stake}
            spellcheck={false}
            autocomplete="off"
            aria-describedby="stake-help"
            onInput={(event) => set({ ...draft, stake: event.currentTarget.value.trim() })}
          />
        </div>
      )}
    </fieldset>
  );
}
