// The decoder: ONNX in WebAssembly, with the runtime that stands in the page.

// Promises the runtime.
async function startRuntime() {
  const [script, binary] = await Promise.all(["runtime-script", "runtime-binary"].map(unpack));
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const ort = await import(address);
  // One thread: more of them want headers that a file cannot send.
  Object.assign(ort.env.wasm, { wasmBinary: binary.buffer, numThreads: 1, proxy: false });
  return ort;
}

// Gives a function: code z, class y -> the mean of x, as the model orders it, (C, H, W) or (D).
async function startDecoder(ort) {
  const session = await ort.InferenceSession.create(await unpack("decoder"), { executionProviders: ["wasm"] });
  let last = Promise.resolve();   // a session runs one at a time

  async function run(z, y) {
    const given = { z: new ort.Tensor("float32", Float32Array.from(z), [1, ...about.code]) };
    if (about.conditional) given.y = new ort.Tensor("int64", BigInt64Array.of(BigInt(y)), [1]);
    return Float32Array.from((await session.run(given)).x.data);
  }
  return (z, y) => (last = last.then(() => run(z, y)));
}
