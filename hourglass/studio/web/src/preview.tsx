// What an augmentation and a corruption do to some samples of a data set.
import { useEffect, useState } from "preact/hooks";
import { get, request } from "./api";
import type { Part } from "./settings_form";
import { complain } from "./toast";

const PAUSE = 400;   // ms after the last key

export function Preview({ data }: { data: string }) {
  const [parts, setParts] = useState<Record<string, Part[]>>({});
  const [augment, setAugment] = useState("");
  const [corruption, setCorruption] = useState("");
  const [picture, setPicture] = useState("");
  const [problem, setProblem] = useState("");
  useEffect(() => {
    get<{ parts: Record<string, Part[]> }>("/parts").then((found) => setParts(found.parts), complain);
  }, []);
  const settings = { data, ...(augment ? { augment } : {}), ...(corruption ? { corruption } : {}) };
  useEffect(() => {
    if (!augment && !corruption) return setPicture("");
    const stop = new AbortController();
    const wait = setTimeout(() => void request("/preview", { method: "POST", signal: stop.signal,
      headers: { "Content-Type": "application/json" }, body: JSON.stringify({ settings }) })
      .then((answer) => answer.blob()).then((blob) => { setProblem("");
        setPicture(URL.createObjectURL(blob)); }, (error) => {
        if (!stop.signal.aborted) setProblem(error.message); }), PAUSE);
    return () => { clearTimeout(wait); stop.abort(); };
  }, [augment, corruption]);
  useEffect(() => () => { if (picture) URL.revokeObjectURL(picture); }, [picture]);
  const rows = ["as they are", ...(augment ? ["augmented"] : []), ...(corruption ? ["corrupted"] : [])];
  return <section><h3>Augmentations and corruptions</h3>
    <p class="quiet">Augmentations vary training samples. A corruption is what the model learns to undo.</p>
    <div class="pairs">
      <label class="field"><span>Augmentation</span><input class="code" list="augmentations" value={augment}
        placeholder="shift(2) + rotate(10)" spellcheck={false}
        onInput={(e) => setAugment(e.currentTarget.value)} /></label>
      <label class="field"><span>Corruption</span><input class="code" list="corruptions" value={corruption}
        placeholder="noise(0.3)" spellcheck={false}
        onInput={(e) => setCorruption(e.currentTarget.value)} /></label></div>
    {["augmentations", "corruptions"].map((kind) => <datalist key={kind} id={kind}>{(parts[kind] ?? []).map(
      (part) => <option key={part.name} value={part.text}>{part.about}</option>)}</datalist>)}
    {problem && <p class="alert" role="alert">{problem}</p>}
    {picture && <><div class="sheet"><img class="pixelated" src={picture}
      alt={`Ten samples: ${rows.join(", then ")}`} /></div>
      <p class="row"><span class="quiet grow">Rows: {rows.join(", ")}.</span><a class="button" href={
        `#/train?${new URLSearchParams(settings)}`}>Train with these</a></p></>}
  </section>;
}
