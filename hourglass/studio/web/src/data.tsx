// Data: choose or drop it, and look at it before training.
import { useState } from "preact/hooks";
import { send } from "./api";
import { Chooser } from "./chooser";
import { Drop, type Dropped } from "./drop";
import { Preview } from "./preview";
import { upload } from "./upload";

interface Look { data: string; lines: { kind: string; text: string }[]; sheet: string }

export function DataPage() {
  const [data, setData] = useState("");
  const [look, setLook] = useState<Look | null>(null);
  const [busy, setBusy] = useState("");
  const [problem, setProblem] = useState("");
  const [folder, setFolder] = useState("");
  const [before, setBefore] = useState(0);
  const [refused, setRefused] = useState<{ name: string; why: string }[]>([]);
  const show = async (of: string) => {
    setData(of);
    setBusy("Reading the data …");
    setProblem("");
    setLook(null);
    try { setLook(await send<Look>("/look", { settings: { data: of } })); }
    catch (error) { setProblem((error as Error).message); }
    setBusy("");
  };
  const keep = async (files: Dropped[]) => {
    setProblem("");
    setRefused([]);
    setBefore(0);
    try {
      const kept = await upload(folder.trim() || nameOf(files), files,
        (done) => setBusy(`Uploading ${done} of ${files.length} files …`));
      setRefused(kept.refused);
      setBefore(kept.before);
      if (kept.saved) return await show(kept.path);
      setProblem("None of these files can be used.");
    } catch (error) { setProblem((error as Error).message); }
    setBusy("");
  };
  return <>
    <div class="head"><h1>Data</h1></div>
    <div class="columns even">
      <section class="panel">
        <h2>Your own</h2>
        <label class="field"><span>Name for the new folder below data/</span>
          <input value={folder} placeholder="the dropped folder's name"
            onInput={(e) => setFolder(e.currentTarget.value)} /></label>
        <Drop take={(files) => void keep(files)} accept="image/*,.csv,.tsv,.txt,.npy,.npz,.zip,.parquet"
          words="Drop images, a folder of them, a table, an array or a text file" folders />
      </section>
      <section class="panel">
        <h2>On this machine</h2>
        <form class="row" onSubmit={(e) => { e.preventDefault(); void show(data); }}>
          <label class="field grow"><span>A set by name, or a folder or file</span>
            <input class="code" value={data} placeholder="digits" spellcheck={false}
              onInput={(e) => setData(e.currentTarget.value)} /></label>
          <Chooser choose={(path) => void show(path)} />
          <button class="primary" disabled={!data || Boolean(busy)}>Look</button>
        </form>
      </section>
    </div>
    {busy && <p class="quiet" role="status">{busy}</p>}
    {problem && <p class="alert" role="alert">{problem}</p>}
    {before > 0 && <p class="alert">This folder held {before} {before === 1 ? "file" : "files"} already, which are still there. To begin
      anew, type another name for the folder and drop again.</p>}
    {refused.length > 0 && <details class="alert" open={refused.length < 4}>
      <summary>{refused.length} {refused.length === 1 ? "file was" : "files were"} left out</summary>
      <ul>{refused.map((file) => <li key={file.name}>{file.name}: {file.why}</li>)}</ul></details>}
    {look && <section>
      <div class="head"><h2>{look.data}</h2><span class="grow" />
        <a class="button primary" href={`#/train?data=${encodeURIComponent(look.data)}`}>Train on this</a>
      </div>
      <ul class="facts-list">{look.lines.map((line) => <li key={line.text} class={line.kind}>
        {line.kind && <b>{line.kind} </b>}{line.text}</li>)}</ul>
      {look.sheet && <div class="picture figure"><img src={`data:image/png;base64,${look.sheet}`}
        alt="Contact sheet of the data set" /></div>}
      {look.sheet && <Preview key={look.data} data={look.data} />}
    </section>}
  </>;
}

// The name of a dropped folder, or of the first file.
function nameOf(files: Dropped[]): string {
  const first = files[0].name.split("/");
  const name = first.length > 1 ? first[0] : first[0].replace(/\.\w+$/, "");
  return name.replace(/[^\w .+-]/gu, "-").replace(/^[ .+-]+|[ .]+$/g, "").slice(0, 80) || "uploads";
}
