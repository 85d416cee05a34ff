// Decoding in the page: ONNX Runtime Web, which the studio serves, and the run's decoder.
import { request, send } from "./api";

interface Tensor { data: Float32Array }
interface Session { run(given: Record<string, unknown>): Promise<Record<string, Tensor>> }
interface Runtime {
  env: { wasm: Record<string, unknown> };
  Tensor: new (kind: string, values: ArrayLike<number> | BigInt64Array, shape: number[]) => Tensor;
  InferenceSession: { create(content: Uint8Array, options: object): Promise<Session> };
}
// A code and its class -> the values of the sample, in the model's order: (C, H, W) or (D).
export type Decode = (z: number[], kind: number) => Promise<Float32Array>;
let started: Promise<Runtime> | null = null;   // one for all runs that the page shows

async function startRuntime(): Promise<Runtime> {
  const [script, binary] = (await send<{ files: string[] }>("/runtime")).files;
  const [runtime, wasm] = await Promise.all([import(/* @vite-ignore */ `/runtime/${script}`) as Promise<Runtime>,
    fetch(`/runtime/${binary}`).then((answer) => answer.arrayBuffer())]);
  Object.assign(runtime.env.wasm, { wasmBinary: wasm, numThreads: 1, proxy: false });
  return runtime;
}

// Raises a problem that says why this run cannot be decoded in the page.
export async function startDecode(key: string, code: number[], conditional: boolean): Promise<Decode> {
  started ??= startRuntime();
  started.catch(() => { started = null; });
  const runtime = await started;
  const content = new Uint8Array(await (await request(`/runs/${key}/decoder`)).arrayBuffer());
  const session = await runtime.InferenceSession.create(content, { executionProviders: ["wasm"] });
  return async (z, kind) => {
    const given: Record<string, unknown> = { z: new runtime.Tensor("float32", Float32Array.from(z), [1, ...code]) };
    if (conditional) given.y = new runtime.Tensor("int64", BigInt64Array.of(BigInt(kind)), [1]);
    return Float32Array.from((await session.run(given)).x.data);
  };
}
