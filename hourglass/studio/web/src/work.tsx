// Commands that have not made a run yet: those that begin, and those that failed.
import { useState } from "preact/hooks";
import { get, send } from "./api";
import { listing, type Failed, type Waiting } from "./runs";
import { useSignal } from "./signal";
import { complain } from "./toast";

export function WaitingJobs({ jobs }: { jobs: Waiting[] }) {
  return <>{jobs.map((job) => <section class="job" key={job.began} aria-busy="true">
    <i class="dot training" /><b>{job.name}</b> is being prepared: <span class="quiet">{job.line}</span>
  </section>)}</>;
}

export function FailedJobs({ jobs }: { jobs: Failed[] }) {
  return <>{jobs.map((job) => <FailedJob key={job.log} job={job} />)}</>;
}

function FailedJob({ job }: { job: Failed }) {
  const [log, setLog] = useState("");
  const show = () => get<{ log: string }>(`/jobs/${job.log}/log`).then((found) => setLog(found.log),
    complain);
  return <section class="job failed">
    <div class="row"><span class="grow"><i class="dot damaged" /><b>{job.name}</b> could not begin: {job.why}
    </span>
      <button class="small" onClick={() => void show()}>Log</button>
      <button class="small" onClick={() => void send(`/jobs/${job.log}`, undefined, "DELETE")
        .catch(complain)}>Dismiss</button></div>
    {log && <pre class="log" tabIndex={0} aria-label="Log">{log}</pre>}
  </section>;
}

// A run or search that was just started: until it is there, how far its command has come.
export function Begun({ id, children }: { id: string; children: preact.ComponentChildren }) {
  const all = useSignal(listing);
  if (!all) return <p class="quiet">Reading the folder …</p>;
  const waiting = all.waiting.filter((job) => job.key === id);
  const failed = all.failed.filter((job) => job.key === id);
  if (all.runs.has(id) || !(waiting.length + failed.length)) return <>{children}</>;
  return <><h1>{[...waiting, ...failed][0].name}</h1><WaitingJobs jobs={waiting} /><FailedJobs jobs={failed} />
    {waiting.length > 0 && <p class="quiet">This page goes on by itself.</p>}</>;
}
