/** The auditor's page: a box for a number and files, and the verifier's report on them. */
import { render } from "preact";
import { useState } from "preact/hooks";
import { Frame, Loading, Trouble, useLoaded } from "../common/parts.tsx";
import { Box } from "./box.tsx";
import { here, t } from "./i18n.ts";
import { Result } from "./result.tsx";
import { home, Verifying, type Home, type Judged } from "./verifying.ts";

function App() {
  const { value: place, failed, again } = useLoaded(home);
  const bottom = place === null ? "" : place.name === null ? t("own.bottom") : t("served-by", { name: place.name });
  return (
    <Frame brand={t("brand")} bottom={bottom} wide>
      {failed ? <Trouble words={t("error.node")} again={again} whole /> : place === null ? <Loading /> : <Desk place={place} />}
    </Frame>
  );
}

function Desk({ place }: { place: Home }) {
  const [verifying] = useState(() => (place.verifier === null ? null : new Verifying(place.verifier.folder)));
  const [judged, setJudged] = useState<Judged | null>(null);
  const [named] = useState(() => /^\/audit\/(0x[0-9a-fA-F]{64})$/.exec(here())?.[1] ?? "");
  if (judged !== null && judged.page !== undefined) return <Result judged={judged} again={() => setJudged(null)} />;
  return <Box place={place} verifying={verifying} named={named} onJudged={setJudged} />;
}

const root = document.getElementById("app") as HTMLElement;
root.replaceChildren();
render(<App />, root);
