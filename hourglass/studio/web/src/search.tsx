// Searches: those of the folder, and the form of a new one, whose settings may have holes.
import { useEffect, useMemo, useState } from "preact/hooks";
import { get, send } from "./api";
import { Cards } from "./cards";
import { Copy } from "./copy";
import { DataChoice } from "./data_choice";
import { go } from "./route";
import { isLive, listing, readRuns } from "./runs";
import { Groups, type Group, type Part, type Values } from "./settings_form";
import { useSignal } from "./signal";
import { complain, say } from "./toast";
import { FailedJobs, WaitingJobs } from "./work";

interface Form { groups: Group[]; sets: Record<string, string> }
interface Checked { ok: boolean; error?: string; setting?: string; holes?: Record<string, string>;
  count?: number | null; lines?: string[]; whole?: boolean; command?: string }
const PAUSE = 350;   // ms after the last key before the form is checked
const LEFT_OUT = ["minutes", "tensorboard"];   // settings that a search has not
const HINTS: [string, string, string][] = [["model", "vae({2..64})", "size of the code"],
  ["lr", "{1e-4..1e-2}", "learning rate"], ["backbone", "{mlp(128)|mlp(256, 128)|conv}", "backbone"],
  ["loss", "recon + {0.1..4} * kl", "weight of the KL term"], ["batch_size", "{32|128|512}", "batch size"]];
const OPTIONS: [string, string, string][] = [
  ["trials", "50", "Number of trials, pruned ones included."],
  ["minutes", "", "Time limit of the search in minutes."],
  ["metric", "val_loss", "What to minimise on the validation split, or two objectives: mse,parameters."],
  ["target", "", "End when the metric reaches this value."],
  ["limit", "", "Train only models within a bound, such as parameters <= 4723."],
  ["prune", "asha", "How trials are stopped early: asha, hyperband, median or none."],
  ["workers", "1", "Trials at the same time, each with its share of the cores."]];
const WORDS = ["metric", "limit", "prune"];   // options that are no numbers

export function SearchPage({ wish }: { wish: URLSearchParams }) {
  const all = useSignal(listing);
  const studies = all ? [...all.runs.values()].filter((run) => run.kind === "study").sort(
    (a, b) => Number(isLive(b)) - Number(isLive(a)) || b.changed - a.changed) : [];
  return <>
    <div class="head"><h1>Search</h1></div>
    {all && <><WaitingJobs jobs={all.waiting} /><FailedJobs jobs={all.failed} /></>}
    {studies.length > 0 && <section><h2>Searches here</h2>
      <Cards runs={studies} chosen={new Set()} choose={() => undefined} /></section>}
    <NewSearch wish={wish} />
  </>;
}

function NewSearch({ wish }: { wish: URLSearchParams }) {
  const [form, setForm] = useState<Form | null>(null);
  const [parts, setParts] = useState<Record<string, Part[]>>({});
  const [values, setValues] = useState<Values>({ data: wish.get("data") ?? "", model: "ae({4..64})",
    lr: "{1e-4..1e-2}" });
  const [options, setOptions] = useState<Values>({});
  const [name, setName] = useState("");
  const [checked, setChecked] = useState<Checked | null>(null);
  const [busy, setBusy] = useState("");
  useEffect(() => {
    get<Form>("/form").then(setForm, complain);
    get<{ parts: Record<string, Part[]> }>("/parts").then((found) => setParts(found.parts), complain);
  }, []);
  const body = useMemo(() => ({ settings: filled(values), options: filled(options) }), [values, options]);
  useEffect(() => {
    setChecked(null);
    if (!values.data) return;
    const stop = new AbortController();
    const wait = setTimeout(() => void send<Checked>("/search/check", body, "POST", stop.signal)
      .then(setChecked, () => undefined), PAUSE);
    return () => { clearTimeout(wait); stop.abort(); };
  }, [body]);
  const set = (setting: string, value: Values[string]) => setValues({ ...values, [setting]: value });
  const look = async () => {
    setBusy("Reading the data …");
    await send<Checked>("/search/check", { ...body, whole: true }).then(setChecked, complain);
    setBusy("");
  };
  const start = async (event: Event) => {
    event.preventDefault();
    setBusy("Checking, then starting …");
    try {
      const begun = await send<{ name: string; key: string }>("/search", { ...body, name });
      say(`The search ${begun.name} begins.`);
      await readRuns([begun.key]);
      go(`/studies/${begun.key}`);
    } catch (error) { complain(error); }
    setBusy("");
  };
  if (!form) return <p class="quiet">Reading the settings …</p>;
  const groups = form.groups.map((group) => ({ ...group, settings: group.settings.filter((field) =>
    !LEFT_OUT.includes(field.name)) }));
  return <form class="columns train" onSubmit={(e) => void start(e)}>
    <div>
      <h2>A new search</h2>
      <DataChoice sets={form.sets} value={String(values.data ?? "")} set={(data) => set("data", data)} />
      <section>
        <h3>Model and holes</h3>
        <p class="quiet">A hole is a range such as <code>{"{4..64}"}</code>, or choices such
          as <code>{"{relu|gelu}"}</code>. It may stand in the model and in any setting below.</p>
        <label class="field"><span>Named model, with its arguments</span>
          <input value={String(values.model ?? "")} placeholder="ae" list="models" spellcheck={false}
            class="code" aria-invalid={checked?.setting === "model"}
            onInput={(e) => set("model", e.currentTarget.value)} /></label>
        <div class="chips">{HINTS.map(([setting, text, about]) => <button type="button" key={setting}
          aria-pressed={values[setting] === text} title={`${setting} = ${text}`}
          onClick={() => set(setting, values[setting] === text ? "" : text)}>{about}</button>)}</div>
      </section>
      <section><h3>Settings</h3>
        <p class="quiet">Empty fields keep their defaults.</p>
        <Groups groups={groups} parts={parts} values={values} set={set} holes
          wrong={checked?.ok === false ? checked.setting : ""} /></section>
    </div>
    <aside class="sticky"><section class="panel">
      <h2>This search</h2>
      <Holes checked={checked} data={String(values.data ?? "")} />
      <div class="pairs">{OPTIONS.map(([option, usual, about]) => <label class="field" key={option}>
        <span>{option}</span><input value={String(options[option] ?? "")} placeholder={usual} class="code"
          spellcheck={false} aria-describedby={`about-${option}`} onInput={(e) => setOptions({ ...options,
            [option]: typed(option, e.currentTarget.value) })} />
        <small id={`about-${option}`}>{about}</small></label>)}</div>
      <label class="field"><span>Name of the search (the next number if empty)</span>
        <input value={name} onInput={(e) => setName(e.currentTarget.value)} /></label>
      <button type="button" class="wide-button" disabled={Boolean(busy) || !checked?.ok} onClick={() => void look()}>
        Check with the data</button>
      <button class="primary large" disabled={Boolean(busy) || !checked?.ok}>Start the search</button>
      {busy && <p class="quiet" role="status">{busy}</p>}
      {checked?.whole && <ul class="facts-list">{checked.lines!.map((line) => <li key={line}>{line}</li>)}
      </ul>}
      {checked?.command && <><h3>The same from a shell</h3><Copy text={checked.command} label="Command" />
      </>}
    </section></aside>
    {Object.entries(parts).map(([kind, list]) => <datalist key={kind} id={kind}>
      {list.map((part) => <option key={part.name} value={part.text}>{part.about}</option>)}</datalist>)}
  </form>;
}

function Holes({ checked, data }: { checked: Checked | null; data: string }) {
  if (!checked) return <p class="quiet">{data ? "Checking …" : "Choose data to begin."}</p>;
  if (!checked.ok) return <p class="error" role="alert">{checked.error}</p>;
  const holes = Object.entries(checked.holes!);
  if (!holes.length) return <p class="quiet">No setting has a hole, so the default space of the model is
    searched.</p>;
  return <><p class="sentence">{holes.length} {holes.length === 1 ? "hole" : "holes"}, {checked.count
    ? checked.count.toLocaleString("en") : "infinitely many"} configurations</p>
    <dl class="parts">{holes.map(([name, text]) => <div key={name}><dt>{name}</dt><dd>{text}</dd></div>)}</dl>
  </>;
}

export const filled = (values: Values): Values => Object.fromEntries(Object.entries(values).filter(
  ([, value]) => value !== "" && value !== null));

export function typed(option: string, text: string): Values[string] {
  if (WORDS.includes(option) || text.trim() === "") return text;
  return Number.isFinite(Number(text)) ? Number(text) : text;
}
