// The latent space: points to pan, zoom and lasso; a code to drag, which is decoded at once.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, request } from "./api";
import { DecodedView, useDecoded } from "./decoded";
import { number } from "./format";
import { along, moved, placeOf, readLatent, type Latent } from "./latent_data";
import { MakeClass } from "./make_class";
import { asJson, saveBlob } from "./save";
import { Strip } from "./samples";
import type { Details } from "./run";
import type { Run } from "./runs";
import { ScatterView } from "./scatter";
import { complain } from "./toast";

export function LatentTab({ run, details }: { run: Run; details: Details }) {
  const [latent, setLatent] = useState<Latent | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (details.has_snapshot) readLatent(run.key).then(setLatent, (error) => setProblem(error.message));
  }, [run.key, details.has_snapshot]);
  if (!details.has_snapshot) return <p class="quiet">The latent space is here once the report is written.</p>;
  if (problem) return <p class="alert" role="alert">{problem}</p>;
  if (!latent) return <p class="quiet">Reading the codes …</p>;
  return <Space run={run} latent={latent} />;
}

function Space({ run, latent }: { run: Run; latent: Latent }) {
  const { about } = latent;
  const [z, setZ] = useState<number[] | null>(about.middle);
  const [by, setBy] = useState(about.classes.length > 1 ? "class" : "error");
  const [chosen, setChosen] = useState<number[]>([]);
  const [hover, setHover] = useState(-1);
  const [kind, setKind] = useState(0);
  const sheet = useThumbnails(run, about.image);
  const decoder = useDecoded(run, latent, z, kind);
  const pick = useCallback((i: number) => void get<{ code: number[] }>(
    `/runs/${run.key}/codes/${about.rows[i]}`).then((found) => setZ(found.code), complain), [run.key]);
  const drag = useCallback((x: number, y: number) => setZ((from) => {
    if (!from || !about.plane) return from;
    const [u, v] = placeOf(about, from);
    return moved(from, about.plane, [x - u, y - v]);
  }), [about]);
  const listed = chosen.slice(0, 24).map((i) => ({ row: about.rows[i], error: latent.errors[i],
    class: about.classes[latent.labels[i]]?.name ?? "", name: about.names?.[i] ?? "" }));
  return <div class="columns latent">
    <section>
      <div class="tools">
        <label>Colour <select value={by} onChange={(e) => setBy(e.currentTarget.value)}>
          {about.classes.length > 1 && <option value="class">class</option>}
          <option value="error">error</option></select></label>
        <span class="quiet">{about.count.toLocaleString("en")} {about.split} samples. Scroll to zoom, drag to
          move, hold Shift and draw around points to list them, drag the ring to decode.</span></div>
      <ScatterView latent={latent} by={by} chosen={chosen} lasso={setChosen} hover={setHover} pick={pick}
        ring={z && about.plane ? placeOf(about, z) : null} drag={drag} />
      <Legend latent={latent} by={by} />
      {chosen.length > 0 && <div><div class="head"><h2>{chosen.length} points chosen</h2>
        {[false, true].map((codes) => <button key={String(codes)} class="small" onClick={() =>
          void saveChosen(run, latent, chosen, codes).catch(complain)}>{codes ? "Save their codes"
            : "Save the list"}</button>)}
        <button class="small" onClick={() => setChosen([])}>Clear</button></div>
        {about.image && <MakeClass run={run} rows={chosen.map((i) => about.rows[i])} />}
        <Strip run={run} samples={listed} image={about.image} /></div>}
    </section>
    <aside>
      <section class="panel" aria-label="Decoded code">
        <h2>Decoded</h2>
        {about.plane ? <DecodedView decoded={decoder.decoded} decoder={decoder} />
          : <p class="quiet">These codes are too large to walk in.</p>}
        {decoder.model?.conditional && <label>Class <select value={kind} onChange={(e) => setKind(
          Number(e.currentTarget.value))}>{about.classes.map(({ name }, i) =>
          <option key={name} value={i}>{name}</option>)}</select></label>}
        {z && <Sliders latent={latent} z={z} set={setZ} />}
      </section>
      <section class="panel hovered" aria-live="off">
        <h2>Sample</h2>
        {hover < 0 ? <p class="quiet">Point at a sample to see it; click to decode its code.</p> : <>
          {sheet && about.rows[hover] < 4096 && <Thumbnail sheet={sheet} row={about.rows[hover]} />}
          <p>{about.classes[latent.labels[hover]]?.name ?? ""} {about.names?.[hover] ?? `sample ${
            about.rows[hover]}`}<br /><span class="quiet">error {number(latent.errors[hover], 3)}</span></p></>}
      </section>
    </aside>
  </div>;
}

export const Legend = ({ latent: { about }, by }: { latent: Latent; by: string }) => by === "class"
  ? <ul class="legend">{about.classes.map(({ name, colour }) => <li key={name}>
    <i class="dot" style={{ background: colour }} />{name}</li>)}</ul>
  : <p class="legend quiet">dark: small errors, bright: large errors</p>;

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

function useThumbnails(run: Run, image: boolean): ImageBitmap | null {
  const [sheet, setSheet] = useState<ImageBitmap | null>(null);
  useEffect(() => {
    if (image) void request(`/runs/${run.key}/thumbnails`).then((answer) => answer.blob())
      .then((blob) => createImageBitmap(blob)).then(setSheet, complain);
  }, [run.key, image]);
  return sheet;
}

function Thumbnail({ sheet, row }: { sheet: ImageBitmap; row: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    canvas.current!.getContext("2d")!.drawImage(sheet, row % 64 * 32, Math.floor(row / 64) * 32, 32, 32,
      0, 0, 32, 32);
  }, [sheet, row]);
  return <canvas ref={canvas} width={32} height={32} class="thumbnail pixelated" />;
}

// The chosen samples as a file, with their codes or without.
async function saveChosen(run: Run, { about }: Latent, chosen: number[], codes: boolean): Promise<void> {
  const answer = await request(`/runs/${run.key}/chosen`, { method: "POST",
    ...asJson({ rows: chosen.map((i) => about.rows[i]), codes }) });
  saveBlob(await answer.blob(), codes ? "codes.csv" : "chosen.csv");
}
