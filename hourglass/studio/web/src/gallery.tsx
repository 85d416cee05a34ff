// The named models: each with a sentence, and a small picture of what it is composed of.
import { useState } from "preact/hooks";

export interface NamedModel { name: string; text: string; about: string; parts: Record<string, string> }
const FIRST = ["ae", "vae", "beta_vae", "dae", "vq_vae", "wae_mmd"];

export function Gallery({ models, chosen, choose }: { models: NamedModel[]; chosen: string;
  choose: (text: string) => void }) {
  const [filter, setFilter] = useState("");
  const [all, setAll] = useState(false);
  if (!models.length) return <p class="quiet" aria-busy="true">Reading the models …</p>;
  const fit = models.filter((model) =>
    `${model.name} ${model.about}`.toLowerCase().includes(filter.toLowerCase()));
  const few = !all && !filter;
  const shown = few ? FIRST.map((name) => fit.find((model) => model.name === name)!).filter(Boolean) : fit;
  const name = chosen.split("(")[0];
  return <>
    <input type="search" value={filter} aria-label="Search models" placeholder={
      `Search ${models.length} models: sparse, discrete, sphere …`}
      onInput={(e) => setFilter(e.currentTarget.value)} />
    <ul class="gallery">{shown.map((model) => <li key={model.name}>
      <button type="button" aria-pressed={name === model.name} onClick={() => choose(model.text)}>
        <Diagram parts={model.parts} />
        <b>{model.name}</b><span class="quiet">{model.about.replaceAll("`", "")}</span></button></li>)}</ul>
    {few && <button type="button" class="more" onClick={() => setAll(true)}>
      Show all {models.length} models</button>}
    {!shown.length && <p class="quiet">No model fits.</p>}
  </>;
}

// Encoder, bottleneck and decoder. Its middle says the kind of latent space.
function Diagram({ parts }: { parts: Record<string, string> }) {
  const kind = (parts.bottleneck ?? "").split("(")[0];
  const discrete = /vq|fsq|lfq|categorical|bsq|residual|tokens/.test(kind);
  const round = /gaussian|sphere|hyper|vmf|spherical|wrapped|ball|prior|mixture|laplace/.test(kind);
  const noisy = parts.corruption !== undefined;
  return <svg class="diagram" viewBox="0 0 92 32" width="92" height="32" aria-hidden="true">
    <rect x="1" y="4" width="6" height="24" class={noisy ? "noisy" : ""} />
    <path d="M12 4l24 7v10l-24 7z" />
    {discrete ? [0, 1, 2].map((i) => <rect key={i} x="42" y={7 + i * 7} width="8" height="4" class="full" />)
      : round ? <circle cx="46" cy="16" r="6" class="full" /> : <rect x="42" y="10" width="8" height="12"
        class="full" />}
    <path d="M56 11l24-7v24l-24-7z" /><rect x="85" y="4" width="6" height="24" />
  </svg>;
}
