// A dialog that chooses a folder or file below the folders that the studio may read.
import { useRef, useState } from "preact/hooks";
import { get } from "./api";
import { complain } from "./toast";

interface Entry { name: string; path: string; kind: "folder" | "file" }
interface Folder { path: string; above: string | null; entries: Entry[]; images: number; left_out: number }

export function Chooser({ choose }: { choose: (path: string) => void }) {
  const [single, setSingle] = useState(false);
  const box = useRef<HTMLDialogElement>(null);
  const [folder, setFolder] = useState<Folder | null>(null);
  const open = (path: string) => get<Folder>(`/folders?path=${encodeURIComponent(path)}`)
    .then((found) => { setFolder(found); return found; });
  // A studio has one folder, as a rule: begin in it.
  const begin = () => open("").then((found) => {
    box.current!.showModal();
    setSingle(found.entries.length === 1);
    if (found.entries.length === 1 && !found.images) return open(found.entries[0].path);
  }).catch(complain);
  const take = (path: string) => { box.current!.close(); choose(path); };
  return <>
    <button type="button" onClick={() => void begin()}>
      Choose …</button>
    <dialog ref={box} aria-label="Choose data" class="chooser">
      {folder && <>
        <div class="head"><h2>Choose data</h2><span class="grow" />
          <button type="button" onClick={() => box.current!.close()}>Close</button></div>
        {folder.path && <p class="row"><code class="grow">{folder.path}</code>
          {(folder.above || !single) && <button type="button" class="small" onClick={() =>
            void open(folder.above ?? "").catch(complain)}>Up</button>}</p>}
        {folder.path && <div class="row"><span class="grow quiet">{folder.images.toLocaleString("en")} images
          here</span><button type="button" class="primary" onClick={() => take(folder.path)}>
          Use this folder</button></div>}
        <ul class="lines entries">{folder.entries.map((entry) => <li key={entry.path}>
          <button type="button" class="plain" onClick={() => entry.kind === "folder"
            ? void open(entry.path).catch(complain) : take(entry.path)}>
            <span aria-hidden="true">{entry.kind === "folder" ? "▸ " : "  "}</span>{entry.name}</button>
        </li>)}</ul>
        {folder.left_out > 0 && <p class="quiet">{folder.left_out} more are not shown.</p>}
        {!folder.entries.length && !folder.images && <p class="quiet">Nothing here to train on.</p>}
      </>}
    </dialog>
  </>;
}
