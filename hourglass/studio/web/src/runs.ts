// The list of runs, kept up to date by the news.
import { get } from "./api";
import { onNews } from "./events";
import { signal } from "./signal";

export interface Run {
  key: string; kind: "run" | "study" | "trial"; study?: string; path: string; title: string; model: string; data: string;
  state: "training" | "writing" | "finished" | "stopped" | "damaged"; ended?: string;
  settings?: Record<string, unknown>; metrics: Record<string, number>; epochs?: number;
  wanted?: number | null; best_epoch?: number; seconds?: number; parameters?: number;
  samples?: number; started?: string; changed: number; curve?: number[]; loss?: number | null; best_loss?: number | null;
  frame?: string; note: string; tags: string[]; error?: string; trials?: number; best?: number; metric?: string;
}
export interface Waiting { key: string; name: string; command: string; began: number; line: string }
export interface Failed { key: string; name: string; command: string; why: string; log: string }
export interface Listing {
  runs: Map<string, Run>; seen: string; folder: string; whole: boolean; waiting: Waiting[]; failed: Failed[];
}

interface Answer { runs: Run[]; seen: string; folder: string; whole: boolean; waiting: Waiting[]; failed: Failed[] }
export const listing = signal<Listing | null>(null);
export const listingProblem = signal("");
const MOST = 200;   // runs that are asked for one by one

export async function readRuns(keys: string[] = []): Promise<void> {
  const some = keys.filter(Boolean);
  const all = !listing.value || !keys.length || some.length > MOST;
  try {
    const query = all ? "" : `?keys=${some.length ? some.join(",") : "none"}`;
    const found = await get<Answer>(`/runs${query}`);
    const runs = all ? new Map<string, Run>() : new Map(listing.value!.runs);
    some.forEach((key) => runs.delete(key));
    found.runs.forEach((run) => runs.set(run.key, run));
    listing.value = { ...found, runs, seen: all ? found.seen : listing.value!.seen };
    listingProblem.value = "";
  } catch (error) {
    listingProblem.value = (error as Error).message;
  }
}

export function followRuns(): void {
  const first = readRuns();
  onNews(async (news) => {
    await first;
    if (!isKnown(news.id)) await readRuns(news.kind === "reset" ? [] : news.runs);
  });
}

// Whether the list includes an event: it was read after it, from the same studio.
function isKnown(id: string): boolean {
  const [[boot, number], [own, seen]] = [id, listing.value?.seen ?? ""].map((each) => each.split("-"));
  return boot === own && Number(number) <= Number(seen);
}

export const linkOf = (run: Run) => run.kind === "study" ? `#/studies/${run.key}` : `#/runs/${run.key}`;
export const isLive = (run: Run) => run.state === "training" || run.state === "writing";

// What stands behind a name in a filter such as mse<0.02 or lr=0.01.
export function valueOf(run: Run, name: string): unknown {
  if (name in run.metrics) return run.metrics[name];
  if (run.settings && name in run.settings) return run.settings[name];
  return (run as unknown as Record<string, unknown>)[name];
}

const RULE = /^([\w/]+)(<=|>=|<|>|=)(.+)$/;

// Whether a run fits all words of a filter: words of its texts, or rules such as mse<0.02.
export function fits(run: Run, filter: string): boolean {
  const text = `${run.title} ${run.path} ${run.state} ${run.tags.join(" ")} ${run.note}`.toLowerCase();
  return filter.trim().split(/\s+/).filter(Boolean).every((word) => {
    const rule = RULE.exec(word);
    if (!rule) return text.includes(word.toLowerCase());
    const [, name, sign, wanted] = rule;
    const value = valueOf(run, name);
    if (value === undefined || value === null) return false;
    if (sign === "=") return String(value).toLowerCase().includes(wanted.toLowerCase());
    const [a, b] = [Number(value), Number(wanted)];
    return sign === "<" ? a < b : sign === ">" ? a > b : sign === "<=" ? a <= b : a >= b;
  });
}
