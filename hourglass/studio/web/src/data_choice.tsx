// The field of a form that names the data: a set by name, or a folder or file.
import { Chooser } from "./chooser";

export function DataChoice({ sets, value, set }: { sets: Record<string, string>; value: string;
  set: (data: string) => void }) {
  return <section>
    <h2>Data</h2>
    <div class="row"><label class="field grow"><span>A set by name, or a folder or file</span>
      <input value={value} class="code" spellcheck={false} placeholder="digits"
        onInput={(e) => set(e.currentTarget.value)} /></label>
      <Chooser choose={set} /></div>
    <div class="chips">{Object.entries(sets).map(([name, about]) => <button type="button" key={name}
      title={about} aria-pressed={value === name} onClick={() => set(name)}>{name}</button>)}
      <a class="quiet" href="#/data">Upload files or look at a set</a></div>
    {sets[value] && <p class="quiet">{sets[value]}</p>}
  </section>;
}
