// Which samples of several latent spaces are the same ones.
import type { About, Latent } from "./latent_data";

export interface Links {
  ids: (string | number)[][];                  // of each space's points
  points: Map<string | number, number>[];      // of each space, by id
  problems: string[];                          // of each space: why it is not linked, or ""
}

const areUnique = (names: string[] | null) => names !== null && new Set(names).size === names.length;

// Why a space cannot be linked to the first one; "" if it can.
function problemOf(first: About, other: About, data: [string, string]): string {
  if (first.samples === other.samples) return "";
  if (data[0] !== data[1]) return `its data is ${data[1]}, not ${data[0]}`;
  if (first.split !== other.split) return `its samples are of the ${other.split} split, not of ${first.split}`;
  if (areUnique(first.names) && areUnique(other.names)) {
    const known = new Set(first.names);
    return other.names!.some((name) => known.has(name)) ? "" : "it was looked at with other samples";
  }
  return "its samples differ: another split by seed, or read in another way, and they have no names";
}

// Samples are the same by their row, where all are the same, else by their names.
export function linksOf(latents: Latent[], data: string[]): Links {
  const abouts = latents.map(({ about }) => about);
  const problems = abouts.map((about, i) => i ? problemOf(abouts[0], about, [data[0], data[i]]) : "");
  const byRow = abouts.every((about, i) => problems[i] || about.samples === abouts[0].samples);
  const ids = abouts.map((about, i) => problems[i] ? [] : byRow ? Array.from(latents[i].rows) : about.names!);
  const points = ids.map((each) => new Map(each.map((id, i) => [id, i])));
  return { ids, points, problems };
}
