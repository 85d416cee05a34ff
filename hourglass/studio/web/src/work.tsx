// Commands that have not made a run yet: those that begin, and those that failed.
import { useState } from "preact/hooks";
import { get, send } from "./api";
import type { Failed, Waiting } from "./runs";
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
