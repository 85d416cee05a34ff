// Images in use: reconstructed, restored, scored, classified, compressed, near ones found, or morphed.
import { useCallback, useEffect, useState } from "preact/hooks";
import { ClassOfAll } from "./class_of_all";
import { Camera } from "./camera";
import { Drop, type Dropped } from "./drop";
import { bytes, number } from "./format";
import { asCsv } from "./parse_rows";
import type { Run } from "./runs";
import { fromBase64, saveBlob, savePictures, saveText } from "./save";
import { Threshold } from "./threshold";
import { complain } from "./toast";
import type { Served } from "./try";
import { MorphOf } from "./try_morph";
import { Nearest } from "./try_nearest";
import { formOf, sifted, work, type Found, type Result, type Sifted, type Wish } from "./try_work";

const USES: [string, string, string][] = [   // operation, button, what it does
  ["reconstruct", "Reconstruct", "What the model makes of an image."],
  ["restore", "Restore", "Undo the corruption that the model was trained on. Images keep their size."],
  ["score", "Score", "How abnormal an image is, and where."],
  ["classify", "Classify", "The most probable class."],
  ["compress", "Compress", "Store images as their codes."],
  ["nearest", "Nearest", "The training samples with the most similar codes."],
  ["morph", "Morph", "From each image to the next, through the latent space."]];
const NOTHING: Sifted = { good: [], seen: [], why: [] };
const PAUSE = 250;   // ms after the last change

export function ImagesBox({ base, served, run }: { base: string; served: Served; run: Run }) {
  const [wish, setWish] = useState<Wish>({ use: "reconstruct", kind: served.conditional ? served.classes[0] : "",
    quality: 95, lossless: false });
  const [sift, setSift] = useState<Sifted>(NOTHING);
  const [found, setFound] = useState<Found | null>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState("");
  const take = useCallback((list: Dropped[]) => {
    setFound(null);
    setProblem("");
    setBusy(`Reading ${list.length} ${list.length === 1 ? "file" : "files"} …`);
    void sifted(base, list, served, wish.kind, (at) => setBusy(`Reading image ${at} of ${list.length} …`)).then(
      setSift, (error) => { setSift(NOTHING); setProblem(error.message); })
      .finally(() => setBusy(""));
  }, [base, served, wish.kind]);
  useEffect(() => {
    if (!sift.good.length) return setFound(null);
    const stop = new AbortController();
    const wait = setTimeout(() => {
      setBusy("Working …");
      void work(base, wish, sift, stop.signal).then((done) => { setFound(done); setProblem(""); }, (error) => {
        if (!stop.signal.aborted) { setFound(null); setProblem(error.message); }
      }).finally(() => { if (!stop.signal.aborted) setBusy(""); });
    }, PAUSE);
    return () => { clearTimeout(wait); stop.abort(); };
  }, [base, wish, sift]);
  const left = sift.why;
  const uses = USES.filter(([name]) => served.operations.includes(name === "morph" ? "decode" : name));
  return <section>
    <h2>Your images</h2>
    <div class="tools"><div class="switch" role="group" aria-label="What to do">{uses.map(([name, title]) =>
      <button key={name} aria-pressed={wish.use === name} onClick={() => setWish({ ...wish, use: name })}>{title}</button>)}</div>
      {served.conditional && <ClassOfAll served={served} kind={wish.kind} set={(kind) => setWish({ ...wish, kind })} />}
      {wish.use === "compress" && <Quality served={served} wish={wish} set={setWish} />}</div>
    <p class="quiet">{uses.find(([name]) => name === wish.use)?.[2]}</p>
    <Drop take={take} accept="image/*" words="Drop images here" paste folders />
    <Camera take={take} />
    <p class="quiet" role="status">{busy}</p>
    {problem && <p class="alert" role="alert">{problem}</p>}
    {left.length > 0 && <details class="alert" open={left.length < 4}><summary>{left.length} {left.length === 1 ? "file was" : "files were"} left
      out</summary><ul class="facts-list">{left.map((line) => <li key={line}>{line}</li>)}</ul></details>}
    {found?.about.map((line) => <p class="quiet" key={line}>{line}</p>)}
    {found && found.use === wish.use && <Results base={base} wish={wish} files={sift.good} found={found} run={run} />}
  </section>;
}

function Quality({ served, wish, set }: { served: Served; wish: Wish; set: (wish: Wish) => void }) {
  return <>
    {served.rounded && <label title="At 95, rounding the codes adds at most 5 % to the reconstruction error.">Quality <input
      type="range" min={1} max={99} value={wish.quality} onInput={(e) => set(
        { ...wish, quality: Number(e.currentTarget.value) })} /> {wish.quality}</label>}
    {served.lossless && <label><input type="checkbox" checked={wish.lossless} onChange={(e) => set(
      { ...wish, lossless: e.currentTarget.checked })} /> Keep every pixel</label>}
  </>;
}

function Results({ base, wish, files, found, run }: { base: string; wish: Wish; files: Dropped[]; found: Found; run: Run }) {
  const [threshold, setThreshold] = useState(found.threshold ?? 0);
  useEffect(() => setThreshold(found.threshold ?? 0), [found]);
  const { results } = found;
  const scores = results.map((result) => result.score ?? NaN);
  const save = () => savePictures(`${base}/${wish.use === "score" ? "heatmap" : wish.use}`, { body: formOf(files, wish.kind) },
    files.length, wish.use).catch(complain);
  const saveScores = () => saveText(asCsv(["name", "score", "flagged"], results.map((result) =>
    [result.name, result.score!, result.score! > threshold ? "yes" : "no"])), "scores.csv");
  const saveClasses = () => saveText(asCsv(["name", "class", "probability"], results.map((result) =>
    [result.name, result.class!, result.probability!])), "classes.csv");
  if (wish.use === "morph") return <MorphOf base={base} kind={wish.kind} results={results} codes={found.codes!} />;
  return <>
    {found.threshold !== undefined && <Threshold scores={scores} value={threshold} usual={found.threshold} set={setThreshold} />}
    {found.packed && <Sizes found={found} files={files} run={run} />}
    <div class="row">
      {wish.use === "score" && <button onClick={saveScores}>Download the scores</button>}
      {wish.use === "classify" && <button onClick={saveClasses}>Download the classes</button>}
      {results[0]?.after && wish.use !== "compress" && <button onClick={() => void save()}>
        {wish.use === "score" ? "Download the heat maps" : results.length > 1 ? "Download all" : "Download"}</button>}</div>
    {found.near ? <Nearest base={base} wish={wish} files={files} found={found} />
      : <ul class="results">{results.map((result, i) => <Card key={i} result={result} use={wish.use}
        flagged={found.threshold !== undefined && result.score! > threshold} />)}</ul>}
  </>;
}

function Sizes({ found, files, run }: { found: Found; files: Dropped[]; run: Run }) {
  const { packed } = found;
  const given = files.reduce((sum, { file }) => sum + file.size, 0);
  const known = packed!.psnr.filter((each): each is number => each !== null);
  const facts: [string, string][] = [["Compressed", bytes(packed!.bytes)],
    ["Bits per pixel", number(packed!.bits_per_pixel, 3)],
    ["PSNR", packed!.exact ? "every pixel comes back" : `${number(known.reduce((a, b) => a + b, 0) / known.length, 4)} dB`],
    ...(packed!.ssim === null ? [] : [["SSIM", number(packed!.ssim, 3)] as [string, string]]),
    ["The same as PNG", packed!.png ? bytes(packed!.png) : "–"], ["Your files", bytes(given)]];
  return <>
    <dl class="facts">{facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
    <div class="row"><button onClick={() => saveBlob(fromBase64(packed!.file), "images.hg")}>Download the compressed file</button>
      <span class="quiet">It becomes images again by: hourglass decompress {run.path} images.hg -o images</span></div>
  </>;
}

function Card({ result, use, flagged }: { result: Result; use: string; flagged: boolean }) {
  const [share, setShare] = useState(50);
  const [before, after] = use === "score" ? ["image", "heat map"] : ["input", "result"];
  return <li class={flagged ? "flagged" : ""}>
    <div class="before-after" style={{ "--share": `${share}%` }}>
      <img class="pixelated" src={result.before} alt={`Input ${result.name}`} />
      {result.after && <img class="pixelated after" src={`data:image/png;base64,${result.after.png}`}
        alt={`Result of ${result.name}`} />}
    </div>
    {result.after && <input type="range" min={0} max={100} value={share} aria-label={
      `Left the ${before}, right the ${after} of ${result.name}`}
      onInput={(e) => setShare(Number(e.currentTarget.value))} />}
    <p><b>{result.name}</b>{result.score !== undefined && <> {number(result.score)}
      {flagged ? " · flagged" : " · normal"}</>}{result.class && <> {result.class} ({number(result.probability, 3)})</>}
      {result.psnr !== undefined && <> {result.psnr === null ? "exact" : `${number(result.psnr, 4)} dB`}</>}</p>
  </li>;
}
