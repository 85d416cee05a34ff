// The latent space as the studio sends it: a text, then arrays; and the codes of places in it.
import { request } from "./api";

export interface About {
  count: number; samples: string; split: string; total: number; axes: string[]; code: number[];
  names: string[] | null; classes: { name: string; colour: string }[]; image: boolean; shape: number[];
  origin: number[] | null; middle: number[] | null; plane: number[][] | null; directions: number[][] | null;
  sliders: { name: string; low: number; high: number }[]; about: string;
}
// rows are the samples' numbers: in the report, or in a split
export interface Latent { about: About; places: Float32Array; errors: Float32Array; rows: Int32Array; labels: Uint16Array }
export const NO_CLASS = 65535;

// The samples that the report looked at, or all placed ones of a split.
export async function readLatent(key: string, split = ""): Promise<Latent> {
  const bytes = await (await request(`/runs/${key}/latent${ofSplit(split)}`)).arrayBuffer();
  const length = new DataView(bytes).getUint32(0, true);
  const about: About = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  const start = 4 + length;
  const n = about.count;
  return { about, places: new Float32Array(bytes, start, 2 * n), errors: new Float32Array(bytes, start + 8 * n, n),
    rows: new Int32Array(bytes, start + 12 * n, n), labels: new Uint16Array(bytes, start + 16 * n, n) };
}

export const ofSplit = (split: string) => split ? `?split=${encodeURIComponent(split)}` : "";

// Only the points of one class.
export function narrowed(latent: Latent, label: number): Latent {
  const here: number[] = [];
  latent.labels.forEach((each, i) => { if (each === label) here.push(i); });
  const pick = <T extends Float32Array | Int32Array | Uint16Array>(from: T) => (from.constructor as unknown as {
    from(values: number[]): T }).from(here.map((i) => from[i]));
  return { about: { ...latent.about, count: here.length, names: latent.about.names && here.map((i) => latent.about.names![i]) },
    places: Float32Array.from(here.flatMap((i) => [latent.places[2 * i], latent.places[2 * i + 1]])),
    errors: pick(latent.errors), rows: pick(latent.rows), labels: pick(latent.labels) };
}

const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0);

// Where a code lies on a direction.
export const along = (about: About, z: number[], direction: number[]) =>
  dot(z.map((value, i) => value - about.origin![i]), direction);

export const placeOf = (about: About, z: number[]): [number, number] =>
  [along(about, z, about.plane![0]), along(about, z, about.plane![1])];

// A code moved along some directions by so much.
export function moved(z: number[], directions: number[][], by: number[]): number[] {
  return z.map((value, i) => value + directions.reduce((sum, direction, k) => sum + by[k] * direction[i], 0));
}

// A code (D,) in the shape that the model takes.
export function shaped(z: number[], shape: number[]): unknown {
  if (shape.length <= 1) return z;
  const size = z.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) => shaped(z.slice(i * size, (i + 1) * size), shape.slice(1)));
}

const HEAT = [[70, 90, 170], [125, 70, 150], [188, 55, 84], [230, 125, 20], [215, 175, 40]];   // seen on light and dark

// RGBA of each point: by class, or by how large its error is among all.
export function coloursOf(latent: Latent, by: string, chosen: Set<number>): Uint8Array {
  const { about, errors, labels } = latent;
  const palette = about.classes.map(({ colour }) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)));
  const order = Float32Array.from(errors).sort();
  const rank = (error: number) => {
    let [low, high] = [0, order.length];
    while (low < high) { const middle = (low + high) >> 1; if (order[middle] < error) low = middle + 1; else high = middle; }
    return low / Math.max(1, order.length - 1);
  };
  const found = new Uint8Array(4 * about.count);
  for (let i = 0; i < about.count; i++) {
    const plain = labels[i] === NO_CLASS || !palette.length ? [110, 130, 150] : palette[labels[i]];
    const rgb = by === "error" ? HEAT[Math.min(4, Math.floor(rank(errors[i]) * 4.999))] : plain;
    found.set([...rgb, chosen.size && !chosen.has(i) ? 40 : 210], 4 * i);
  }
  return found;
}
