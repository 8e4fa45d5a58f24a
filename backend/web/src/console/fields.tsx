/** The fields of a form that is made from a schema. Lists may be pasted, a line each, or come from a file. */
import { useState } from "preact/hooks";
import type { Schema } from "./api.ts";
import { roleName, t, tOr } from "./i18n.ts";
import { initial, kindOf, rangeWords, resolved, type Fault, type Json, type JsonObject, type Kind } from "./schema.ts";

const MOST_BYTES = 1 << 20;

export interface FieldProps {
  readonly schema: Schema;
  readonly root: Schema;
  readonly name: string;
  readonly path: string;
  readonly required: boolean;
  readonly value: Json | undefined;
  readonly faults: readonly Fault[];
  readonly change: (value: Json | undefined) => void;
  /** Whose columns may be named here, by role; "" for all. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  readonly role?: string;
}

export const fieldId = (path: string): string => `field-${path.replaceAll(".", "-")}`;
const fieldName = (name: string, schema: Schema): string => tOr(`parameter.${name}`, (schema["title"] as string | undefined) ?? name);

export function Field(props: FieldProps) {
  const { schema } = resolved(props.schema, props.root);
  const kind = kindOf(schema, props.root);
  if (kind.is === "group") return <Group {...props} schema={schema} kind={kind} />;
  if (kind.is === "union") return <Union {...props} schema={schema} kind={kind} />;
  if (kind.is === "map") return <ByRole {...props} schema={schema} kind={kind} />;
  if (kind.is === "list") return <List {...props} schema={schema} kind={kind} />;
  return <Single {...props} schema={schema} kind={kind} />;
}

const COLUMNS = new Set(["identifier", "value", "column", "label", "score", "group"]);

function Single({ schema, name, path, required, value, faults, change, columns, role, kind }: FieldProps & { kind: Kind }) {
  const id = fieldId(path);
  const fault = faults.find((one) => one.path === path)?.words;
  const help = helpOf(schema, kind);
  const common = { id, "aria-invalid": fault !== undefined, "aria-describedby": `${id}-help ${id}-fault` };
  const text = (event: { currentTarget: { value: string } }) => change(event.currentTarget.value === "" ? undefined : event.currentTarget.value);
  const named = COLUMNS.has(name) ? columns[role ?? ""] : undefined;
  return (
    <div class={`field ${fault === undefined ? "" : "wrong"}`}>
      <label for={id}>
        {fieldName(name, schema)} {!required && <span class="optional">{t("form.optional")}</span>}
      </label>
      <p class="hint" id={`${id}-help`} lang="en">
        {help}
      </p>
      <p class="missing" id={`${id}-fault`}>
        {fault}
      </p>
      {kind.is === "choice" ? (
        <select {...common} value={String(value ?? "")} onChange={(event) => change(option(kind.options, event.currentTarget.value))}>
          {(!required || kind.options.length > 1) && <option value="">{t(required ? "form.choose" : "form.none")}</option>}
          {kind.options.map((one) => (
            <option value={String(one)}>{tOr(`value.${one}`, String(one))}</option>
          ))}
        </select>
      ) : kind.is === "yesno" ? (
        <select {...common} value={value === undefined ? "" : String(value)} onChange={(event) => change(event.currentTarget.value === "" ? undefined : event.currentTarget.value === "true")}>
          {!required && <option value="">{t("form.none")}</option>}
          <option value="true">{t("yes")}</option>
          <option value="false">{t("no")}</option>
        </select>
      ) : kind.is === "number" ? (
        <input {...common} class="short" inputMode="numeric" value={String(value ?? "")} onInput={(event) => change(numberIn(event.currentTarget.value))} />
      ) : kind.is === "text" ? (
        <>
          <input {...common} value={String(value ?? "")} onInput={text} spellcheck={false} autocomplete="off" type="text" {...(named ? ({ list: `${id}-columns` } as const) : {})} />
          {named && (
            <datalist id={`${id}-columns`}>
              {named.map((one) => (
                <option value={one} />
              ))}
            </datalist>
          )}
        </>
      ) : (
        <Lines common={common} kind={kind} value={value} change={change} />
      )}
    </div>
  );
}

const option = (options: readonly (string | number)[], text: string): Json | undefined => options.find((one) => String(one) === text);
/** A number where the text is one; else the text, which is a fault that says so. */
const numberIn = (text: string): Json | undefined => (text.trim() === "" ? undefined : /^-?\d{1,15}$/.test(text.trim()) ? Number(text.trim()) : text);

function helpOf(schema: Schema, kind: Kind): string {
  const words = (schema["description"] as string | undefined) ?? "";
  const range = kind.is === "number" ? rangeWords(kind.least, kind.most) : "";
  return [words, range && !words.includes(range) ? range : ""].filter((one) => one !== "").join("; ");
}

interface LinesProps {
  common: { id: string; "aria-invalid": boolean; "aria-describedby": string };
  kind: Kind;
  value: Json | undefined;
  change: (value: Json | undefined) => void;
}

/** A list, a line each, or JSON; pasted, or from a file. What is typed stays as it was typed. */
function Lines({ common, kind, value, change }: LinesProps) {
  const asText = (one: Json | undefined): string =>
    one === undefined ? "" : typeof one === "string" ? one : kind.is === "lines" ? (one as readonly Json[]).join("\n") : JSON.stringify(one, null, 2);
  const [text, setText] = useState(() => asText(value));
  const [large, setLarge] = useState(false);
  const take = (content: string) => {
    setText(content);
    change(kind.is === "lines" ? linesIn(content, kind.of) : jsonIn(content));
  };
  const upload = async (file: File | undefined) => {
    if (file === undefined) return;
    setLarge(file.size > MOST_BYTES);
    if (file.size <= MOST_BYTES) take(await file.text());
  };
  return (
    <>
      <textarea {...common} rows={kind.is === "lines" ? 4 : 8} spellcheck={false} value={text} onInput={(event) => take(event.currentTarget.value)} />
      <label class="upload">
        {t("form.upload")}
        <input type="file" accept=".txt,.csv,.json,text/plain,text/csv,application/json" onChange={(event) => void upload(event.currentTarget.files?.[0])} />
      </label>
      {large && (
        <p class="missing" role="alert">
          {t("form.large")}
        </p>
      )}
    </>
  );
}

function linesIn(text: string, of: Kind): Json | undefined {
  const lines = text
    .split(/\r?\n|,/)
    .map((one) => one.trim())
    .filter((one) => one !== "");
  return lines.length === 0 ? undefined : lines.map((one) => (of.is === "number" ? (numberIn(one) as Json) : one));
}

function jsonIn(text: string): Json | undefined {
  if (text.trim() === "") return undefined;
  try {
    const content = JSON.parse(text) as Json;
    return typeof content === "string" ? text : content;
  } catch {
    return text; // not JSON: a fault that says so
  }
}

function Group({ schema, root, name, path, required, value, kind, ...rest }: FieldProps & { kind: Extract<Kind, { is: "group" }> }) {
  const content = (value ?? {}) as JsonObject;
  const set = (field: string) => (one: Json | undefined) => {
    const next = { ...content };
    if (one === undefined) delete next[field];
    else next[field] = one;
    rest.change(Object.keys(next).length === 0 && !required ? undefined : next);
  };
  return (
    <fieldset class="group" id={fieldId(path)} tabIndex={-1}>
      <legend>
        {fieldName(name, schema)} {!required && <span class="optional">{t("form.optional")}</span>}
      </legend>
      <Help schema={schema} path={path} faults={rest.faults} />
      {kind.fields.map(([field, one]) => (
        <Field
          {...rest}
          key={field}
          schema={one}
          root={root}
          name={field}
          path={`${path}.${field}`}
          required={kind.required.includes(field) && (required || value !== undefined)}
          value={content[field]}
          change={set(field)}
        />
      ))}
    </fieldset>
  );
}

/** One of several forms: which one first, then its fields. */
function Union({ schema, kind, ...props }: FieldProps & { kind: Extract<Kind, { is: "union" }> }) {
  const chosen = String((props.value as JsonObject | undefined)?.[kind.by] ?? "");
  const way = kind.ways[chosen];
  const id = `${fieldId(props.path)}-${kind.by}`;
  const choose = (name: string) => {
    const one = kind.ways[name];
    props.change(one === undefined ? undefined : { ...(initial(one, props.root, true) as JsonObject), [kind.by]: name });
  };
  return (
    <>
      <div class="field">
        <label for={id}>{fieldName(props.name, schema)}</label>
        <Help schema={schema} path={way === undefined ? props.path : ""} faults={props.faults} />
        <select id={id} value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
          <option value="">{t(props.required ? "form.choose" : "form.none")}</option>
          {Object.keys(kind.ways).map((one) => (
            <option value={one}>{tOr(`value.${one}`, one)}</option>
          ))}
        </select>
      </div>
      {way !== undefined && <Field {...props} key={chosen} schema={{ ...without(resolved(way, props.root).schema, kind.by), title: schema["title"] }} />}
    </>
  );
}

/** The schema without a property that is set already. */
function without(schema: Schema, property: string): Schema {
  const { [property]: _, ...properties } = schema["properties"] as Record<string, Schema>;
  return { ...schema, properties };
}

function Help({ schema, path, faults }: { schema: Schema; path: string; faults: readonly Fault[] }) {
  const fault = faults.find((one) => one.path === path)?.words;
  return (
    <>
      {"description" in schema && (
        <p class="hint" lang="en">
          {schema["description"] as string}
        </p>
      )}
      {fault !== undefined && <p class="missing">{fault}</p>}
    </>
  );
}

/** What each party brings: a part for each role that takes part. */
function ByRole({ schema, root, name, path, value, kind, change, columns, faults }: FieldProps & { kind: Extract<Kind, { is: "map" }> }) {
  const content = (value ?? {}) as JsonObject;
  const keys = kind.keys.filter((one) => one in columns);
  const set = (key: string) => (one: Json | undefined) => {
    const next = { ...content };
    if (one === undefined || (Array.isArray(one) && one.length === 0)) delete next[key];
    else next[key] = one;
    change(Object.keys(next).length === 0 ? undefined : next);
  };
  return (
    <fieldset class="group" id={fieldId(path)} tabIndex={-1}>
      <legend>{fieldName(name, schema)}</legend>
      <Help schema={schema} path={path} faults={faults} />
      {keys.map((key) => (
        <Field
          key={key}
          schema={{ ...kind.of, title: roleName(key) }}
          root={root}
          name={`role:${key}`}
          path={`${path}.${key}`}
          required={false}
          value={content[key]}
          faults={faults}
          change={set(key)}
          columns={columns}
          role={key}
        />
      ))}
    </fieldset>
  );
}

function List({ schema, root, name, path, required, value, kind, change, columns, faults, role }: FieldProps & { kind: Extract<Kind, { is: "list" }> }) {
  const entries = (value ?? []) as readonly Json[];
  const set = (next: readonly Json[]) => change(next.length === 0 ? undefined : next);
  const title = fieldName(name, schema);
  return (
    <fieldset class="group" id={fieldId(path)} tabIndex={-1}>
      <legend>
        {title} {!required && !name.startsWith("role:") && <span class="optional">{t("form.optional")}</span>}
      </legend>
      <Help schema={schema} path={path} faults={faults} />
      {entries.map((one, place) => (
        <div class="entry" key={place}>
          <Field
            schema={{ ...resolved(kind.of, root).schema, title: t("form.entry", { number: place + 1 }), description: "" }}
            root={root}
            name="entry"
            path={`${path}.${place}`}
            required
            value={one}
            faults={faults}
            change={(next) => set(entries.map((old, other) => (other === place ? (next ?? {}) : old)))}
            columns={columns}
            {...(role === undefined ? {} : { role })}
          />
          <button type="button" class="small" onClick={() => set(entries.filter((_, other) => other !== place))}>
            {t("form.remove", { number: place + 1, title })}
          </button>
        </div>
      ))}
      {(kind.most === null || entries.length < kind.most) && (
        <button type="button" class="plain small" onClick={() => set([...entries, initial(kind.of, root, true) ?? {}])}>
          {t("form.add", { title })}
        </button>
      )}
    </fieldset>
  );
}
