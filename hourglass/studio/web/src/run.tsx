// The page of one run.
import { useCallback, useEffect, useState } from "preact/hooks";
import { get } from "./api";
import { State } from "./cards";
import { onNews } from "./events";
import { LatentTab } from "./latent";
import { LogTab, Overview } from "./overview";
import { ReportTab } from "./report";
import { RunActions } from "./run_actions";
import { isLive, listing, type Run } from "./runs";
import { SamplesTab } from "./samples";
import { ServeTab } from "./serve";
import { SettingsTab } from "./settings";
import { useSignal } from "./signal";
import { TryTab } from "./try";
import { WalksTab } from "./walks";

export interface Metric { name: string; value: number; interval: [number, number] | null; about: string }
export interface Setting { name: string; value: unknown; usual: boolean; about: string; is_part: boolean }
export interface Section { question: string; figures: { name: string; title: string }[] }
export interface Details {
  settings: Setting[]; metrics: Metric[]; notes: string[]; verdict: string; environment: Record<string, unknown>;
  sizes: Record<string, Record<string, number>>; splits: Record<string, number>; shape: number[];
  split: string; sections: Section[]; has_model: boolean; has_snapshot: boolean; has_report: boolean;
  command: string; log: boolean; entry: Run;
}
export type Row = Record<string, number>;
export interface Progress { from: number; rows: Row[]; frames: string[]; log: string; entry: Run }

const TABS: [string, string][] = [["overview", "Overview"], ["samples", "Samples"],
  ["report", "Report"], ["latent", "Latent space"], ["walks", "Walks"], ["use", "Use"], ["serve", "Serve and export"], ["settings", "Settings"],
  ["log", "Log"]];

export function RunPage({ id, tab }: { id: string; tab: string }) {
  const all = useSignal(listing);
  const [details, setDetails] = useState<Details | null>(null);
  const [rows, setRows] = useState<Row[]>([]);
  const [last, setLast] = useState<Progress | null>(null);
  const [problem, setProblem] = useState("");
  const read = useCallback(async () => {
    try {
      setDetails(await get<Details>(`/runs/${id}`));
      setProblem("");
    } catch (error) { setProblem((error as Error).message); }
  }, [id]);
  const follow = useCallback(async () => {
    try {
      const found = await get<Progress>(`/runs/${id}/progress`);
      setRows(found.rows);
      setLast(found);
    } catch { /* the page says so already */ }
  }, [id]);
  useEffect(() => {
    void read();
    void follow();
    return onNews((news) => {
      if (!location.hash.includes(id)) return;   // the page is being left, and its run may be gone
      if (news.kind === "changed" && !news.runs.includes(id) && !news.runs.includes("")) return;
      void follow();
      if (news.kind === "reset" || news.runs.includes(id)) void read();
    });
  }, [id, read, follow]);
  const run = all?.runs.get(id) ?? details?.entry;
  if (problem && !details) return <p class="alert" role="alert">{problem} <a href="#/">All runs</a></p>;
  if (!details || !run) return <p class="quiet">Reading the run …</p>;
  const tabs = TABS.filter(([name]) => name !== "log" || last?.log);
  return <>
    <p class="path">{run.study ? <a href={`#/studies/${run.study}`}>Search</a>
      : <a href="#/">Runs</a>} / {run.path}</p>
    <div class="head"><h1>{run.title}</h1><State run={run} /><span class="grow" />
      <RunActions run={run} details={details} /></div>
    <Ending run={run} />
    <nav class="tabs" aria-label="Parts of this run">{tabs.map(([name, title]) =>
      <a key={name} href={`#/runs/${id}/${name}`} aria-current={tab === name ? "page" : undefined}>
        {title}</a>)}</nav>
    {tab === "overview" && <Overview run={run} details={details} rows={rows} last={last} />}
    {tab === "samples" && <SamplesTab run={run} details={details} />}
    {tab === "report" && <ReportTab run={run} details={details} />}
    {tab === "latent" && <LatentTab run={run} details={details} />}
    {tab === "walks" && <WalksTab run={run} details={details} />}
    {tab === "use" && <TryTab run={run} details={details} />}
    {tab === "serve" && <ServeTab run={run} details={details} />}
    {tab === "settings" && <SettingsTab run={run} details={details} />}
    {tab === "log" && <LogTab last={last} />}
  </>;
}

// Why a training has ended. A killed one could not write it down.
function Ending({ run }: { run: Run }) {
  if (isLive(run)) return null;
  if (run.ended) return <p class="quiet">Ended: {run.ended}</p>;
  return run.state === "stopped" ? <p class="alert">The training ended without a word: its process was
    killed, or the machine stopped. Resume continues it from its last checkpoint.</p> : null;
}
