/** The page that shows and checks proofs: choose one, read what it says, see whether it holds, show it as a QR code. */
import { render } from "preact";
import { useState } from "preact/hooks";
import { namesOf } from "../../client/src/index.ts";
import { Drop, Frame, Loading, Title, Trouble, useLoaded } from "../common/parts.tsx";
import { home, NOTHING, taken, takenText, type Chosen, type Home, type Wrong } from "./grounds.ts";
import { t } from "./i18n.ts";
import { CONSENT } from "./consent.ts";
import { Shown } from "./shown.tsx";
import { TOTAL } from "./total.ts";

function App() {
  const { value: place, failed, again } = useLoaded(home);
  const bottom = place === null ? "" : t("served-by", { name: namesOf(place.trust)(place.institution) });
  return (
    <Frame brand={t("brand")} bottom={bottom}>
      {failed ? <Trouble words={t("error.node")} again={again} whole /> : place === null ? <Loading /> : <Desk place={place} />}
    </Frame>
  );
}

const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const FILES = ["proof", "deployment", "trust", "key"] as const;

function Desk({ place }: { place: Home }) {
  const [chosen, setChosen] = useState<Chosen>(NOTHING);
  const [wrong, setWrong] = useState<Wrong | null>(null);
  const [typed, setTyped] = useState("");
  const { proof } = chosen;
  const name = namesOf(place.trust)(place.institution);
  const note = (result: Chosen | Wrong): Chosen | null => {
    const good = typeof result === "object" ? result : null;
    setWrong(typeof result === "object" ? null : result);
    return good;
  };
  const take = async (files: Iterable<File>) => {
    let all = chosen;
    for (const file of files) {
      const next = note(await taken(file, all));
      if (next === null) break;
      all = next;
    }
    setChosen(all);
  };
  const paste = async (text: string) => {
    if (text.trim() === "") return setWrong(null);
    const next = note(await takenText(text, chosen));
    if (next !== null) setChosen(next);
  };
  const reader = ADDRESS.test(typed.trim()) ? (typed.trim().toLowerCase() as `0x${string}`) : null;
  return (
    <>
      <Title>{t("title")}</Title>
      <p class="lead">{t("about")}</p>
      <div class="band">
        <p>
          <strong>{t("theirs.title", { name })}</strong> {t("theirs.about")} <code>placet prove check</code>
        </p>
      </div>
      <div class="check">
        <Drop take={take} label={t("box.file")} hint={t("box.file.hint")} />
        <details>
          <summary>{t("box.paste")}</summary>
          <label>
            {t("box.text")}
            <textarea rows={4} maxLength={20_000} spellcheck={false} onInput={(event) => void paste(event.currentTarget.value)} />
          </label>
        </details>
        <label>
          {t("box.reader")}
          <span class="hint">{t("box.reader.hint")}</span>
          <input type="text" value={typed} spellcheck={false} autocomplete="off" placeholder="0x…" onInput={(event) => setTyped(event.currentTarget.value)} />
        </label>
        <p class="missing" role="alert">
          {wrong !== null ? t(`wrong.${wrong}`) : typed.trim() !== "" && reader === null ? t("wrong.reader") : ""}
        </p>
        {chosen !== NOTHING && (
          <ul class="files">
            {FILES.map((one) => chosen[one] !== null && (
              <li key={one}>
                {t(`file.${one}`)}{" "}
                <button type="button" class="away" aria-label={t("file.drop", { name: t(`file.${one}`) })} onClick={() => setChosen({ ...chosen, [one]: null })}>
                  ×
                </button>
              </li>
            ))}
          </ul>
        )}
      </div>
      {proof?.type === "placet.proof" && <Shown key={proof.proof} kind={TOTAL} proof={proof} place={place} chosen={chosen} reader={reader} />}
      {proof?.type === "placet.consent-proof" && <Shown key={proof.proof} kind={CONSENT} proof={proof} place={place} chosen={chosen} reader={reader} />}
    </>
  );
}

const root = document.getElementById("app") as HTMLElement;
root.replaceChildren();
render(<App />, root);
