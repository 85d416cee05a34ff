// Images beside the training samples that are nearest to them.
import { useState } from "preact/hooks";
import type { Dropped } from "./drop";
import { number } from "./format";
import { asCsv } from "./parse_rows";
import { saveText } from "./save";
import { complain } from "./toast";
import { codesOf, type Found, type Wish } from "./try_work";

export function Nearest({ base, wish, files, found }: { base: string; wish: Wish; files: Dropped[]; found: Found }) {
  const [busy, setBusy] = useState(false);
  const saveCodes = async () => {
    setBusy(true);
    await codesOf(base, files, wish.kind).then(({ names, codes }) => saveText(asCsv(
      ["name", ...codes[0].map((_, i) => `z_${i + 1}`)], codes.map((code, i) => [names[i], ...code])), "codes.csv"), complain);
    setBusy(false);
  };
  const saveList = () => saveText(asCsv(["name", "rank", "training sample", "file", "class", "distance"], found.near!.flatMap(
    (near, i) => near.map((each, k) => [found.results[i].name, k + 1, each.row, each.name, each.class, each.distance]))),
    "nearest.csv");
  return <>
    <div class="row"><button onClick={saveList}>Download the list</button>
      <button disabled={busy} onClick={() => void saveCodes()}>Download the codes</button></div>
    {found.near!.map((near, i) => <section key={i}><h3>{found.results[i].name}</h3>
      <ul class="near"><li class="asked"><img class="pixelated" src={found.results[i].before} alt={`Input ${found.results[i].name}`} />
        <small>yours</small></li>
        {near.map((each) => <li key={each.row} title={each.name || `training sample ${each.row}`}>
          {each.png && <img class="pixelated" src={`data:image/png;base64,${each.png}`} alt={`Training sample ${each.name || each.row}`} />}
          <small>{each.class || each.name || `sample ${each.row}`}<br /><span class="quiet">{number(each.distance, 3)}</span></small>
        </li>)}</ul></section>)}
    <p class="quiet">Below each training sample: its class or name, and the distance of codes.</p>
  </>;
}
