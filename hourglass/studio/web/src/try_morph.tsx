// A way through the latent space: decoded steps between codes, as a strip and under a slider.
import { useEffect, useState } from "preact/hooks";
import { send } from "./api";
import { between } from "./interpolate";
import { Plot } from "./samples";
import { asJson, savePictures, saveText } from "./save";
import { complain } from "./toast";
import type { Encoded } from "./try";
import type { Result } from "./try_work";

interface Decoded { images?: Encoded[]; samples?: (string | number[] | number[][])[] }
const STEPS = 8;   // between two

export function MorphOf({ base, kind, results, codes }: { base: string; kind: string; results: Result[]; codes: number[][] }) {
  if (codes.length < 2) return <p class="quiet">Drop two images or more, to go from each to the next.</p>;
  return <>
    <p class="quiet">From {results.map((result) => result.name).join(" to ")}.</p>
    <Way base={base} kind={kind} codes={codes} />
  </>;
}

export function Way({ base, kind, codes }: { base: string; kind: string; codes: number[][] }) {
  const [found, setFound] = useState<Decoded | null>(null);
  const [at, setAt] = useState(0);
  const wish = { codes: between(codes, STEPS).codes, ...(kind ? { classes: [kind] } : {}) };
  useEffect(() => {
    let stale = false;
    send<Decoded>(`${base}/decode?format=json`, wish).then((decoded) => {
      if (!stale) { setFound(decoded); setAt(0); }
    }, complain);
    return () => { stale = true; };
  }, [base, kind, JSON.stringify(codes)]);
  if (!found) return <p class="quiet" role="status">Decoding …</p>;
  const count = (found.images ?? found.samples!).length;
  const here = Math.min(at, count - 1);
  return <>
    <div class="way">
      <div>{found.images ? <img class="decoded pixelated" src={`data:image/png;base64,${found.images[here].png}`}
        alt={`Step ${here + 1} of ${count}`} /> : <Sample value={found.samples![here]} />}
        <label class="slider"><span>Step {here + 1} of {count}</span><input type="range" min={0} max={count - 1} value={here}
          onInput={(e) => setAt(Number(e.currentTarget.value))} /></label></div>
      <Steps found={found} here={here} set={setAt} />
    </div>
    <button onClick={() => void (found.images ? savePictures(`${base}/decode`, asJson(wish), count, "morph").catch(complain)
      : saveText(`${found.samples!.map((each) => JSON.stringify(each)).join("\n")}\n`, "morph.txt"))}>Download the steps</button>
  </>;
}

function Steps({ found, here, set }: { found: Decoded; here: number; set: (at: number) => void }) {
  return found.images ? <ul class="samples grow">{found.images.map((image, i) => <li key={i}><button class="plain"
    aria-label={`Show step ${i + 1}`} aria-pressed={i === here} onClick={() => set(i)}><img class="pixelated" alt=""
      src={`data:image/png;base64,${image.png}`} /></button></li>)}</ul>
    : <ol class="texts grow">{typeof found.samples![0] === "string" && found.samples!.map((text, i) => <li key={i}>{text as string}</li>)}</ol>;
}

export function Sample({ value }: { value: string | number[] | number[][] | object }) {
  if (typeof value === "string") return <p>{value}</p>;
  if (!Array.isArray(value)) return <dl class="parts">{Object.entries(value).map(([name, cell]) => <div key={name}><dt>{name}</dt>
    <dd>{typeof cell === "number" ? Number(cell.toPrecision(4)) : String(cell)}</dd></div>)}</dl>;
  const lines = Array.isArray(value[0]) ? (value[0] as number[]).map((_, i) => (value as number[][]).map((step) => step[i]))
    : [value as number[]];
  return <Plot lines={lines} />;
}
