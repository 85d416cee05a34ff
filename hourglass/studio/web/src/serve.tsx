// A run for other programs: a server of it, how to ask that, and files to take away.
import { useCallback, useEffect, useState } from "preact/hooks";
import { get, request, send } from "./api";
import { Copy } from "./copy";
import { number } from "./format";
import type { Details } from "./run";
import type { Run } from "./runs";
import { complain, say } from "./toast";

interface Asked { operation: string; answered: number; refused: number; last: number; median: number | null;
  p95: number | null; longest: number | null }
interface Server { state: "none" | "starting" | "ready" | "ended"; url?: string; token?: string;
  command?: string; why?: string; log?: string;
  model?: { kind: string; classes: string[]; conditional: boolean } | null;
  traffic?: { since: number; inside: number; operations: Asked[] } | null }
const EVERY = 2000;   // ms between two looks at the server
const FILES: [string, string, string][] = [
  ["encoder.onnx", "Encoder as ONNX", "Samples to codes, for batches of any size."],
  ["decoder.onnx", "Decoder as ONNX", "Codes to samples."],
  ["explorer.html", "Explorer", "A page that decodes a code as you drag it. One file, no network."],
  ["report.html", "Report", "The report as one file."],
  ["run.zip", "Archive", "The whole folder of the run."]];

export function ServeTab({ run, details }: { run: Run; details: Details }) {
  const [server, setServer] = useState<Server | null>(null);
  const read = useCallback(() => get<Server>(`/runs/${run.key}/server`).then(setServer, complain), [run.key]);
  const live = server?.state === "starting" || server?.state === "ready";
  useEffect(() => { void read(); }, [read]);
  useEffect(() => {
    if (!live) return;
    const clock = setInterval(() => void read(), EVERY);
    return () => clearInterval(clock);
  }, [live, read]);
  const start = () => void send(`/runs/${run.key}/server`).then(read, complain);
  const stop = () => void send(`/runs/${run.key}/server`, undefined, "DELETE").then(() => {
    say("The server answers what it was asked, and ends.");
    setTimeout(() => void read(), EVERY);
  }, complain);
  if (!details.has_model) return <p class="quiet">The model can be served after its first checkpoint.</p>;
  return <>
    <section>
      <div class="head"><h2>Server</h2>{server?.state === "ready" && <span class="state"><i
        class="dot training" />ready at {server.url}</span>}<span class="grow" />
        {server && (live ? <button class="danger" onClick={stop}>Stop the server</button>
          : <button class="primary" onClick={start}>Start a server</button>)}</div>
      <p class="quiet">A process of its own, for this machine only, with a token. It goes on when the studio
        ends.</p>
      {server?.state === "starting" && <p role="status">Starting: {server.log?.trim().split("\n").at(-1)
        || "loading the model …"}</p>}
      {server?.state === "ended" && server.why && <p class="alert" role="alert">{server.why}</p>}
      {server?.state === "ready" && <Ready server={server} />}
      <h3>The same from a shell</h3>
      {server?.command && <Copy text={server.command} label="Command" />}
    </section>
    <section>
      <h2>Files to take away</h2>
      <ul class="lines">{FILES.filter(([name]) => name !== "report.html" || details.has_report).map(
        ([name, title, about]) => <Download key={name} run={run} name={name} title={title} about={about} />)}
      </ul>
    </section>
  </>;
}

function Ready({ server }: { server: Server }) {
  const operations = server.traffic?.operations ?? [];
  const ms = (seconds: number | null) => seconds === null ? "–" : `${number(seconds * 1000, 3)} ms`;
  return <>
    <h3>Requests</h3>
    {!server.traffic && <p class="alert">The server does not answer at the moment.</p>}
    {operations.length ? <div class="scroll" tabIndex={0} role="region" aria-label="Requests"><table class="runs">
      <thead><tr>{["Operation", "Answered", "Refused", "Median", "95 % within", "Longest"].map((name) =>
        <th scope="col" key={name}>{name}</th>)}</tr></thead>
      <tbody>{operations.map((each) => <tr key={each.operation}><td><code>{each.operation}</code></td>
        <td class="number">{number(each.answered)}</td><td class="number">{number(each.refused)}</td>
        <td class="number">{ms(each.median)}</td><td class="number">{ms(each.p95)}</td>
        <td class="number">{ms(each.longest)}</td></tr>)}</tbody></table></div>
      : <p class="quiet">Nobody has asked yet.</p>}
    <h3>curl</h3><Copy text={curl(server)} label="curl" />
    <h3>Python</h3><Copy text={python(server)} label="Python" />
  </>;
}

const isImages = (server: Server) => server.model?.kind === "images";
const kindOf = (server: Server) => server.model?.conditional ? server.model.classes[0] : "";

function curl(server: Server): string {
  const head = `curl -H 'Authorization: Bearer ${server.token}'`;
  const kind = kindOf(server);
  return isImages(server)
    ? `${head} -F images=@picture.png${kind ? ` -F classes='${kind}'` : ""} \\\n  ${server.url}/v1/reconstruct -o reconstruction.png`
    : `${head} -H 'Content-Type: application/json' \\\n  -d '{"n": 4}' ${server.url}/v1/generate`;
}

function python(server: Server): string {
  const kind = kindOf(server);
  const sent = isImages(server)
    ? `files={"images": open("picture.png", "rb")}${kind ? `, data={"classes": ${JSON.stringify(kind)}}` : ""}`
    : "json={\"n\": 4}";
  const path = isImages(server) ? "score" : "generate";
  return `import requests\n\nanswer = requests.post("${server.url}/v1/${path}",\n`
    + `    headers={"Authorization": "Bearer ${server.token}"},\n    ${sent})\nprint(answer.json())`;
}

function Download({ run, name, title, about }: { run: Run; name: string; title: string; about: string }) {
  const [busy, setBusy] = useState(false);
  const take = async () => {
    setBusy(true);
    try {
      const blob = await (await request(`/runs/${run.key}/download/${name}`)).blob();
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${run.path.split("/").at(-1)!.replace(/[^\w.-]/g, "-")}-${name}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) { complain(error); }
    setBusy(false);
  };
  return <li><span class="grow"><b>{title}</b> <span class="quiet">{about}</span></span>
    <button class="small" disabled={busy} onClick={() => void take()} aria-label={`Download ${title}`}>
      {busy ? "Making it …" : "Download"}</button></li>;
}
