// The panels next to the scatter: the legend, the choice of a class, the sliders, the morph.

// A button a class; one picks it out of the others, and again gives them back.
function makeLegend(holder, onPickOut) {
  const shown = about.y ? [...new Set(about.y)].sort((a, b) => a - b) : [];
  const buttons = shown.map((kind) => {
    const { name, colour } = about.classes[kind] ?? { name: `class ${kind}`, colour: GREY };
    const button = document.createElement("button");
    const dot = document.createElement("i");
    dot.style.background = colour;
    button.type = "button";
    button.append(dot, name);
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") === "false";
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(on && other === button)));
      onPickOut(on ? kind : null);
    });
    return button;
  });
  holder.append(...buttons);
}

function makeClassChoice(select, onChoice) {
  byId("told").hidden = !about.conditional;
  select.append(...about.classes.map(({ name }, i) => new Option(name, String(i))));
  select.addEventListener("change", () => onChoice(Number(select.value)));
  return (y) => { if (about.conditional) select.value = String(y); };
}

// Gives a function that shows a code's places on the sliders.
function makeSliders(holder, onSlide) {
  const rows = about.sliders.map(({ name, low, high }, i) => {
    const row = document.createElement("label");
    const [title, input, value] = ["span", "input", "output"].map((tag) => document.createElement(tag));
    title.textContent = name;
    Object.assign(input, { type: "range", min: low, max: high, step: "any" });
    input.addEventListener("input", () => onSlide(i, Number(input.value)));
    row.append(title, input, value);
    return { row, input, value };
  });
  holder.append(...rows.map(({ row }) => row));
  return (places) => rows.forEach(({ input, value }, i) => {
    if (document.activeElement !== input || Math.abs(input.value - places[i]) > 1e-3) {
      input.value = places[i];
    }
    value.textContent = places[i].toFixed(2);
  });
}

const SWEEP = 3000;   // milliseconds from A to B

// onMorph(t): how far the walk from A (0) to B (1) has come. Gives a function that ends it.
function makeMorph(slider, play, onMorph) {
  let since = null;   // when the walk began, while it goes on

  function stop() {
    since = null;
    play.textContent = "Play";
    play.setAttribute("aria-pressed", "false");
  }

  function step(now) {
    if (since === null) return;
    const turns = Math.max(0, now - since) / SWEEP;
    const t = turns % 2 < 1 ? turns % 1 : 1 - turns % 1;   // there, and back again
    slider.value = t;
    onMorph(t);
    requestAnimationFrame(step);
  }

  slider.addEventListener("input", () => {
    stop();
    onMorph(Number(slider.value));
  });
  play.addEventListener("click", () => {
    if (since !== null) return stop();
    since = performance.now() - Number(slider.value) % 1 * SWEEP;
    play.textContent = "Pause";
    play.setAttribute("aria-pressed", "true");
    requestAnimationFrame(step);
  });
  return stop;
}
