// Requests to the studio: each carries the token that the address brought.
import { signal } from "./signal";

const KEPT = "hourglass-token";   // of all tabs, once the studio has accepted it
const OWN = "hourglass-own-token";   // of this tab, as its address brought it
export const locked = signal(false);

// The token stands in the address's fragment, which no server sees; it is taken out at once. A wrong
// one stays in its tab: the others keep theirs.
export function takeToken(): void {
  addEventListener("storage", (event) => { if (locked.value && event.key === KEPT) location.reload(); });
  const found = /[#&]token=([^&]+)/.exec(location.hash);
  if (!found) return;
  sessionStorage.setItem(OWN, decodeURIComponent(found[1]));
  history.replaceState(null, "", location.pathname + "#/");
}

const token = () => sessionStorage.getItem(OWN) ?? localStorage.getItem(KEPT) ?? "";

function accepted(sent: string): void {
  if (sessionStorage.getItem(OWN) !== sent) return;
  localStorage.setItem(KEPT, sent);
  sessionStorage.removeItem(OWN);
}

export class Problem extends Error {}

export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  const sent = token();
  headers.set("Authorization", `Bearer ${sent}`);
  let answer: Response;
  try {
    answer = await fetch(`/api${path}`, { ...options, headers });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new Problem("The studio does not answer. Is it still running?");
  }
  if (answer.status !== 401) accepted(sent);
  if (answer.ok) return answer;
  if (answer.status === 401) locked.value = true;
  const said = await answer.json().catch(() => ({}));
  throw new Problem(said.error ?? `The studio answered with status ${answer.status}.`);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, { signal })).json();
}

export async function send<T>(path: string, body: unknown = undefined, method = "POST",
  signal?: AbortSignal): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const content = body === undefined ? undefined : JSON.stringify(body);
  return (await request(path, { method, headers, body: content, signal })).json();
}

// A form with files, as multipart/form-data.
export async function sendFiles<T>(path: string, field: string, files: [string, Blob][]): Promise<T> {
  const form = new FormData();
  for (const [name, file] of files) form.append(field, file, name);
  return (await request(path, { method: "POST", body: form })).json();
}

export function openStream(seen: string, signal: AbortSignal): Promise<Response> {
  return request("/events", { headers: seen ? { "Last-Event-ID": seen } : {}, signal });
}
