/** Small pieces that several views share. */
import { useState } from "preact/hooks";
import { PlacetError } from "../../client/src/errors.ts";
import { Title, useTask } from "../common/parts.tsx";
import { t, tOr } from "./i18n.ts";
import type { Place } from "./session.ts";

export function wordsOf(error: unknown, place: Place | null, enroller = ""): string {
  const name = place?.name ?? location.host;
  if (!(error instanceof PlacetError)) return t("error.unknown");
  if (error.problem?.code === "access.code") return t("error.code");
  const values = { name, enroller, chain: place?.domain.chainId ?? "", detail: error.problem?.detail ?? error.message };
  return tOr(`error.${error.code}`, t("error.unknown"), values);
}

/** The node lied: red, and nothing to sign. */
export function Altered({ error, name }: { error: PlacetError; name: string }) {
  const changed = error.message === "changed";
  return (
    <div class="stop" role="alert">
      <Title>{t("altered.title")}</Title>
      <p class="lead">{changed ? t("changed.about") : t("altered.about", { name })}</p>
      <p>{t("altered.do", { name })}</p>
      {!changed && (
        <p>
          {t("altered.line")}: <code>{error.message}</code>
        </p>
      )}
    </div>
  );
}

const DONE = new Set(["given"]);
const BAD = new Set(["refused", "unsent"]);

export function Status({ status, provider }: { status: string; provider: string }) {
  const style = DONE.has(status) ? "good" : BAD.has(status) ? "bad" : "plain";
  return <strong class={`tag ${style}`}>{tOr(`status.${status}`, status, { provider })}</strong>;
}

/** The text that is signed, line by line: what stands before a colon is its heading. Not a letter is another one. */
export function Notice({ text }: { text: string }) {
  const [first, ...rest] = text.split("\n");
  const rows = rest.map((line) => /^(.{1,120}?(?::(?= )|：))(.+)$/u.exec(line) ?? line);
  return (
    <div class="notice">
      <p class="lead">{first}</p>
      <dl>
        {rows.map((row) =>
          typeof row === "string" ? null : (
            <div>
              <dt>{row[1]}</dt>
              <dd>
                <Purpose text={row[2] as string} />
              </dd>
            </div>
          ),
        )}
      </dl>
      {rows.map((row) => (typeof row === "string" ? <p class={row.includes(" UTC") ? "when" : ""}>{row}</p> : null))}
    </div>
  );
}

/** The address of a purpose in small print. */
function Purpose({ text }: { text: string }) {
  const parts = /^(.*?)(\s?[(（]https?:[^)）]+[)）])(.*)$/u.exec(text);
  if (parts === null) return <>{text}</>;
  return (
    <>
      {parts[1]}
      <small>{parts[2]}</small>
      {parts[3]}
    </>
  );
}

/** `useTask`, and what a node lied about where it did. */
export function useWork(place: Place | null) {
  const [altered, setAltered] = useState<PlacetError | null>(null);
  const task = useTask((error: unknown, enroller?: string) => {
    if (!(error instanceof PlacetError && error.code === "altered")) return wordsOf(error, place, enroller);
    setAltered(error);
    return null;
  });
  return { ...task, altered };
}
