// Takes results away as files.
import { request } from "./api";

export function saveBlob(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\w.-]+/g, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const saveText = (text: string, name: string) => saveBlob(new Blob([text]), name);

export function fromBase64(content: string): Blob {
  return new Blob([Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0))]);
}

// Pictures of an operation: one as PNG, several as a zip.
export async function savePictures(path: string, options: RequestInit, count: number, name: string): Promise<void> {
  const kind = count === 1 ? "png" : "zip";
  const sign = path.includes("?") ? "&" : "?";
  saveBlob(await (await request(`${path}${sign}format=${kind}`, { method: "POST", ...options })).blob(),
    `${name}.${kind}`);
}

export const asJson = (body: unknown): RequestInit => ({ body: JSON.stringify(body),
  headers: { "Content-Type": "application/json" } });
