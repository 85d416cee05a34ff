// What a code decodes to: by the page itself where it can, else by the studio.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, send } from "./api";
import { shaped, type Latent } from "./latent_data";
import { startDecode, type Decode } from "./onnx";
import type { Run } from "./runs";
import { Plot } from "./samples";
import { complain } from "./toast";

export interface Decoded { png?: string; line?: number[]; pixels?: Float32Array; row?: Record<string, unknown> }
interface Model { kind: string; conditional: boolean; shape: number[] }
interface Answer { images?: { png: string }[]; samples?: (number[] | Record<string, unknown>)[] }
const ALT = "What the code decodes to";

// How codes of a run are decoded, and why not in the page, if that is known.
export interface Decoder { model: Model | null; here: { decode: Decode } | null; why: string }

function useDecoder(run: Run, latent: Latent): Decoder {
  const [model, setModel] = useState<Model | null>(null);
  const [here, setHere] = useState<{ decode: Decode } | null>(null);
  const [why, setWhy] = useState("");
  const { about } = latent;
  useEffect(() => {
    let gone = false;
    if (!about.plane) return;
    void (async () => {
      const found = await get<Model>(`/model/${run.key}/v1/model`);
      if (gone) return;
      setModel(found);
      try {
        const reason = unfit(found);
        if (reason) throw new Error(reason);
        const decode = await startDecode(run.key, about.code, found.conditional);
        if (!gone) setHere({ decode });
      } catch (error) { if (!gone) setWhy((error as Error).message); }
    })().catch(complain);
    return () => { gone = true; };
  }, [run.key, latent]);
  return { model, here, why };
}

// Why samples of this kind are better decoded by the studio; "" if they are not.
function unfit({ kind, shape }: Model): string {
  if (kind === "images") return [1, 3].includes(shape[0]) ? "" : `it lays out ${shape[0]} channels`;
  return kind === "arrays" ? "" : "it knows the columns and their units";
}

// Decodes the newest code; while one is under way, those between are left out.
export function useDecoded(run: Run, latent: Latent, z: number[] | null, kind: number): Decoder & { decoded: Decoded } {
  const decoder = useDecoder(run, latent);
  const [decoded, setDecoded] = useState<Decoded>({});
  const next = useRef<(() => Promise<Decoded>) | null>(null);
  const busy = useRef(false);
  const { model, here } = decoder;
  useEffect(() => {
    if (!z || !model) return;
    next.current = here ? async () => {
      const values = await here.decode(z, kind);
      return model.kind === "images" ? { pixels: values } : { line: [...values] };
    } : () => byStudio(run, latent, z, model, kind);
    if (busy.current) return;
    busy.current = true;
    void (async () => {
      while (next.current) {
        const work = next.current;
        next.current = null;
        await work().then(setDecoded, complain);
      }
      busy.current = false;
    })();
  }, [z, model, here, kind]);
  return { ...decoder, decoded };
}

async function byStudio(run: Run, { about }: Latent, z: number[], model: Model, kind: number): Promise<Decoded> {
  const wish = { codes: [shaped(z, about.code)],
    ...(model.conditional ? { classes: [about.classes[kind].name] } : {}) };
  const found = await send<Answer>(`/model/${run.key}/v1/decode?format=json`, wish);
  if (found.images) return { png: found.images[0].png };
  const sample = found.samples![0];
  if (typeof sample === "string") return { row: { line: sample } };
  return Array.isArray(sample) ? { line: sample.flat(2) } : { row: sample };
}

export function DecodedView({ decoded, decoder }: { decoded: Decoded; decoder: Decoder }) {
  const { model, here, why } = decoder;
  return <>
    {decoded.pixels && model ? <Pixels values={decoded.pixels} shape={model.shape} />
      : decoded.png ? <img class="decoded pixelated" src={`data:image/png;base64,${decoded.png}`} alt={ALT} />
      : decoded.line ? <div role="img" aria-label={ALT}><Plot lines={[decoded.line]} /></div>
      : decoded.row ? <dl class="figures">{Object.entries(decoded.row).map(([name, value]) => <div key={name}>
        <dt>{name}</dt><dd>{String(value)}</dd></div>)}</dl>
      : <p class="quiet">Loading the model …</p>}
    <p class="quiet" role="status">{here ? "Decoded in the page." : why ? `Decoded by the studio: ${why}` : ""}</p>
  </>;
}

// An image (C, H, W) in [0, 1], pixel by pixel.
function Pixels({ values, shape: [channels, height, width] }: { values: Float32Array; shape: number[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const picture = new ImageData(width, height);
    const size = height * width;
    for (let i = 0; i < size; i++) {
      for (let c = 0; c < 3; c++) picture.data[4 * i + c] = 255 * values[(channels === 3 ? c * size : 0) + i];
      picture.data[4 * i + 3] = 255;
    }
    canvas.current!.getContext("2d", { willReadFrequently: true })!.putImageData(picture, 0, 0);
  }, [values]);
  return <canvas ref={canvas} width={width} height={height} class="decoded pixelated" role="img" aria-label={ALT} />;
}
