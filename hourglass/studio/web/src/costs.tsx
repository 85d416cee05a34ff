// What the form's model costs: parameters, multiply-adds, memory, and each layer.
import { useEffect, useState } from "preact/hooks";
import { send } from "./api";
import { bytes } from "./format";
import type { Values } from "./settings_form";

interface Layer { name: string; kind: string; shape: number[]; parameters: number; multiply_adds: number }
interface Found { ok: boolean; error?: string; parameters: Record<string, number>; notes: string[];
  multiply_adds: Record<string, number>; memory: number; batch: number; shape: number[];
  samples: Record<string, number>; layers: Layer[] }
const PAUSE = 300;   // ms after the form was checked

export function Costs({ settings }: { settings: Values }) {
  const [found, setFound] = useState<Found | null>(null);
  const [busy, setBusy] = useState(true);
  useEffect(() => {
    const stop = new AbortController();
    setBusy(true);
    const wait = setTimeout(() => void send<Found>("/costs", { settings }, "POST", stop.signal).then(
      (costs) => { setFound(costs); setBusy(false); }, () => { if (!stop.signal.aborted) setBusy(false); }),
    PAUSE);
    return () => { clearTimeout(wait); stop.abort(); };
  }, [settings]);
  if (!found) return busy ? <p class="quiet" role="status">Reading the data for the model's costs …</p> : null;
  if (!found.ok) return <p class="alert" role="alert">{found.error}</p>;
  const whole = (of: Record<string, number>) => of.whole.toLocaleString("en");
  return <div aria-busy={busy}>
    <dl class="figures"><div><dt>parameters</dt><dd>{whole(found.parameters)}</dd></div>
      <div><dt>multiply-adds</dt><dd>{whole(found.multiply_adds)}</dd></div>
      <div><dt>memory at batch {found.batch}</dt><dd>{bytes(found.memory)}</dd></div></dl>
    <p class="quiet">{Object.entries(found.samples).map(([name, n]) => `${n.toLocaleString("en")} ${name}`)
      .join(", ")} samples of {found.shape.join(" x ")}</p>
    <details><summary>{found.layers.length} layers</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label="Layers"><table class="runs"><thead><tr>
        {["Layer", "Kind", "Output", "Parameters"].map((name) => <th scope="col" key={name}>{name}</th>)}
      </tr></thead><tbody>{found.layers.map((layer) => <tr key={layer.name}><td>{layer.name}</td>
        <td>{layer.kind}</td><td>{layer.shape.join(" x ")}</td>
        <td class="number">{layer.parameters.toLocaleString("en")}</td></tr>)}</tbody></table></div></details>
  </div>;
}
