/** The console's CSV under Node: a JSON array of rows in, the file out. */
import { readFileSync } from "node:fs";
import { written } from "../src/console/csv.ts";

process.stdout.write(written(JSON.parse(readFileSync(0, "utf8")) as string[][]));
