// Writes a digest of the sources beside the built files, so that a test sees if they are stale.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";

const files = readdirSync(".", { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => !name.startsWith("node_modules") && statSync(name).isFile())
  .sort();
const hash = createHash("sha256");
for (const name of files) hash.update(name).update("\0").update(readFileSync(name)).update("\0");
writeFileSync("../static/sources.sha256", hash.digest("hex") + "\n");
