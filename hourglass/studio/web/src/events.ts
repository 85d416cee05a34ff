// News of the folder. One tab of a browser listens and tells the others, for a browser opens only
// six connections to a server; when it is closed, another one takes over where it stopped.
import { locked, openStream } from "./api";

export interface News { kind: "changed" | "reset"; runs: string[]; id: string }
type Hear = (news: News) => void;

const hearers = new Set<Hear>();
const channel = new BroadcastChannel("hourglass-studio");
const SEEN = "hourglass-last-event";
const AGAIN = 1000;   // ms

export function onNews(hear: Hear): () => void {
  hearers.add(hear);
  return () => void hearers.delete(hear);
}

const tell = (news: News) => hearers.forEach((hear) => hear(news));

export function listen(): void {
  channel.onmessage = (message) => tell(message.data);
  void navigator.locks.request("hourglass-events", () => follow());
}

// A tab that the studio refuses leaves the listening to another one.
async function follow(): Promise<void> {
  while (!locked.value) {
    await once().catch(() => undefined);
    await new Promise((done) => setTimeout(done, AGAIN));
  }
}

// Reads one stream of server-sent events to its end.
async function once(): Promise<void> {
  const answer = await openStream(localStorage.getItem(SEEN) ?? "", new AbortController().signal);
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop()!;
    parts.forEach(hearEvent);
  }
}

function hearEvent(block: string): void {
  const lines = Object.fromEntries(block.split("\n").map((line) => {
    const at = line.indexOf(":");
    return [line.slice(0, at), line.slice(at + 1).trim()];
  }));
  if (!lines.event) return;
  const news: News = { kind: lines.event as News["kind"], runs: JSON.parse(lines.data).runs,
    id: lines.id };
  localStorage.setItem(SEEN, lines.id);
  channel.postMessage(news);
  tell(news);
}
