// The form of a training: data, a model as a sentence, settings, and the command that does the same.
import { useEffect, useMemo, useState } from "preact/hooks";
import { get, send } from "./api";
import { Copy } from "./copy";
import { Costs } from "./costs";
import { DataChoice } from "./data_choice";
import { Gallery, type NamedModel } from "./gallery";
import { go } from "./route";
import { readRuns } from "./runs";
import { Groups, type Group, type Part, type Values } from "./settings_form";
import { complain, say } from "./toast";

interface Form { groups: Group[]; sets: Record<string, string>; recipes: { name: string; about: string }[] }
interface Checked { ok: boolean; error?: string; setting?: string; parts?: Record<string, string>;
  command?: string }
const PAUSE = 350;   // ms after the last key before the form is checked

export function TrainPage({ wish }: { wish: URLSearchParams }) {
  const [form, setForm] = useState<Form | null>(null);
  const [parts, setParts] = useState<Record<string, Part[]>>({});
  const [models, setModels] = useState<NamedModel[]>([]);
  const [values, setValues] = useState<Values>({ data: wish.get("data") ?? "", model: "",
    ...Object.fromEntries(["augment", "corruption"].filter((of) => wish.has(of)).map((of) =>
      [of, wish.get(of)])) });
  const [name, setName] = useState("");
  const [checked, setChecked] = useState<Checked | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    get<Form>("/form").then(setForm, complain);
    get<{ parts: Record<string, Part[]>; models: NamedModel[] }>("/parts").then((found) => {
      setParts(found.parts);
      setModels(found.models);
    }, complain);
    const from = wish.get("clone") ? `/runs/${wish.get("clone")}/settings`
      : wish.get("recipe") ? `/recipes/${wish.get("recipe")}` : "";
    if (from) get<{ settings: Values }>(from).then((found) =>
      setValues({ data: "digits", ...found.settings }), complain);
  }, []);
  const set = (setting: string, value: Values[string]) => setValues({ ...values, [setting]: value });
  const filled = useMemo(() => Object.fromEntries(Object.entries(values).filter(
    ([, value]) => value !== "" && value !== null)), [values]);
  useEffect(() => {
    if (!values.data) return setChecked(null);
    const stop = new AbortController();
    const wait = setTimeout(() => void send<Checked>("/check", { settings: filled }, "POST", stop.signal)
      .then(setChecked, () => undefined), PAUSE);
    return () => { clearTimeout(wait); stop.abort(); };
  }, [filled]);
  const start = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const begun = await send<{ name: string; key: string }>("/train", { settings: filled, name });
      say(`The training ${begun.name} begins.`);
      await readRuns([begun.key]);
      go(`/runs/${begun.key}`);
    } catch (error) { complain(error); }
    setBusy(false);
  };
  if (!form) return <p class="quiet">Reading the settings …</p>;
  return <form class="columns train" onSubmit={(e) => void start(e)}>
    <div>
      <div class="head"><h1>Train a model</h1></div>
      <DataChoice sets={form.sets} value={String(values.data ?? "")} set={(data) => set("data", data)} />
      <section>
        <h2>Model</h2>
        <label class="field"><span>Named model, with its arguments</span>
          <input value={String(values.model ?? "")} placeholder="ae" list="models" spellcheck={false}
            class="code" onInput={(e) => set("model", e.currentTarget.value)} /></label>
        <Gallery models={models} chosen={String(values.model ?? "")} choose={(text) => set("model", text)} />
      </section>
      <section><h2>Settings</h2>
        <p class="quiet">Empty fields keep their defaults.</p>
        <Groups groups={form.groups} parts={parts} values={values} set={set}
          wrong={checked?.ok === false ? checked.setting : ""} /></section>
      <Recipes recipes={form.recipes} />
    </div>
    <aside class="sticky">
      <section class="panel">
        <h2>This run</h2>
        <Sentence model={String(values.model || "ae")} checked={checked} data={String(values.data ?? "")} />
        {checked?.ok && <Costs settings={filled} />}
        <label class="field"><span>Name of the run (the next number if empty)</span>
          <input value={name} onInput={(e) => setName(e.currentTarget.value)} /></label>
        <button class="primary large" disabled={busy || !checked?.ok}>
          {busy ? "Starting …" : "Start training"}</button>
        {checked?.command && <><h3>The same from a shell</h3>
          <Copy text={checked.command} label="Command" /></>}
      </section>
    </aside>
    {Object.entries(parts).map(([kind, list]) => <datalist key={kind} id={kind}>
      {list.map((part) => <option key={part.name} value={part.text}>{part.about}</option>)}</datalist>)}
  </form>;
}

// The model as a sentence: what the settings compose, or what is wrong with them.
function Sentence({ model, checked, data }: { model: string; checked: Checked | null; data: string }) {
  if (!checked) return <p class="quiet">{data ? "Checking …" : "Choose data to begin."}</p>;
  if (!checked.ok) return <p class="error" role="alert">{checked.error}</p>;
  const shown = Object.entries(checked.parts ?? {}).filter(([, text]) => text !== "none");
  return <><p class="sentence"><code>{model}</code> is</p>
    <dl class="parts">{shown.map(([name, text]) => <div key={name}><dt>{name}</dt><dd><code>{text}</code></dd>
    </div>)}</dl></>;
}

function Recipes({ recipes }: { recipes: { name: string; about: string }[] }) {
  return <section><h2>Recipes</h2><p class="quiet">Settings that gave a published or measured result.</p>
    <details><summary>{recipes.length} recipes</summary>
      <ul class="lines">{recipes.map((recipe) => <li key={recipe.name}><a
        href={`#/train?recipe=${recipe.name}`}><b>{recipe.name}</b></a>
        <span class="quiet">{recipe.about}</span></li>)}</ul></details></section>;
}
