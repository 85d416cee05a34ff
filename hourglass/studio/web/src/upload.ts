// Sends files in pieces that a request may have.
import { sendFiles } from "./api";
import type { Dropped } from "./drop";

interface Kept { path: string; saved: number; refused: { name: string; why: string }[] }
const MOST_FILES = 200;
const MOST_BYTES = 48 * 2 ** 20;

export async function upload(folder: string, files: Dropped[], tell: (done: number) => void): Promise<Kept> {
  const all: Kept = { path: "", saved: 0, refused: [] };
  let group: Dropped[] = [];
  let bytes = 0;
  let done = 0;
  // a single folder around everything is the data set, and those within are classes
  const tops = new Set(files.map(({ name }) => name.includes("/") ? name.split("/")[0] : ""));
  const strip = tops.size === 1 && !tops.has("") ? [...tops][0].length + 1 : 0;
  const flush = async () => {
    if (!group.length) return;
    tell(done);
    const found = await sendFiles<Kept>(`/uploads/${encodeURIComponent(folder)}`, "files",
      group.map(({ name, file }) => [name.slice(strip), file]));
    all.path = found.path;
    all.saved += found.saved;
    all.refused.push(...found.refused);
    done += group.length;
    group = [];
    bytes = 0;
  };
  for (const dropped of files) {
    if (dropped.file.size > MOST_BYTES) {
      all.refused.push({ name: dropped.name, why: "it is larger than 48 MiB; copy it into the folder" });
      continue;
    }
    if (group.length === MOST_FILES || bytes + dropped.file.size > MOST_BYTES) await flush();
    group.push(dropped);
    bytes += dropped.file.size;
  }
  await flush();
  return all;
}
