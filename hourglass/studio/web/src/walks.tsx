// Ways through the latent space of a run: from sample to sample, and along each direction.
import { useEffect, useState } from "preact/hooks";
import { get, send } from "./api";
import { number } from "./format";
import { along, moved, readLatent, shaped, type Latent } from "./latent_data";
import type { Details } from "./run";
import type { Run } from "./runs";
import { Strip, useSamples, type Sample as Known } from "./samples";
import { asJson, savePictures } from "./save";
import { complain } from "./toast";
import { useServed, type Encoded, type Served } from "./try";
import { Sample, Way } from "./try_morph";

const STEPS = 9;         // of a direction
const DIRECTIONS = 12;   // at most
const CHOICE = 24;       // samples to choose from

export function WalksTab({ run, details }: { run: Run; details: Details }) {
  const [latent, setLatent] = useState<Latent | null>(null);
  const [problem, setProblem] = useState("");
  const there = details.has_snapshot && details.has_model;
  const { served, problem: unserved } = useServed(run, there);
  useEffect(() => {
    if (there) readLatent(run.key).then(setLatent, (error) => setProblem(error.message));
  }, [run.key, there]);
  if (!there) return <p class="quiet">Walks are here once the report is written.</p>;
  if (problem || unserved) return <p class="alert" role="alert">{problem || unserved}</p>;
  if (!latent || !served) return <p class="quiet" role="status">Reading the codes …</p>;
  if (!latent.about.middle || !served.operations.includes("decode")) {
    return <p class="quiet">The codes of this model are too large to walk in.</p>;
  }
  return <Walks run={run} latent={latent} served={served} />;
}

function Walks({ run, latent, served }: { run: Run; latent: Latent; served: Served }) {
  const base = `/model/${run.key}/v1`;
  const { found } = useSamples(run, "first", CHOICE, "");
  const [ends, setEnds] = useState<[number, number]>([0, 1]);
  const [from, setFrom] = useState(-1);
  const [kind, setKind] = useState(served.conditional ? served.classes[0] : "");
  const codes = useCodes(run, ends);
  const [start] = useCodes(run, from < 0 ? [] : [from]);
  if (!found) return null;
  const choice = (value: number, set: (row: number) => void, label: string, middle = false) => <label>{label} <select
    value={value} onChange={(e) => set(Number(e.currentTarget.value))}>{middle && <option value={-1}>the middle</option>}
    {found.samples.map((each) => <option key={each.row} value={each.row}>{nameOf(each)}</option>)}</select></label>;
  return <>
    {served.conditional && <div class="tools"><label>Class <select value={kind} onChange={(e) => setKind(e.currentTarget.value)}>
      {served.classes.map((name) => <option key={name}>{name}</option>)}</select></label></div>}
    <section>
      <h2>From sample to sample</h2>
      <div class="tools">{choice(ends[0], (row) => setEnds([row, ends[1]]), "From")}
        {choice(ends[1], (row) => setEnds([ends[0], row]), "To")}
        <span class="quiet">The first {found.samples.length} {found.split} samples, by number.</span></div>
      <Strip run={run} samples={found.samples.filter((each) => ends.includes(each.row))} image={found.image} />
      {codes.length === 2 && <Way base={base} kind={kind} codes={codes.map((code) => shaped(code, latent.about.code)) as number[][]} />}
    </section>
    <section>
      <h2>Along each direction</h2>
      <div class="tools">{choice(from, setFrom, "Starting at", true)}
        <span class="quiet">One number of the code changes in a row; the others stay as they are at the start.</span></div>
      {(from < 0 || start) && <Traversals base={base} kind={kind} latent={latent} z={start ?? latent.about.middle!} />}
    </section>
  </>;
}

const nameOf = (each: Known) => `${each.row}${each.class || each.name ? ` (${each.class || each.name})` : ""}`;

function useCodes(run: Run, rows: number[]): number[][] {
  const [codes, setCodes] = useState<number[][]>([]);
  useEffect(() => {
    let stale = false;
    Promise.all(rows.map((row) => get<{ code: number[] }>(`/runs/${run.key}/codes/${row}`))).then((found) => {
      if (!stale) setCodes(found.map(({ code }) => code));
    }, complain);
    return () => { stale = true; };
  }, [run.key, rows.join()]);
  return codes;
}

function Traversals({ base, kind, latent: { about }, z }: { base: string; kind: string; latent: Latent; z: number[] }) {
  const [found, setFound] = useState<{ images?: Encoded[]; samples?: (string | number[] | number[][])[] } | null>(null);
  const sliders = about.sliders.slice(0, DIRECTIONS);
  const codes = sliders.flatMap(({ low, high }, k) => Array.from({ length: STEPS }, (_, i) => {
    const wanted = low + (high - low) * i / (STEPS - 1);
    return shaped(moved(z, [about.directions![k]], [wanted - along(about, z, about.directions![k])]), about.code);
  }));
  const wish = { codes, ...(kind ? { classes: [kind] } : {}) };
  useEffect(() => {
    let stale = false;
    send<typeof found>(`${base}/decode?format=json`, wish).then((decoded) => { if (!stale) setFound(decoded); }, complain);
    return () => { stale = true; };
  }, [base, kind, z]);
  if (!found) return <p class="quiet" role="status">Decoding …</p>;
  return <>
    {sliders.map((slider, k) => <div class="traversal" key={slider.name}>
      <p><b>{slider.name}</b> <span class="quiet">{number(slider.low, 2)} to {number(slider.high, 2)}</span></p>
      <ul class={found.images ? "walk" : "walk wide"}>{Array.from({ length: STEPS }, (_, i) => k * STEPS + i).map((i) => <li key={i}>
        {found.images ? <img class="pixelated" src={`data:image/png;base64,${found.images[i].png}`}
          alt={`${slider.name}, step ${i % STEPS + 1} of ${STEPS}`} /> : <Sample value={found.samples![i]} />}</li>)}</ul></div>)}
    {about.sliders.length > DIRECTIONS && <p class="quiet">The first {DIRECTIONS} of {about.sliders.length} directions.</p>}
    {found.images && <button onClick={() => void savePictures(`${base}/decode`, asJson(wish), codes.length, "traversals").catch(
      complain)}>Download all</button>}
  </>;
}
