// Asks a model about images, and puts its answers together.
import { request } from "./api";
import type { Dropped } from "./drop";
import { number } from "./format";
import type { Encoded, Near, Scores, Served } from "./try";

export interface Wish { use: string; kind: string; quality: number; lossless: boolean }
export interface Packed { file: string; bytes: number; png: number; bits_per_pixel: number; exact: boolean;
  psnr: (number | null)[]; ssim: number | null; images: Encoded[]; notes: string[] }
export interface Result { before: string; name: string; after?: Encoded; score?: number; class?: string;
  probability?: number; psnr?: number | null }
export interface Found { use: string; results: Result[]; about: string[]; threshold?: number; packed?: Packed;
  near?: Near[][]; codes?: number[][] }

export function formOf(files: Dropped[], kind: string): FormData {
  const form = new FormData();
  files.forEach(({ name, file }) => form.append("images", file, name));
  if (kind) form.append("classes", kind);
  return form;
}

async function ask<T>(path: string, files: Dropped[], kind: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, { method: "POST", body: formOf(files, kind), signal })).json();
}

export interface Sifted { good: Dropped[]; seen: string[]; why: string[] }

// The files that the model can read, how it sees them, and why it cannot read the others.
export async function sifted(base: string, list: Dropped[], served: Served, kind: string,
  tell: (at: number) => void): Promise<Sifted> {
  const why: string[] = [];
  const images = list.filter(({ name, file }) => {
    const other = file.type && !file.type.startsWith("image/") && file.type !== "application/octet-stream";
    if (other) why.push(`${name} is no image`);
    return !other;
  });
  const some = images.slice(0, served.limits.files);
  if (images.length > some.length) why.push(`only the first ${some.length} of ${images.length} images are used at once`);
  const prepared = async (files: Dropped[]) => (await ask<{ images: Encoded[] }>(`${base}/prepare?format=json`, files, kind))
    .images.map(({ png }) => `data:image/png;base64,${png}`);
  const whole = some.length > 1 ? await prepared(some).catch(() => null) : null;
  if (whole) return { good: some, seen: whole, why };
  const [good, seen]: [Dropped[], string[]] = [[], []];
  for (const [i, dropped] of some.entries()) {   // one by one, so that one bad file does not spoil all
    tell(i + 1);
    await prepared([dropped]).then((found) => { good.push(dropped); seen.push(...found); }, (error) => why.push(
      `${dropped.name}: ${error.message}`));
  }
  return { good, seen, why };
}

export async function work(base: string, wish: Wish, { good: files, seen }: Sifted, signal: AbortSignal): Promise<Found> {
  // a restored image keeps its size; browsers show no TIFF
  const own = ({ file }: Dropped) => wish.use === "restore" && file.type !== "image/tiff";
  const results: Result[] = files.map((dropped, i) => ({ name: dropped.name, before: own(dropped)
    ? URL.createObjectURL(dropped.file) : seen[i] }));
  const found: Found = { use: wish.use, results, about: [] };
  const get = <T,>(path: string) => ask<T & { notes?: string[] }>(`${base}/${path}`, files, wish.kind, signal).then(
    (answer) => { found.about = [...new Set([...found.about, ...answer.notes ?? []])]; return answer; });
  const pictures = async (path: string) => (await get<{ images: Encoded[] }>(`${path}?format=json`)).images.forEach(
    (image, i) => { results[i].after = image; });
  if (wish.use === "score") {
    const scores = await get<Scores>("score");
    scores.scores.forEach((score, i) => { results[i].score = score; });
    found.threshold = scores.threshold;
    found.about.unshift(`Scored by ${scores.detector}. Higher is more abnormal. Heat maps have a line around what is above
      the run's threshold of ${number(scores.threshold)}.`);
    await pictures("heatmap");
  } else if (wish.use === "classify") {
    const { classes, probabilities } = await get<{ classes: string[]; probabilities: Record<string, number>[] }>("classify");
    classes.forEach((name, i) => Object.assign(results[i], { class: name, probability: probabilities[i][name] }));
  } else if (wish.use === "compress") {
    found.packed = await get<Packed>(`compress?quality=${wish.quality}&lossless=${wish.lossless}`);
    found.packed.images.forEach((image, i) => Object.assign(results[i], { after: image, psnr: found.packed!.psnr[i] }));
  } else if (wish.use === "nearest") {
    found.near = (await get<{ nearest: Near[][] }>("nearest?n=8")).nearest;
  } else if (wish.use === "morph") {
    found.codes = (await get<{ codes: number[][] }>("encode")).codes;
  } else await pictures(wish.use);
  return found;
}

export async function codesOf(base: string, files: Dropped[], kind: string): Promise<{ names: string[]; codes: number[][] }> {
  const found = await ask<{ codes: unknown[][]; names: string[] }>(`${base}/encode`, files, kind);
  return { names: files.map(({ name }) => name), codes: found.codes.map((code) => code.flat(3) as number[]) };
}
