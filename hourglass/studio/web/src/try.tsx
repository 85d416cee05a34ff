// A model in use: on images, rows, lines of text, or by drawing new samples.
import { useEffect, useState } from "preact/hooks";
import { get } from "./api";
import { Generate } from "./generate";
import type { Cell } from "./parse_rows";
import type { Details } from "./run";
import type { Run } from "./runs";
import { ImagesBox } from "./try_images";
import { LinesBox } from "./try_lines";
import { RatingsBox } from "./try_ratings";
import { RowsBox } from "./try_rows";

export interface Served { kind: string; classes: string[];
  columns: { name: string; kind: string; values?: unknown[] }[]; conditional: boolean; priors: string[];
  operations: string[]; prompts: boolean; samplers: string[]; lossless: boolean; rounded: boolean;
  limits: Record<string, number>; shape: number[] }
export interface Encoded { name: string; height: number; width: number; png: string }
export interface Scores { scores: number[]; probabilities: number[]; abnormal: boolean[]; threshold: number;
  detector: string; notes: string[] }
export interface Near { row: number; distance: number; name: string; class: string; png: string | null;
  values: Record<string, Cell> | number[] | null }
const ROWS = ["arrays", "table", "series", "windows"];   // kinds that are sent as rows

export function useServed(run: Run, there: boolean): { served: Served | null; problem: string } {
  const [served, setServed] = useState<Served | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (there) get<Served>(`/model/${run.key}/v1/model`).then(setServed, (e) => setProblem(e.message));
  }, [run.key, there]);
  return { served, problem };
}

export function TryTab({ run, details }: { run: Run; details: Details }) {
  const { served, problem } = useServed(run, details.has_model);
  const base = `/model/${run.key}/v1`;
  if (!details.has_model) return <p class="quiet">The model can be used after its first checkpoint.</p>;
  if (problem) return <p class="alert" role="alert">{problem}</p>;
  if (!served) return <p class="quiet" role="status">Loading the model. The first time, priors and thresholds are fitted,
    which may take a minute …</p>;
  return <>
    {served.kind === "images" && <ImagesBox base={base} served={served} run={run} />}
    {served.kind === "lines" && <LinesBox base={base} served={served} />}
    {ROWS.includes(served.kind) && <RowsBox base={base} served={served} />}
    {served.kind === "ratings" && <RatingsBox base={base} />}
    {served.operations.includes("generate") && <Generate base={base} served={served} />}
  </>;
}
