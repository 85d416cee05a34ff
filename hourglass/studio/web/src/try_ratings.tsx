// A model of ratings in use: what it recommends to somebody who has some items.
import { useState } from "preact/hooks";
import { send } from "./api";
import { number } from "./format";
import { asCsv } from "./parse_rows";
import { saveText } from "./save";
import { WholeNumber } from "./typed";

interface Answer { items: { item: string; title: string; score: number }[]; notes: string[] }

export function RatingsBox({ base }: { base: string }) {
  const [text, setText] = useState("");
  const [count, setCount] = useState(20);
  const [found, setFound] = useState<Answer | null>(null);
  const [problem, setProblem] = useState("");
  const ask = (event: Event) => {
    event.preventDefault();
    void send<Answer>(`${base}/recommend`, { items: itemsIn(text), n: count }).then((answer) => { setFound(answer); setProblem(""); },
      (error) => { setFound(null); setProblem(error.message); });
  };
  return <form onSubmit={ask}>
    <h2>Your items</h2>
    <label class="field"><span>An item each line, by number or title; a rating may follow after “=”, for all or none</span>
      <textarea rows={5} value={text} spellcheck={false} onInput={(e) => setText(e.currentTarget.value)} /></label>
    <div class="tools"><WholeNumber value={count} most={1000} set={setCount}>How many</WholeNumber>
      <button class="primary" disabled={!text.trim()}>Recommend</button></div>
    {problem && <p class="alert" role="alert">{problem}</p>}
    {found?.notes.map((note) => <p class="quiet" key={note}>{note}</p>)}
    {found && <><div class="head"><h3>{found.items.length} items</h3><span class="grow" /><button type="button" class="small"
      onClick={() => saveText(asCsv(["item", "title", "score"], found.items.map((each) => [each.item, each.title, each.score])),
        "recommended.csv")}>Download as CSV</button></div>
      <div class="scroll" tabIndex={0} role="region" aria-label="Recommended items"><table class="runs"><thead><tr>
        {["Item", "Title", "Score"].map((name) => <th scope="col" key={name}>{name}</th>)}</tr></thead>
        <tbody>{found.items.map((each) => <tr key={each.item}><td>{each.item}</td><td>{each.title}</td>
          <td class="number">{number(each.score)}</td></tr>)}</tbody></table></div></>}
  </form>;
}

// Items, or items with ratings if each line has one.
function itemsIn(text: string): string[] | Record<string, number> {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  const rated = lines.map((line) => /^(.*\S)\s*=\s*(-?[\d.]+)$/.exec(line));
  return rated.every(Boolean) ? Object.fromEntries(rated.map((match) => [match![1], Number(match![2])])) : lines;
}
