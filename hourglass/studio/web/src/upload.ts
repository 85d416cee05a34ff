// Sends files in pieces that a request may have.
import { sendFiles } from "./api";
import type { Dropped } from "./drop";

interface Kept { path: string; before: number; saved: number; refused: { name: string; why: string }[] }
const MOST_FILES = 20;      // of a request, so that progress is seen
const MOST_BYTES = 48 * 2 ** 20;
const TOGETHER = 8 * 2 ** 20;   // bytes of several files in a request

export async function upload(folder: string, files: Dropped[], tell: (done: number) => void): Promise<Kept> {
  const all: Kept = { path: "", before: -1, saved: 0, refused: [] };
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
    if (all.before < 0) all.before = found.before;
    all.saved += found.saved;
    all.refused.push(...found.refused);
    done += group.length;
    group = [];
    bytes = 0;
  };
  const images = files.some(({ file }) => file.type.startsWith("image/"));
  for (const dropped of files) {
    if (images && dropped.file.type.startsWith("text/")) {   // a note beside pictures, and no data
      all.refused.push({ name: dropped.name, why: "it is a text among images" });
      continue;
    }
    if (dropped.file.size > MOST_BYTES) {
      all.refused.push({ name: dropped.name, why: "it is larger than 48 MiB; copy it into the folder" });
      continue;
    }
    if (group.length === MOST_FILES || bytes + dropped.file.size > TOGETHER) await flush();
    group.push(dropped);
    bytes += dropped.file.size;
  }
  await flush();
  return all;
}
