// The latent space: points to pan, zoom and lasso; a code to drag, which is decoded at once.
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { get, request } from "./api";
import { DecodedView, useDecoded } from "./decoded";
import { number } from "./format";
import { Hovered } from "./hovered";
import { along, moved, narrowed, NO_CLASS, ofSplit, placeOf, readLatent, type Latent } from "./latent_data";
import { MakeClass } from "./make_class";
import { Place, placedOf, SplitChoice, usePlacing } from "./placing";
import { asJson, saveBlob } from "./save";
import { Strip } from "./samples";
import type { Details } from "./run";
import type { Run } from "./runs";
import { ScatterView } from "./scatter";
import { complain } from "./toast";

const LISTED = 24;   // chosen samples that are shown

export function LatentTab({ run, details }: { run: Run; details: Details }) {
  if (!details.has_snapshot) return <p class="quiet">The latent space is here once the report is written.</p>;
  return <OfRun key={run.key} run={run} details={details} />;
}

function OfRun({ run, details }: { run: Run; details: Details }) {
  const [split, setSplit] = useState("");
  const placing = usePlacing(run);
  const [read, setRead] = useState<{ split: string; latent: Latent } | null>(null);
  const [problem, setProblem] = useState("");
  const placed = placedOf(placing, split);
  useEffect(() => {
    if (split && !placed) return;
    let gone = false;
    setProblem("");
    readLatent(run.key, split).then((latent) => { if (!gone) setRead({ split, latent }); },
      (error) => { if (!gone) setProblem(error.message); });
    return () => { gone = true; };
  }, [run.key, split, placed]);
  const latent = read?.split === split ? read.latent : null;
  return <>
    <div class="tools"><SplitChoice placing={placing} details={details} split={split} set={setSplit} /></div>
    {problem && <p class="alert" role="alert">{problem}</p>}
    {split && (!placed || problem) ? <Place run={run} placing={placing} split={split} />
      : latent ? <Space key={split} run={run} latent={latent} split={split} />
        : !problem && <p class="quiet">Reading the codes …</p>}
  </>;
}

function Space({ run, latent, split }: { run: Run; latent: Latent; split: string }) {
  const { about } = latent;
  const [z, setZ] = useState<number[] | null>(about.middle);
  const [by, setBy] = useState(about.classes.length > 1 ? "class" : "error");
  const [only, setOnly] = useState("");
  const shown = useMemo(() => only ? narrowed(latent, Number(only)) : latent, [latent, only]);
  const [chosen, setChosen] = useState<number[]>([]);   // of those that are shown
  const [hover, setHover] = useState(-1);
  const [kind, setKind] = useState(0);
  const decoder = useDecoded(run, latent, z, kind);
  const pick = useCallback((i: number) => void get<{ code: number[] }>(`/runs/${run.key}/codes/${shown.rows[i]}${ofSplit(split)}`)
    .then((found) => setZ(found.code), complain), [run.key, shown]);
  const drag = useCallback((x: number, y: number) => setZ((from) => {
    if (!from || !about.plane) return from;
    const [u, v] = placeOf(about, from);
    return moved(from, about.plane, [x - u, y - v]);
  }), [about]);
  return <div class="columns latent">
    <section>
      <div class="tools">
        <label>Colour <select value={by} onChange={(e) => setBy(e.currentTarget.value)}>
          {about.classes.length > 1 && <option value="class">class</option>}
          <option value="error">error</option></select></label>
        {about.classes.length > 1 && <label>Show <select value={only} onChange={(e) => {
          setChosen([]);
          setHover(-1);
          setOnly(e.currentTarget.value);
        }}><option value="">all classes</option>{about.classes.map(({ name }, i) => latent.labels.includes(i)
          && <option key={i} value={i}>{name}</option>)}{latent.labels.includes(NO_CLASS)
          && <option value={NO_CLASS}>no class</option>}</select></label>}
        <label>Choose <select value="" onChange={(e) => setChosen(chosenBy(e.currentTarget.value, shown))}>
          <option value="">points …</option><option value="worst">the {LISTED} with the largest errors</option>
          <option value="all">all that are shown</option></select></label></div>
      <p class="quiet">{shown.about.count.toLocaleString("en")} of {about.total.toLocaleString("en")} {about.split} samples are
        shown. Scroll to zoom, drag to move, hold Shift and draw around points to list them, drag the ring to decode.</p>
      <ScatterView key={only} latent={shown} by={by} chosen={chosen} lasso={setChosen} hover={setHover} pick={pick}
        ring={z && about.plane ? placeOf(about, z) : null} drag={drag} />
      <Legend latent={latent} by={by} />
      {chosen.length > 0 && <Chosen run={run} latent={shown} split={split} chosen={chosen} clear={() => setChosen([])} />}
    </section>
    <aside>
      <Hovered run={run} split={split} row={hover < 0 ? -1 : shown.rows[hover]} error={shown.errors[hover]} />
      <section class="panel" aria-label="Decoded code">
        <h2>Decoded</h2>
        {about.plane ? <DecodedView decoded={decoder.decoded} decoder={decoder} />
          : <p class="quiet">These codes are too large to walk in.</p>}
        {decoder.model?.conditional && <label>Class <select value={kind} onChange={(e) => setKind(
          Number(e.currentTarget.value))}>{about.classes.map(({ name }, i) =>
          <option key={name} value={i}>{name}</option>)}</select></label>}
        {z && <Sliders latent={latent} z={z} set={setZ} />}
      </section>
    </aside>
  </div>;
}

// Points by a word, for those who draw no line around them.
function chosenBy(word: string, { about, errors }: Latent): number[] {
  const all = Array.from({ length: about.count }, (_, i) => i);
  return word === "all" ? all : word === "worst" ? all.sort((a, b) => errors[b] - errors[a]).slice(0, LISTED) : [];
}

interface ChosenProps { run: Run; latent: Latent; split: string; chosen: number[]; clear: () => void }

function Chosen({ run, latent, split, chosen, clear }: ChosenProps) {
  const { about } = latent;
  const rows = chosen.map((i) => latent.rows[i]);
  const save = async (codes: boolean) => saveBlob(await (await request(`/runs/${run.key}/chosen`, { method: "POST",
    ...asJson({ rows, codes, split }) })).blob(), codes ? "codes.csv" : "chosen.csv");
  const listed = chosen.slice(0, LISTED).map((i) => ({ row: latent.rows[i], error: latent.errors[i],
    class: about.classes[latent.labels[i]]?.name ?? "", name: about.names?.[i] ?? "" }));
  return <div role="region" aria-label="Chosen points"><div class="head"><h2>{chosen.length.toLocaleString("en")} points chosen</h2>
    {[false, true].map((codes) => <button key={String(codes)} class="small" onClick={() => void save(codes).catch(complain)}>{
      codes ? "Save their codes" : "Save the list"}</button>)}
    <button class="small" onClick={clear}>Clear</button></div>
    {chosen.length > LISTED && <p class="quiet">The first {LISTED} of them:</p>}
    {about.image && <MakeClass run={run} rows={rows} split={split} />}
    <Strip run={run} samples={listed} image={about.image} split={split} /></div>;
}

export const Legend = ({ latent: { about }, by }: { latent: Latent; by: string }) => by === "class"
  ? <ul class="legend">{about.classes.map(({ name, colour }) => <li key={name}>
    <i class="dot" style={{ background: colour }} />{name}</li>)}</ul>
  : <p class="legend quiet">blue: small errors, yellow: large errors</p>;

function Sliders({ latent: { about }, z, set }: { latent: Latent; z: number[];
  set: (z: number[]) => void }) {
  return <div class="sliders">{about.sliders.map((slider, k) => {
    const value = along(about, z, about.directions![k]);
    return <label key={slider.name}><span>{slider.name}</span><input type="range" min={slider.low}
      max={slider.high} step={(slider.high - slider.low) / 200} value={value} onInput={(e) => set(
        moved(z, [about.directions![k]], [Number(e.currentTarget.value) - value]))} />
      <output>{number(value, 2)}</output></label>;
  })}<button class="small" onClick={() => set(about.middle!)}>Back to the middle</button></div>;
}
