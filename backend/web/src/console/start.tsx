/** Starting a job: which recipe, with whom, by which parameters; then what each side would learn; then yes. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Link, Title, Trouble, visit } from "../common/parts.tsx";
import { get, post, type Dataset, type Job, type Named, type OfferedBy, type Party, type Recipe, type Rewards } from "./api.ts";
import { Field, fieldId } from "./fields.tsx";
import { left, listOf, numberOf, purposeName, recipeName, roleName, t, tOr } from "./i18n.ts";
import { Facts, Loaded, Table, useLoad, useWork } from "./parts.tsx";
import { bounds, bringsOwn, choicesOf, emptyDraft, faultsOf, opensGarblings, ownOffers, requestOf, seats, settled, takesModel, withModel, type Choice, type Draft } from "./request.ts";
import { resolved, type Fault, type JsonObject } from "./schema.ts";
import { AskedAudit, type Auditor } from "./stakes.tsx";

interface Stock {
  readonly recipes: readonly Recipe[];
  readonly offered: readonly OfferedBy[];
  readonly datasets: readonly Dataset[];
  readonly tokens: readonly string[];
  readonly auditors: readonly Auditor[];
}

async function stock(): Promise<Omit<Stock, "auditors">> {
  const [{ recipes }, { offered }, { datasets }, { tokens }] = await Promise.all([
    get<{ recipes: readonly Recipe[] }>("/v1/recipes"),
    get<{ offered: readonly OfferedBy[] }>("/v1/offered"),
    get<{ datasets: readonly Dataset[] }>("/v1/catalogue"),
    get<Rewards>("/v1/rewards"),
  ]);
  return { recipes: recipes.filter((one) => one.roles.at(-1)?.name === "consumer" && !one.standing), offered, datasets, tokens: tokens.map((one) => one.token) };
}

export function Start({ own, auditors, resumed }: { own: Named; auditors: readonly Auditor[]; resumed: number }) {
  const all = useLoad(stock, "", resumed);
  const [recipe, setRecipe] = useState<Recipe | null>(null);
  const back = () => setRecipe(null);
  return (
    <Loaded of={all}>
      {(content) =>
        recipe === null ? (
          <Recipes of={{ ...content, auditors }} choose={setRecipe} />
        ) : (
          <Form key={recipe.recipe} recipe={recipe} of={{ ...content, auditors }} own={own} back={back} />
        )
      }
    </Loaded>
  );
}

function Recipes({ of, choose }: { of: Stock; choose: (recipe: Recipe) => void }) {
  const ready = (one: Recipe) => seats(one, Math.max(bounds(one).least, 0)) !== null && new Set(choicesOf(of.offered, one.recipe).map((two) => two.provider.address)).size >= bounds(one).least;
  const now = of.recipes.filter(ready);
  const later = of.recipes.filter((one) => !ready(one));
  const list = (recipes: readonly Recipe[]) => (
    <ul class="choices">
      {recipes.map((one) => (
        <li>
          <button type="button" class="way" onClick={() => choose(one)}>
            <span>{recipeName(one.recipe)}</span> <small lang="en">{one.does}</small>
          </button>
        </li>
      ))}
    </ul>
  );
  return (
    <>
      <Title>{t("menu/start")}</Title>
      <p class="lead">{t("start.about")}</p>
      {now.length === 0 ? <p>{t("start.none")}</p> : list(now)}
      {later.length > 0 && (
        <details>
          <summary>{t("start.later")}</summary>
          <p class="hint">{t("start.later-about")}</p>
          {list(later)}
        </details>
      )}
    </>
  );
}

interface Checked {
  readonly parties: readonly (Party & { readonly learns: string })[];
  readonly cost: string | null;
}

function Form({ recipe, of, own, back }: { recipe: Recipe; of: Stock; own: Named; back: () => void }) {
  const [draft, setDraft] = useState(() => emptyDraft(recipe));
  const [faults, setFaults] = useState<readonly Fault[]>([]);
  const [checked, setChecked] = useState<Checked | null>(null);
  const { busy, trouble, run } = useWork();
  const summary = useRef<HTMLDivElement>(null);
  useEffect(() => void (faults.length > 0 && summary.current?.focus()), [faults]);
  const check = (event: Event) => {
    event.preventDefault();
    const wrong = faultsOf(draft, recipe);
    setFaults(wrong);
    if (wrong.length === 0) void run(async () => setChecked(await post<Checked>("/v1/jobs/check", requestOf(draft, recipe, own, of.offered))));
  };
  if (checked !== null) return <Confirm recipe={recipe} of={of} draft={draft} own={own} checked={checked} back={() => setChecked(null)} />;
  return (
    <>
      <button type="button" class="back" onClick={back}>
        {t("menu/start")}
      </button>
      <Title>{recipeName(recipe.recipe)}</Title>
      <p class="lead" lang="en">
        {recipe.does}
      </p>
      {faults.length > 0 && (
        <div class="band bad" role="alert" tabIndex={-1} ref={summary}>
          <h2>{t("fault.title")}</h2>
          <ul>
            {faults.map((one) => (
              <li>
                <a href={`#${fieldId(one.path)}`} onClick={(event) => focus(event, one.path)}>
                  {labelOf(one.path)}: {one.words}
                </a>
              </li>
            ))}
          </ul>
        </div>
      )}
      <form onSubmit={check} noValidate class="job">
        <WithWhom recipe={recipe} of={of} own={own} draft={draft} set={setDraft} faults={faults} />
        <Parameters recipe={recipe} of={of} own={own} draft={draft} set={setDraft} faults={faults} />
        <Terms recipe={recipe} of={of} own={own} draft={draft} set={setDraft} faults={faults} />
        {trouble !== null && <Trouble words={trouble} />}
        <p>
          <button type="submit" disabled={busy}>
            {t("start.check")}
          </button>
        </p>
        <p class="hint">{t("start.check-about")}</p>
      </form>
    </>
  );
}

const LABELS: Readonly<Record<string, () => string>> = {
  providers: () => t("start.with"),
  own: () => t("start.own"),
  model: () => t("start.model"),
  reward: () => t("start.reward"),
  pot: () => t("plan.pot"),
  token: () => t("plan.token"),
  stake: () => t("start.stake"),
  "hours.open": () => t("start.hours-open"),
  "hours.compute": () => t("start.hours-compute"),
  "hours.settle": () => t("start.hours-settle"),
};

/** A field's name as it stands at the field; of one within another both. */
function labelOf(path: string): string {
  const parts = path.split(".").slice(1);
  const names = parts.map((one) => (/^\d+$/.test(one) ? t("form.entry", { number: Number(one) + 1 }) : tOr(`parameter.${one}`, tOr(`role.${one}`, one))));
  return LABELS[path]?.() ?? names.join(", ");
}

/** A link of the summary leads to its field, and changes no address. */
function focus(event: Event, path: string): void {
  event.preventDefault();
  for (let parts = path.split("."); parts.length > 0; parts.pop()) {
    const field = document.getElementById(fieldId(parts.join(".")));
    if (field !== null) return field.focus();
  }
}

interface PartProps {
  recipe: Recipe;
  of: Stock;
  own: Named;
  draft: Draft;
  set: (draft: Draft) => void;
  faults: readonly Fault[];
}

const Missing = ({ of, path }: { of: readonly Fault[]; path: string }) => <p class="missing">{of.find((one) => one.path === path)?.words}</p>;

function WithWhom({ recipe, of, own, draft, set, faults }: PartProps) {
  const choices = choicesOf(of.offered, recipe.recipe);
  const roles = seats(recipe, draft.chosen.length);
  const { least, most } = bounds(recipe);
  const models = takesModel(recipe) ? of.datasets.filter((one) => one.origin !== null) : [];
  const { trouble, run } = useWork();
  const tick = (choice: Choice, on: boolean) => {
    const chosen = on ? [...draft.chosen, choice] : draft.chosen.filter((one) => one.id !== choice.id);
    set(settled({ ...draft, chosen }, recipe, of.datasets, own));
  };
  const away = of.offered.filter((one) => one.error !== null);
  return (
    <>
      {takesModel(recipe) && (
        <div class="field">
          <label for={fieldId("model")}>{t("start.model")}</label>
          <Missing of={faults} path="model" />
          <select
            id={fieldId("model")}
            value={draft.model?.job ?? ""}
            onChange={(event) => {
              const job = event.currentTarget.value;
              if (job === "") set({ ...draft, model: null });
              else void run(async () => set(settled(await withModel(draft, recipe, choices, own, job), recipe, of.datasets, own)));
            }}
          >
            <option value="">{t("form.choose")}</option>
            {models.map((one) => (
              <option value={one.origin as string}>{one.name}</option>
            ))}
          </select>
          {trouble !== null && <Trouble words={trouble} />}
        </div>
      )}
      <fieldset id={fieldId("providers")} tabIndex={-1}>
        <legend>{t("start.with")}</legend>
        <p class="hint">{least === most ? t("start.with-number", { number: least }) : t("start.with-range", { least, most })}</p>
        <Missing of={faults} path="providers" />
        {choices.length === 0 && <p>{t("start.no-offers")}</p>}
        {choices.map((one) => {
          const place = draft.chosen.findIndex((two) => two.id === one.id);
          return (
            <label class="check">
              <input type="checkbox" checked={place >= 0} onChange={(event) => tick(one, event.currentTarget.checked)} />
              <span>
                <strong>{one.provider.name}</strong>: {one.scope.title}
                <small>
                  {purposeName(one.scope.purpose)} · {listOf(one.scope.columns)}
                  {place >= 0 && roles !== null && ` · ${t("start.as", { role: roleName(roles[place] as string) })}`}
                </small>
              </span>
            </label>
          );
        })}
        {away.map((one) => (
          <p class="hint">{t("catalogue.away", { name: one.provider.name })}</p>
        ))}
      </fieldset>
      {bringsOwn(recipe) && <OwnRows recipe={recipe} of={of} own={own} draft={draft} set={set} faults={faults} />}
    </>
  );
}

function OwnRows({ recipe, of, own, draft, set, faults }: PartProps) {
  const mine = ownOffers(of.datasets, recipe, own, draft.chosen[0]?.scope.purpose);
  return (
    <div class="field">
      <label for={fieldId("own")}>{t("start.own")}</label>
      <p class="hint">{t(recipe.roles.at(-1)?.persons ? "start.own-persons" : "start.own-list")}</p>
      <Missing of={faults} path="own" />
      {mine.length === 0 ? (
        <p id={fieldId("own")} tabIndex={-1}>
          {t(recipe.roles.at(-1)?.persons ? "start.own-none-persons" : "start.own-none")}
        </p>
      ) : (
        <select id={fieldId("own")} value={draft.own?.id ?? ""} onChange={(event) => set({ ...draft, own: mine.find((one) => one.id === event.currentTarget.value) ?? null })}>
          <option value="">{t("form.choose")}</option>
          {mine.map((one) => (
            <option value={one.id}>{one.title}</option>
          ))}
        </select>
      )}
    </div>
  );
}

function Parameters({ recipe, of, draft, set, faults }: PartProps) {
  const { schema } = resolved(recipe.json_schema, recipe.json_schema);
  const required = (schema["required"] as readonly string[] | undefined) ?? [];
  const columns = columnsOf({ recipe, of, draft });
  const fields = Object.entries(schema["properties"] as Record<string, typeof schema>).filter(([name]) => name !== "model" || !takesModel(recipe));
  const change = (name: string) => (value: JsonObject[string] | undefined) => {
    const parameters = { ...draft.parameters };
    if (value === undefined) delete (parameters as Record<string, unknown>)[name];
    else (parameters as Record<string, unknown>)[name] = value;
    set({ ...draft, parameters });
  };
  const field = ([name, one]: readonly [string, typeof schema]) => (
    <Field
      key={`${name}-${draft.model?.job ?? ""}`}
      schema={one}
      root={recipe.json_schema}
      name={name}
      path={`parameters.${name}`}
      required={required.includes(name)}
      value={draft.parameters[name]}
      faults={faults}
      change={change(name)}
      columns={columns}
    />
  );
  const optional = fields.filter(([name]) => !required.includes(name));
  return (
    <fieldset>
      <legend>{t("start.parameters")}</legend>
      {recipe.engines.length > 1 && (
        <div class="field">
          <label for="engine">{t("start.engine")}</label>
          <select id="engine" value={draft.engine} onChange={(event) => set({ ...draft, engine: event.currentTarget.value })}>
            {recipe.engines.map((one) => (
              <option value={one}>{one}</option>
            ))}
          </select>
        </div>
      )}
      {fields.filter(([name]) => required.includes(name)).map(field)}
      {optional.length > 0 && (
        <details open={faults.some((one) => optional.some(([name]) => one.path.startsWith(`parameters.${name}`)))}>
          <summary>{t("start.more")}</summary>
          {optional.map(field)}
        </details>
      )}
    </fieldset>
  );
}

/** Which columns may be named, by role; "" for those of all. */
function columnsOf({ recipe, of, draft }: Pick<PartProps, "recipe" | "of" | "draft">): Readonly<Record<string, readonly string[]>> {
  const roles = seats(recipe, draft.chosen.length) ?? [];
  const mine = of.datasets.find((one) => one.offers.some((two) => two.id === draft.own?.id));
  const consumers = mine === undefined ? [] : mine.columns;
  const byRole: Record<string, readonly string[]> = { consumer: consumers };
  for (const [place, one] of draft.chosen.entries()) byRole[roles[place] ?? `party-${place}`] = one.scope.columns;
  return { ...byRole, "": [...new Set(Object.values(byRole).flat())] };
}

function Terms({ recipe, of, draft, set, faults }: PartProps) {
  const text = (name: "reward" | "pot" | "token", words: string, help: string, list?: string) => (
    <div class="field">
      <label for={fieldId(name)}>
        {words} <span class="optional">{t("form.optional")}</span>
      </label>
      <p class="hint" id={`${name}-help`}>
        {help}
      </p>
      <Missing of={faults} path={name} />
      <input
        type="text"
        id={fieldId(name)}
        class={name === "token" ? "" : "short"}
        value={draft[name]}
        spellcheck={false}
        autocomplete="off"
        aria-describedby={`${name}-help`}
        onInput={(event) => set({ ...draft, [name]: event.currentTarget.value.trim() })}
        {...(list === undefined ? {} : { list })}
      />
    </div>
  );
  const hours = (name: "open" | "compute" | "settle") => (
    <div class="field">
      <label for={fieldId(`hours.${name}`)}>
        {t(`start.hours-${name}`)} {name === "open" && <span class="optional">{t("form.optional")}</span>}
      </label>
      <Missing of={faults} path={`hours.${name}`} />
      <input
        id={fieldId(`hours.${name}`)}
        class="short"
        inputMode="decimal"
        value={draft.hours[name]}
        onInput={(event) => set({ ...draft, hours: { ...draft.hours, [name]: event.currentTarget.value.trim() } })}
      />
    </div>
  );
  return (
    <>
      <fieldset>
        <legend>{t("start.pay")}</legend>
        {text("reward", t("start.reward"), t("start.reward-help"))}
        {recipe.divides && text("pot", t("plan.pot"), t("start.pot-help"))}
        {text("token", t("plan.token"), t("start.token-help"), "tokens")}
        <datalist id="tokens">
          {of.tokens.map((one) => (
            <option value={one} />
          ))}
        </datalist>
      </fieldset>
      <AskedAudit known={of.auditors} draft={draft} set={set} faults={faults} />
      <fieldset>
        <legend>{t("start.hours")}</legend>
        <p class="hint">{t("start.hours-about")}</p>
        <div class="thirds">
          {hours("open")}
          {hours("compute")}
          {hours("settle")}
        </div>
      </fieldset>
    </>
  );
}

interface ConfirmProps {
  recipe: Recipe;
  of: Stock;
  own: Named;
  draft: Draft;
  checked: Checked;
  back: () => void;
}

function Confirm({ recipe, of, draft, own, checked, back }: ConfirmProps) {
  const { busy, trouble, run } = useWork();
  const start = () => run(async () => visit(`/console/jobs/${(await post<Job>("/v1/jobs", requestOf(draft, recipe, own, of.offered))).id}`));
  const reward = draft.reward === "" || draft.reward === "0" ? t("plan.no-reward") : t("start.reward-each", { amount: numberOf(draft.reward) });
  return (
    <>
      <button type="button" class="back" onClick={back}>
        {t("start.change")}
      </button>
      <Title>{t("start.confirm")}</Title>
      <p class="lead">{t("start.confirm-about", { recipe: recipeName(recipe.recipe) })}</p>
      <Table
        hidden
        caption={t("plan.learns")}
        rows={checked.parties}
        columns={[
          { title: t("plan.who"), cell: (one) => <strong>{one.address === own.address ? t("plan.you", { name: one.name }) : one.name}</strong> },
          { title: t("jobs.role"), cell: (one) => roleName(one.role) },
          { title: t("plan.learns-what"), cell: (one) => <span lang="en">{one.learns}</span> },
        ]}
      />
      <Facts
        rows={[
          [t("plan.purpose"), purposeName(draft.chosen[0]?.scope.purpose ?? "")],
          [t("plan.reward"), reward],
          ...(draft.pot === "" ? [] : [[t("plan.pot"), t("plan.units", { amount: numberOf(draft.pot) })] as const]),
          ...(draft.auditor === null
            ? []
            : [[t(opensGarblings(draft) ? "garbling.title" : "audit.title"), t("start.audit-asked", { auditor: draft.auditor.name, amount: numberOf(draft.stake) })] as const]),
          [t("start.hours-open"), left(Number(draft.hours.open) * 3600) ?? t("start.hours-node")],
          ...(checked.cost === null ? [] : [[t("start.cost"), <span lang="en">{checked.cost}</span>] as const]),
        ]}
      />
      <p>{t("start.then")}</p>
      {trouble !== null && <Trouble words={trouble} />}
      {busy && (
        <p class="step" role="status">
          {t("start.asking")}
        </p>
      )}
      <div class="answers">
        <button type="button" disabled={busy} onClick={() => void start()}>
          {t("start.do")}
        </button>
        <Link to="/console/jobs" class="button plain">
          {t("start.not")}
        </Link>
      </div>
    </>
  );
}
