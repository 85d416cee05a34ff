// Samples by their errors: the worst, the best or the first, with reconstructions and error maps.
import { useEffect, useState } from "preact/hooks";
import { get } from "./api";
import { number } from "./format";
import { Picture } from "./picture";
import type { Details } from "./run";
import type { Run } from "./runs";
import { complain } from "./toast";

export interface Sample { row: number; error: number; class: string; name: string }
interface Found { samples: Sample[]; image: boolean; lines: boolean; split: string; count: number; total: number; classes: string[] }
const PER_STRIP = 12;

export function useSamples(run: Run, order: string, count: number, label: string, everything = false) {
  const [found, setFound] = useState<Found | null>(null);
  const [problem, setProblem] = useState("");
  const of = (label === "" ? "" : `&label=${label}`) + (everything ? "&everything=true" : "");
  useEffect(() => {
    const stop = new AbortController();
    get<Found>(`/runs/${run.key}/samples?order=${order}&count=${count}${of}`, stop.signal)
      .then((samples) => { setFound(samples); setProblem(""); }, (error) => { if (!stop.signal.aborted) setProblem(error.message); });
    return () => stop.abort();
  }, [run.key, run.changed, order, count, of]);
  // for a moment, what was found before is still here
  return { found: found && (found.split === "all") === everything ? found : null, problem };
}

export function SamplesTab({ run, details }: { run: Run; details: Details }) {
  const [order, setOrder] = useState("worst");
  const [label, setLabel] = useState("");
  const [count, setCount] = useState(48);
  const [near, setNear] = useState<number | null>(null);
  const [everything, setEverything] = useState(false);
  const { found, problem } = useSamples(run, order, count, label, everything);
  const of = <label>Of <select value={String(everything)} onChange={(e) => {
    setNear(null);
    setEverything(e.currentTarget.value === "true");
  }}><option value="false">{details.split || "unseen"} samples</option>
    <option value="true">all data, training too</option></select></label>;
  if (!details.has_snapshot) return <p class="quiet">The samples are here once the report is written.</p>;
  if (problem) return <><div class="tools">{of}</div><p class="alert" role="alert">{problem}</p></>;
  if (!found) return <><div class="tools">{of}</div><p class="quiet" role="status">{everything
    ? "The model looks at all data, which may take a minute …" : "Reading the samples …"}</p></>;
  const groups = Array.from({ length: Math.ceil(found.samples.length / PER_STRIP) },
    (_, i) => found.samples.slice(i * PER_STRIP, (i + 1) * PER_STRIP));
  return <section>
    <div class="tools">{of}
      <label>Order <select value={order} onChange={(e) => setOrder(e.currentTarget.value)}>
        <option value="worst">worst first</option><option value="best">best first</option>
        <option value="first">as they come</option></select></label>
      {found.classes.length > 1 && <label>Class <select value={label}
        onChange={(e) => setLabel(e.currentTarget.value)}><option value="">all</option>
        {found.classes.map((name, i) => <option key={i} value={i}>{name}</option>)}</select></label>}
      <span class="quiet">{found.count.toLocaleString("en")} {found.total > found.count
        ? `of ${found.total.toLocaleString("en")} ` : ""}{found.split === "all"
        ? "samples of all splits. Those of training have smaller errors, as the model has seen them." : `${found.split} samples, which
        training did not see.`} {found.lines ? "The number is -log p(x|z), which is larger for longer lines." : !found.image ? "Grey: the input. Blue: the reconstruction. The number is the squared error." : <>Above the input, then the reconstruction, then where they differ. Below them their squared error: press it for the
        nearest samples.</>}</span>
    </div>
    {near !== null && <Neighbours run={run} row={near} everything={everything} close={() => setNear(null)} pick={setNear} />}
    {groups.map((group) => <Strip key={group[0].row} run={run} samples={group} image={found.image} pick={setNear}
      everything={everything} />)}
    {found.samples.length >= count && count < 400 && <button class="more"
      onClick={() => setCount(Math.min(400, count + 96))}>Show more</button>}
  </section>;
}

// A sample and those with the most similar codes.
function Neighbours({ run, row, everything, close, pick }: { run: Run; row: number; everything: boolean; close: () => void;
  pick: (row: number) => void }) {
  const [found, setFound] = useState<{ samples: Sample[]; distances: number[]; image: boolean } | null>(null);
  useEffect(() => { void get<typeof found>(`/runs/${run.key}/neighbours/${row}?everything=${everything}`).then((near) => {
    setFound(near);
    document.getElementById("neighbours")?.scrollIntoView({ block: "center" });
  }, complain); }, [run.key, row]);
  if (!found) return null;
  return <section class="panel" id="neighbours">
    <div class="head"><h2>Nearest to sample {row}</h2><span class="grow" /><button class="small" onClick={close}>Close</button></div>
    <p class="quiet">By the distance of codes, {number(found.distances[1], 3)} to {number(found.distances.at(-1), 3)}. The first is
      the sample itself.</p>
    <Strip run={run} samples={found.samples} image={found.image} pick={pick} everything={everything} /></section>;
}

interface StripProps { run: Run; samples: Sample[]; image: boolean; pick?: (row: number) => void;
  everything?: boolean; split?: string }

export function Strip({ run, samples, image, pick, everything, split }: StripProps) {
  const rows = samples.map((sample) => sample.row).join(",") + (everything ? "&everything=true" : "")
    + (split ? `&split=${encodeURIComponent(split)}` : "");
  if (!image) return <Lines run={run} samples={samples} rows={rows} pick={pick} />;
  const error = (sample: Sample) => pick ? <button class="plain" aria-label={`Samples near to sample ${sample.row}`}
    onClick={() => pick(sample.row)}><b>{number(sample.error, 2)}</b></button> : <b>{number(sample.error, 2)}</b>;
  const names = samples.map((sample) => sample.class || sample.name || `sample ${sample.row}`);
  return <figure class="strip" tabIndex={0} aria-label="Samples, side by side" style={{ "--n": String(samples.length) }}>
    <Picture path={`/runs/${run.key}/strip?rows=${rows}`} pixelated
      alt={`Inputs, reconstructions and errors of ${names.join(", ")}`} />
    <figcaption>{samples.map((sample, i) => <span key={sample.row}
      title={sample.name || `sample ${sample.row}`}>
      {error(sample)}{(sample.class || sample.name) && <> {names[i]}</>}</span>)}</figcaption>
  </figure>;
}

// Samples that are no images: each as a line, with its reconstruction.
function Lines({ run, samples, rows, pick }: Omit<StripProps, "image"> & { rows: string }) {
  const [values, setValues] = useState<{ x: number[][]; recon: number[][]; texts?: string[] } | null>(null);
  useEffect(() => { void get<typeof values>(`/runs/${run.key}/strip?rows=${rows}`).then(setValues, complain); },
    [run.key, rows]);
  if (!values) return null;
  if (values.texts) return <ul class="lines">{samples.map((sample, i) => <li key={sample.row}><span class="grow">{values.texts![i]}</span>
    <span class="quiet">{number(sample.error, 3)} nats</span>{pick && <button class="small" aria-label={`Samples near to sample ${sample.row}`}
      onClick={() => pick(sample.row)}>Near</button>}</li>)}</ul>;
  return <div class="plots">{samples.map((sample, i) => <figure key={sample.row}>
    <Plot lines={[values.x[i], values.recon[i]]} />
    <figcaption>{sample.class || sample.name || `sample ${sample.row}`}: {number(sample.error, 3)} {pick && <button
      class="small" aria-label={`Samples near to sample ${sample.row}`} onClick={() => pick(sample.row)}>Near</button>}
    </figcaption></figure>)}</div>;
}

export function Plot({ lines }: { lines: number[][] }) {
  const all = lines.flat().filter(Number.isFinite);
  const low = all.reduce((a, b) => Math.min(a, b), Infinity);
  const span = all.reduce((a, b) => Math.max(a, b), -Infinity) - low || 1;
  // a gap in the values is a gap in the line
  const path = (line: number[]) => line.map((value, i) => !Number.isFinite(value) ? ""
    : `${Number.isFinite(line[i - 1]) ? "L" : "M"}${i / Math.max(1, line.length - 1) * 100},${
      48 - (value - low) / span * 46}`).join("");
  return <svg class="plot" viewBox="0 0 100 50" preserveAspectRatio="none" aria-hidden="true">
    {lines.map((line, n) => <path key={n} class={`line-${n}`} d={path(line)} />)}
  </svg>;
}
