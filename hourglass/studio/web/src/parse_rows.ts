// Reads tables and arrays in the page: CSV with any of the usual separators, and .npy files.
export type Cell = string | number | boolean | null;
export interface Rows { names: string[] | null; cells: Cell[][] }
export interface Numbers { shape: number[]; values: number[] }
const MISSING = new Set(["", "na", "nan", "null", "none", "?"]);
const MOST_BYTES = 32 * 2 ** 20;

export async function readFile(file: File): Promise<Rows | Numbers> {
  if (file.size > MOST_BYTES) throw new Error("This file is larger than 32 MiB. Use a shell for it.");
  return file.name.endsWith(".npy") ? readNpy(await file.arrayBuffer()) : readCsv(await file.text());
}

// The first line gives names unless all of it are numbers.
export function readCsv(text: string): Rows {
  const line = text.slice(0, text.indexOf("\n") < 0 ? undefined : text.indexOf("\n"));
  const separator = ["\t", ";", ","].map((sign): [string, number] => [sign, line.split(sign).length])
    .sort((a, b) => b[1] - a[1])[0][0];
  const lines = splitLines(text, separator).filter((cells) => cells.some((cell) => cell.trim()));
  if (!lines.length) throw new Error("This file holds no rows.");
  const headed = lines[0].some((cell) => cell.trim() && !Number.isFinite(Number(cell)));
  const names = headed ? lines.shift()!.map((name) => name.trim()) : null;
  return { names, cells: lines.map((cells) => cells.map(cellOf)) };
}

function splitLines(text: string, separator: string): string[][] {
  const lines: string[][] = [];
  let cells: string[] = [];
  let cell = "";
  let quoted = false;
  const whole = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  for (let i = 0; i < whole.length; i++) {
    const sign = whole[i];
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (whole[i + 1] === '"') { cell += '"'; i++; } else quoted = false;
    } else if (sign === '"' && !cell) quoted = true;
    else if (sign === separator || sign === "\n") {
      cells.push(cell);
      cell = "";
      if (sign === "\n") { lines.push(cells); cells = []; }
    } else cell += sign;
  }
  if (cell || cells.length) lines.push([...cells, cell]);
  return lines;
}

function cellOf(text: string): Cell {
  const plain = text.trim();
  if (MISSING.has(plain.toLowerCase())) return null;
  return Number.isFinite(Number(plain)) ? Number(plain) : plain;
}

const READERS: Record<string, (view: DataView, at: number) => number> = {
  "<f4": (view, at) => view.getFloat32(at, true), "<f8": (view, at) => view.getFloat64(at, true),
  "<i4": (view, at) => view.getInt32(at, true), "<i2": (view, at) => view.getInt16(at, true),
  "<i8": (view, at) => Number(view.getBigInt64(at, true)), "<u4": (view, at) => view.getUint32(at, true),
  "<u2": (view, at) => view.getUint16(at, true), "|u1": (view, at) => view.getUint8(at),
  "|i1": (view, at) => view.getInt8(at), "|b1": (view, at) => view.getUint8(at) };

export function readNpy(content: ArrayBuffer): Numbers {
  const view = new DataView(content);
  if (content.byteLength < 12 || view.getUint32(1) !== 0x4e554d50) throw new Error("This is no .npy file.");
  const old = view.getUint8(6) === 1;
  const start = old ? 10 : 12;
  const length = old ? view.getUint16(8, true) : view.getUint32(8, true);
  const head = new TextDecoder().decode(new Uint8Array(content, start, length));
  const kind = /'descr':\s*'([^']+)'/.exec(head)?.[1] ?? "";
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(head)?.[1] ?? "").split(",").filter((n) => n.trim())
    .map(Number);
  if (!READERS[kind] || head.includes("True")) {
    throw new Error(`This array is of kind ${kind}; save it as float32, in the order of C.`);
  }
  const size = Number(kind.slice(2));
  const count = shape.reduce((a, b) => a * b, 1);
  if (start + length + count * size > content.byteLength) throw new Error("This .npy file is cut off.");
  return { shape, values: Array.from({ length: count }, (_, i) => READERS[kind](view, start + length
    + i * size)) };
}

export function nested(array: Numbers): unknown[] {
  const cut = (from: number, shape: number[]): unknown => {
    if (!shape.length) return Number.isFinite(array.values[from]) ? array.values[from] : null;
    const step = shape.slice(1).reduce((a, b) => a * b, 1);
    return Array.from({ length: shape[0] }, (_, i) => cut(from + i * step, shape.slice(1)));
  };
  return cut(0, array.shape) as unknown[];
}

export function asCsv(names: string[], rows: Cell[][]): string {
  const cell = (value: Cell) => typeof value === "string" && /[",\n]/.test(value)
    ? `"${value.replaceAll('"', '""')}"` : String(value ?? "");
  return [names, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}
