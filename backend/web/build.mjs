// Builds the pages into backend/placet/pages/dist (or the folder given). The same sources give the same bytes.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../placet/pages/dist");
const read = (file) => readFileSync(join(here, file), "utf8");

const common = { absWorkingDir: here, bundle: true, minify: true, legalComments: "none", charset: "utf8", write: false };
const PAGES = ["owner", "console", "audit", "proof"];
/** Pages of words alone: without a program, in a frame of their own. */
const STATIC = ["doors"];
/** Programs that a page loads when they are needed, by the constant that holds their address. */
const LAZY = { CODES: "codes", CURVE: "curve", PAIRING: "pairing" };
const words = (folder, language) => `src/${folder}/messages/${language}.json`;
const program = (page, language, define) =>
  build({
    ...common,
    define,
    external: ["/assets/*"],
    entryPoints: [`src/${page}/main.tsx`],
    alias: {
      ...Object.fromEntries(["common", page].map((one) => [`messages/${one}`, `./${words(one, language)}`])),
      "messages/core": `../placet/core/words/${language}.json`,
    },
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    metafile: true,
  });
const css = async (file) => (await build({ ...common, entryPoints: [file] })).outputFiles[0].contents;

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "assets"), { recursive: true });
function asset(name, extension, bytes) {
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  writeFileSync(join(out, "assets", `${name}.${hash}.${extension}`), bytes);
  console.log(`${name}.${extension}: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzip`);
  return `/assets/${name}.${hash}.${extension}`;
}
const shared = asset("style", "css", await css("src/style.css"));

// What the auditor's page loads by itself: the report's style, and its worker.
const inputs = new Set();
const noted = (bundle) => {
  for (const input of Object.keys(bundle.metafile.inputs)) inputs.add(input);
  return bundle.outputFiles[0].contents;
};
const report = await build({ ...common, entryPoints: ["../placet/audit/templates/report.css"], metafile: true });
const worker = await build({
  ...common,
  entryPoints: ["src/audit/verifier/worker.ts"],
  format: "iife",
  target: "es2022",
  loader: { ".py": "text" },
  metafile: true,
});
const define = {
  REPORT_STYLE: JSON.stringify(asset("report", "css", noted(report))),
  WORKER: JSON.stringify(asset("worker", "js", noted(worker))),
};
for (const [constant, name] of Object.entries(LAZY)) {
  const bundle = await build({ ...common, entryPoints: [`src/lazy/${name}.ts`], format: "esm", target: "es2022", metafile: true });
  define[constant] = JSON.stringify(asset(name, "js", noted(bundle)));
}

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
for (const name of [...PAGES, ...STATIC]) {
  const own = `src/${name}/style.css`; // a page that needs more than the shared style imports that into its own
  const style = existsSync(join(here, own)) ? asset(name, "css", await css(own)) : shared;
  for (const language of ["en", "de", "zh"]) {
    const still = STATIC.includes(name);
    const script = still ? "" : asset(`${name}.${language}`, "js", noted(await program(name, language, define)));
    const messages = JSON.parse(read(words(name, language)));
    const page = read(still ? `src/${name}/page.html` : "src/page.html").replace(/\{\{([a-z.-]+)\}\}/g, (_, key) => {
      const value = { language, script, style, [`at.${language}`]: "true" }[key] ?? messages[key] ?? (key.startsWith("at.") ? "false" : undefined);
      if (value === undefined) throw new Error(`nothing for ${key} in ${name}, ${language}`);
      return escape(value);
    });
    writeFileSync(join(out, `${name}.${language}.html`), page);
  }
}

// The licences of what is in the bundle, from the packages themselves.
const packages = new Set(
  [...inputs]
    .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter((name) => name !== undefined),
);
const notices = [...packages].sort().map((name) => {
  const { version, license } = JSON.parse(read(`node_modules/${name}/package.json`));
  const text = ["LICENSE", "LICENSE.md", "LICENCE"].map((file) => {
    try {
      return read(`node_modules/${name}/${file}`);
    } catch {
      return null;
    }
  }).find((found) => found !== null);
  if (text === undefined) console.log(`no licence text in ${name}`);
  return `${name} ${version} (${license})\n\n${(text ?? "").trim()}\n`;
});
writeFileSync(join(out, "NOTICE"), `The pages contain, unchanged and minified:\n\n${notices.join("\n---\n\n")}`);
