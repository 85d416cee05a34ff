// Asks a model about rows of a table or series, and puts its answers together.
import { send } from "./api";
import { nested, type Cell, type Numbers, type Rows } from "./parse_rows";
import type { Near, Served } from "./try";

interface Answer { samples?: unknown[]; notes?: string[]; scores?: (number | null)[]; abnormal?: boolean[]; threshold?: number;
  detector?: string; classes?: string[]; probabilities?: Record<string, number>[]; nearest?: Near[][]; codes?: unknown[][] }
export interface Sent { names: string[]; rows: Cell[][]; body: unknown[]; left: string[]; windows: boolean }
export interface Result { use: string; names: string[]; rows: Cell[][]; scores?: (number | null)[]; flagged?: boolean[];
  threshold?: number; about: string[] }
const AT_ONCE = 1000;  // rows of a request, of a table
const NEAR = 5;        // training samples for each row

// Cells as the model's server takes them: by column where it knows columns, otherwise as numbers.
export function prepared(read: Rows | Numbers, served: Served): Sent {
  const known = served.columns.map((column) => column.name);
  const numbers = served.columns.filter((column) => column.kind === "number").map((column) => column.name);
  if ("shape" in read) {
    const body = nested(read);
    if (read.shape.length === 2 && served.kind === "series") {
      const rows = body as Cell[][];
      return { names: numbers, rows, left: [], windows: false, body: rows.map((row) =>
        Object.fromEntries(numbers.map((name, i) => [name, row[i] ?? null]))) };
    }
    const flat = body.map((each) => (each as unknown[]).flat(2) as Cell[]);
    return { names: (flat[0] ?? []).map((_, i) => known[i] ?? String(i)), rows: flat, body, left: [],
      windows: read.shape.length > 2 };
  }
  if (!known.length) {
    const names = read.names ?? read.cells[0].map((_, i) => String(i));
    return { names, rows: read.cells, body: read.cells, left: [], windows: false };
  }
  const names = read.names ?? known;
  const used = names.map((name, i) => [name, i] as const).filter(([name]) => known.includes(name));
  if (!used.length) throw new Error(`None of these columns is known to the model: ${names.join(", ")}`);
  const kinds = new Map(served.columns.map((column) => [column.name, column]));
  const cell = (name: string, value: Cell): Cell => {
    const column = kinds.get(name)!;
    if (value === null || column.kind === "number") return value;
    const texts = column.kind !== "category" || (column.values ?? []).every((each) => typeof each === "string");
    return texts ? String(value) : value;
  };
  const time = names.indexOf(served.columns.find((column) => column.kind === "time")?.name ?? "");
  const ordered = time < 0 ? read.cells : [...read.cells].sort((a, b) => typeof a[time] === "number"
    ? Number(a[time]) - Number(b[time]) : String(a[time]).localeCompare(String(b[time])));   // as answers are
  const rows = ordered.map((cells) => used.map(([name, i]) => cell(name, cells[i] ?? null)));
  return { names: used.map(([name]) => name), rows, windows: false, left: names.filter((name) =>
    !known.includes(name)), body: rows.map((row) => Object.fromEntries(used.map(([name], i) => [name, row[i]]))) };
}

export async function asked(base: string, use: string, sent: Sent, served: Served, ahead: number, kind: string): Promise<Result> {
  const size = served.kind === "series" && !sent.windows ? sent.body.length : AT_ONCE;
  const answers: Answer[] = [];
  for (let from = 0; from < sent.body.length; from += size) {
    answers.push(await send<Answer>(`${base}/${use}${use === "nearest" ? `?n=${NEAR}` : ""}`, {
      samples: sent.body.slice(from, from + size), ...(use === "forecast" ? { ahead } : {}), ...(kind ? { classes: [kind] } : {}) }));
  }
  const about = [...new Set(answers.flatMap((answer) => answer.notes ?? []))];
  if (use === "score") {
    about.unshift(`Scored by ${answers[0].detector}. Higher is more abnormal.`);
    return { use, names: ["score"], rows: [], about, threshold: answers[0].threshold,
      scores: answers.flatMap((answer) => answer.scores!), flagged: answers.flatMap((a) => a.abnormal!) };
  }
  if (use === "classify") return { use, about, ...beside(sent, ["class", "probability"], answers.flatMap((answer) =>
    answer.classes!.map((name, i): Cell[] => [name, answer.probabilities![i][name]]))) };
  if (use === "nearest") return { use, about, ...near(answers.flatMap((answer) => answer.nearest!)) };
  if (use === "encode") {
    const codes = answers.flatMap((answer) => answer.codes!.map((code) => code.flat(3) as Cell[]));
    return { use, about, names: codes[0].map((_, i) => `z_${i + 1}`), rows: codes };
  }
  const samples = answers.flatMap((answer) => answer.samples!);
  if (use === "forecast" && Array.isArray(samples[0])) {   // of windows: a row for each step
    const columns = served.columns.filter(({ kind }) => kind === "number").map(({ name }) => name);
    return { use, about, names: ["window", "step", ...(samples as Cell[][][])[0][0].map((_, i) => columns[i] ?? `channel ${i + 1}`)],
      rows: (samples as Cell[][][]).flatMap((window, i) => window.map((step, k) => [i + 1, k + 1, ...step])) };
  }
  if (Array.isArray(samples[0])) {
    return { use, names: sent.names, rows: samples.map((each) => (each as unknown[]).flat(2) as Cell[]), about };
  }
  const names = Object.keys(samples[0] as object);
  return { use, names, about, rows: samples.map((each) => names.map((name) => (each as Record<string, Cell>)[name])) };
}

// What was found beside each row that was sent; windows of a series have other numbers than its rows.
function beside(sent: Sent, names: string[], found: Cell[][]): { names: string[]; rows: Cell[][] } {
  return found.length === sent.rows.length
    ? { names: [...sent.names, ...names], rows: sent.rows.map((row, i) => [...row, ...found[i]]) }
    : { names: ["window", ...names], rows: found.map((each, i) => [i + 1, ...each]) };
}

// A row for each training sample that is near to one that was sent.
function near(nearest: Near[][]): { names: string[]; rows: Cell[][] } {
  const values = nearest[0][0].values ?? [];
  const columns = Array.isArray(values) ? values.map((_, i) => String(i)) : Object.keys(values);
  return { names: ["of row", "rank", "training sample", "class", "distance of codes", ...columns],
    rows: nearest.flatMap((each, i) => each.map((found, k): Cell[] => [i + 1, k + 1, found.name || found.row, found.class,
      found.distance, ...Object.values(found.values ?? [])])) };
}
