// Latent diffusion in the page: noise becomes a code in some steps, told a class and a text.

const diffusion = about.diffusion;   // null for a run without it; with `refused`, why it is not here

// The words of a text, as the text encoder `words` has them.
function wordsOf(text) {
  const all = [...text.toLowerCase().matchAll(/[\p{L}\p{N}]+/gu)].map(([word]) => word);
  const told = all.filter((word) => !diffusion.empty.includes(word));
  return (told.length ? told : all).map((word) =>
    word.length > 3 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word);
}

// What the denoiser is told of a text, and what it does not know of it.
function readPrompt(text) {
  const features = new Float32Array(Math.max(diffusion.size, 1));
  if (!text.trim()) return { features, has: false, unknown: [] };
  if (diffusion.texts) {
    const row = diffusion.texts.findIndex((own) => own.toLowerCase() === text.trim().toLowerCase());
    if (row < 0) return { features, has: false, unknown: [text] };
    return { features: rowsOf(floatsOf("texts"), diffusion.size)[row], has: true, unknown: [] };
  }
  const words = wordsOf(text);
  const known = [...new Set(words.filter((word) => diffusion.words.includes(word)))];
  known.forEach((word) => (features[diffusion.words.indexOf(word)] = 10 / Math.sqrt(known.length)));
  const unknown = [...new Set(words.filter((word) => !diffusion.words.includes(word)))];
  return { features, has: known.length > 0, unknown };
}

// Standard normal numbers (Box & Muller, 1958).
const gaussian = (count) => Float32Array.from({ length: count }, () =>
  Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));

// Noise levels of so many steps, from the largest to 0, as in Hourglass itself.
function levelsOf(steps) {
  const [first, last] = [diffusion.largest, diffusion.smallest].map(
    (level) => level ** (1 / diffusion.curve));
  const at = (i) => (first + i / steps * (last - first)) ** diffusion.curve;
  return [...Array.from({ length: steps }, (_, i) => at(i)), 0];
}

// Gives a function: noisy latents, noise level, what samples are told -> the expected latents.
async function startDenoiser(ort) {
  const session = await ort.InferenceSession.create(await unpack("denoiser"),
    { executionProviders: ["wasm"] });
  const count = diffusion.shape.reduce((a, b) => a * b, 1);

  async function denoise(x, level, told) {
    const size = told.length;
    const joined = (rows) => Float32Array.from(rows.flatMap((row) => [...row]));
    const found = await session.run({
      x: new ort.Tensor("float32", joined(told.map(() => x)), [size, ...diffusion.shape]),
      sigma: new ort.Tensor("float32", new Float32Array(size).fill(level), [size]),
      y: new ort.Tensor("int64", BigInt64Array.from(told, ({ y }) => BigInt(y)), [size]),
      text: new ort.Tensor("float32", joined(told.map(({ features }) => features)),
        [size, Math.max(diffusion.size, 1)]),
      told: new ort.Tensor("bool", Uint8Array.from(told, ({ has }) => Number(has)), [size]) });
    return rowsOf(Float32Array.from(found.clean.data), count);
  }
  return denoise;
}

// A code by DPM-Solver++ (2M) from standard normal noise, led away from nothing by `guidance`.
async function drawCode(denoise, noise, told, guidance, steps, onStep) {
  const levels = levelsOf(steps);
  const nothing = { y: -1, has: false, features: new Float32Array(told.features.length) };
  let x = noise.map((value) => value * levels[0]);
  let before = null;
  for (let i = 0; i < steps; i++) {
    onStep(i + 1);
    const [level, then] = [levels[i], levels[i + 1]];
    const [own, free] = await denoise(x, level, guidance === 1 ? [told] : [told, nothing]);
    const clean = free ? own.map((value, j) => free[j] + guidance * (value - free[j])) : own;
    if (!then) return inUnits(clean);
    const step = Math.log(level / then);
    const share = before ? step / (2 * before.step) : 0;
    const towards = clean.map((value, j) =>
      before ? (1 + share) * value - share * before.clean[j] : value);
    x = x.map((value, j) => then / level * value - Math.expm1(-step) * towards[j]);
    before = { clean, step };
  }
  return inUnits(x);
}

// Standardised latents as codes.
function inUnits(u) {
  const each = u.length / diffusion.mean.length;
  return u.map((value, i) => value * diffusion.std[Math.floor(i / each)]
    + diffusion.mean[Math.floor(i / each)]);
}

// The form of prompts. `runtime` promises the ONNX runtime, onCode(z, y) shows what was drawn.
// Gives a function: { prompt, y, guidance, steps, noise } -> a promise that it is shown.
function makePrompt(form, runtime, onCode) {
  const said = form.querySelector("[role=status]");
  let denoise = null;
  let busy = false;

  async function draw({ prompt = "", y = -1, guidance = 1, steps = diffusion.steps, noise = null }) {
    const { unknown, ...told } = readPrompt(prompt);
    if (prompt.trim() && !told.has) {
      said.textContent = diffusion.texts ? "Choose one of the texts in the list."
        : "No caption that training saw has a word of this prompt.";
      return;
    }
    said.textContent = "Starting the denoiser …";
    denoise ??= startDenoiser(await runtime);
    const count = diffusion.shape.reduce((a, b) => a * b, 1);
    const z = await drawCode(await denoise, Float32Array.from(noise ?? gaussian(count)),
      { ...told, y }, guidance, steps, (step) => (said.textContent = `step ${step} of ${steps}`));
    said.textContent = unknown.length ? `left out, as no caption had it: ${unknown.join(", ")}` : "";
    onCode(z, y);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    const value = (name) => form.elements[name]?.value;
    try {
      await draw({ prompt: value("words") ?? "", y: Number(value("asked") ?? -1),
        guidance: Number(value("guidance")) });
    } catch (error) {
      said.textContent = `The denoiser did not run (${error.message}).`;
      throw error;
    } finally {
      busy = false;
    }
  });
  return draw;
}
