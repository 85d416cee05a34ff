// A place to drop, paste or choose files; whole folders, too.
import { useEffect, useRef, useState } from "preact/hooks";

export interface Dropped { name: string; file: File }   // the name has the folders before it

interface Props { take: (files: Dropped[]) => void; accept: string; words: string; folders?: boolean;
  paste?: boolean; text?: boolean }   // cells that were copied from a spreadsheet, too

export function Drop({ take, accept, words, folders, paste, text }: Props) {
  const [over, setOver] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const whole = useRef<HTMLInputElement>(null);
  const chosen = (input: HTMLInputElement) => {
    const list = [...input.files ?? []].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
    input.value = "";
    if (list.length) take(list);
  };
  useEffect(() => {
    if (!paste) return;
    const hear = (event: ClipboardEvent) => {
      const list = [...event.clipboardData?.files ?? []].map((file) => ({ name: file.name, file }));
      const cells = event.clipboardData?.getData("text/plain") ?? "";
      const typing = event.target instanceof HTMLInputElement;
      if (list.length) take(list);
      else if (text && cells.includes("\n") && !typing) {
        take([{ name: "pasted.csv", file: new File([cells], "pasted.csv") }]);
      }
    };
    addEventListener("paste", hear);
    return () => removeEventListener("paste", hear);
  }, [paste, text, take]);
  return <div class={over ? "drop over" : "drop"} onDragOver={(e) => { e.preventDefault(); setOver(true); }}
    onDragLeave={() => setOver(false)} onDrop={(e) => {
      e.preventDefault();
      setOver(false);
      void gather(e.dataTransfer!).then((list) => { if (list.length) take(list); });
    }}>
    <p>{words}{text ? ", or paste cells" : paste ? ", or paste one" : ""}</p>
    <div class="row">
      <button type="button" onClick={() => files.current!.click()}>Choose files</button>
      {folders && <button type="button" onClick={() => whole.current!.click()}>Choose a folder</button>}
    </div>
    <input ref={files} type="file" multiple hidden accept={accept} aria-label={words}
      onChange={(e) => chosen(e.currentTarget)} />
    {folders && <input ref={whole} type="file" hidden aria-label="A whole folder"
      {...{ webkitdirectory: true }} onChange={(e) => chosen(e.currentTarget)} />}
  </div>;
}

async function gather(data: DataTransfer): Promise<Dropped[]> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (!entries.length) return [...data.files].map((file) => ({ name: file.name, file }));
  return (await Promise.all(entries.map((entry) => walk(entry, "")))).flat();
}

async function walk(entry: FileSystemEntry, above: string): Promise<Dropped[]> {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) {
    const file = await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail));
    return [{ name: above + entry.name, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Dropped[] = [];
  for (;;) {   // a reader gives a hundred at a time
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    for (const inner of some) found.push(...await walk(inner, `${above}${entry.name}/`));
  }
}
