// A training that was recorded: everything is shown as it was at the epoch that is chosen.

const training = JSON.parse(find("#data").textContent);
let frame = training.epochs.length - 1, timer = null;

const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// ------------------------------------------------------------------------------------ the losses

const chart = buildLosses();

// The curves, which stay as they are, and what marks the epoch that is shown.
function buildLosses() {
  const [width, height, left, bottom] = [460, 200, 58, 24];
  const numbers = training.losses.flat().filter(E => E !== null), epochs = training.losses[0].length;
  const most = largest(numbers, 1e-12), least = -largest(numbers.map(E => -E), 0);
  const x = epoch => left + (width - left - 12) * (epoch - 1) / Math.max(epochs - 1, 1);
  const y = E => 10 + (height - bottom - 10) * (most - E) / (most - least);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" }, find("#losses"));
  svg("path", { class: "axis", d: `M${left},10V${height - bottom}H${width - 12}` }, root);
  for (const E of [most, least]) {
    svg("text", { class: "tick", x: left - 6, y: y(E) }, root, short(E));
  }
  svg("text", { class: "tick", x: width - 12, y: height - 9 }, root, `epoch ${epochs}`);
  training.losses.forEach((curve, k) => {
    const places = curve.map((E, at) => (E === null ? null : `${x(at + 1)},${y(E)}`));
    const points = places.filter(place => place !== null).join("L");
    if (points) svg("path", { class: k ? "curve second" : "curve", d: `M${points}` }, root);
  });
  const line = svg("path", { class: "axis", d: `M0,10V${height - bottom}` }, root);
  return { root, line, dot: svg("circle", { class: "dot", r: 4 }, root), x, y };
}

function drawLosses() {
  const { root, line, dot, x, y } = chart, epoch = training.epochs[frame];
  const E = epoch > 0 ? training.losses[0][epoch - 1] : null;
  root.setAttribute("aria-label", lossText());
  line.toggleAttribute("hidden", epoch === 0);
  line.setAttribute("transform", `translate(${x(epoch)})`);
  dot.toggleAttribute("hidden", E === null);
  dot.setAttribute("cx", x(epoch));
  dot.setAttribute("cy", y(E));
}

function lossText() {
  const epoch = training.epochs[frame];
  if (epoch === 0) return `0 of ${training.losses[0].length}, before training`;
  const [E, other] = training.losses.map(curve => curve[epoch - 1]);
  const write = (number, none) => (number === null ? none : general(number, 4));
  return `${epoch} of ${training.losses[0].length}: loss ${write(E, "not finite")}` +
    (other === undefined ? "" : `, validation ${write(other, "without a number")}`);
}

// ------------------------------------------------------------------------- weights, δ and regions

// A canvas with a name above it.
function tile(parent, title) {
  const figure = make("figure", {}, parent);
  make("figcaption", { textContent: title }, figure);
  const canvas = make("canvas", {}, figure);
  canvas.setAttribute("role", "img");
  return canvas;
}

const maps = training.weights.map(own => {
  const canvas = tile(find("#weights"), `${own.name} (${own.shape})`);
  const most = largest(own.frames.flat().map(Math.abs), 0) || 1;
  return { ...own, canvas, most };
});

function drawWeights() {
  for (const { name, m, n, frames, canvas, most } of maps) {
    const numbers = frames[frame], cell = Math.max(6, Math.min(26, Math.floor(260 / n)));
    Object.assign(canvas, { width: n * cell, height: m * cell });
    const context = canvas.getContext("2d");
    numbers.forEach((w, at) => {
      context.globalAlpha = w === null ? 0 : Math.abs(w) / most;
      context.fillStyle = style(w < 0 ? "--negative" : "--positive");
      context.fillRect((at % n) * cell, Math.floor(at / n) * cell, cell - 1, cell - 1);
    });
    const known = numbers.filter(w => w !== null);
    canvas.setAttribute("aria-label", `${name} from ${short(Math.min(...known))} to ` +
      `${short(Math.max(...known))}; the strongest colour is ${short(most)}`);
  }
}

const spreads = training.deltas.map(own => {
  const canvas = tile(find("#deltas"), own.name);
  return { ...own, canvas, most: largest(own.counts.flat(), 1) };
});

function drawDeltas() {
  for (const { name, low, high, counts, zeros, canvas, most } of spreads) {
    Object.assign(canvas, { width: 280, height: 110 });
    const context = canvas.getContext("2d"), own = frame > 0 ? counts[frame - 1] : [];
    const width = 280 / counts[0].length;
    context.fillStyle = style("--back");
    own.forEach((count, k) =>
      context.fillRect(k * width, 90 - 84 * count / most, width - 1, 84 * count / most));
    context.fillStyle = style("--ink");
    context.fillRect(0, 90, 280, 1);
    context.font = "13px system-ui, sans-serif";
    context.fillText(`1e${low}`, 0, 106);
    context.textAlign = "right";
    context.fillText(`1e${high}`, 280, 106);
    context.textAlign = "center";
    const none = frame > 0 ? zeros[frame - 1] : 0;
    context.fillText(none ? `|δ|, and ${none} zeros` : "|δ|", 140, 106);
    const total = own.reduce((sum, count) => sum + count, 0);
    const peak = own.indexOf(Math.max(...own));
    const near = 10 ** (low + (peak + 0.5) * (high - low) / own.length);
    canvas.setAttribute("aria-label", `${name}: ` + (total ? `most δ are near ${short(near)}`
      : none ? "all δ are 0" : "none was recorded before the first epoch"));
  }
}

function drawRegions() {
  const { regions } = training;
  if (!regions) return;
  const { size, frames, levels, colours, samples, x, y } = regions, canvas = find("#regions canvas"), cell = 9;
  Object.assign(canvas, { width: size * cell, height: size * cell });
  const context = canvas.getContext("2d"), bytes = atob(frames[frame]);
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes.charCodeAt(at), column = at % size, row = size - 1 - Math.floor(at / size);
    context.globalAlpha = 0.12 + 0.54 * (byte % levels) / (levels - 1);
    context.fillStyle = colours[Math.floor(byte / levels)];
    context.fillRect(column * cell, row * cell, cell, cell);
  }
  context.globalAlpha = 1;
  const place = (number, [from, to]) => (number - from) / (to - from) * size * cell;
  let right = 0;
  for (const [a, b, k] of samples) {
    context.beginPath();
    context.arc(place(a, x), size * cell - place(b, y), 5, 0, 7);
    context.fillStyle = colours[k];
    context.strokeStyle = "#ffffff";
    context.fill();
    context.stroke();
    const column = Math.round((a - x[0]) / (x[1] - x[0]) * (size - 1));
    const row = Math.round((b - y[0]) / (y[1] - y[0]) * (size - 1));
    right += Math.floor(bytes.charCodeAt(row * size + column) / levels) === k;
  }
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label",
    `About ${right} of ${samples.length} samples lie in the region of their class`);
}

// ----------------------------------------------------------------------------------------- epochs

function show(chosen) {
  frame = chosen;
  find("#epoch").value = frame;
  find("#epoch").setAttribute("aria-valuetext", lossText());
  find("#state").textContent = lossText();
  drawLosses();
  drawWeights();
  drawDeltas();
  drawRegions();
}

function play(go) {
  clearInterval(timer);
  timer = null;
  if (go) {
    if (frame === training.epochs.length - 1) show(0);
    timer = setInterval(() => {
      if (frame === training.epochs.length - 1) play(false);
      else show(frame + 1);
    }, 100);
  }
  find("#play").setAttribute("aria-pressed", String(go));
  find("#play").textContent = go ? "Stop" : "Play";
}

find("#epoch").max = training.epochs.length - 1;
find("#epoch").addEventListener("input", event => {
  play(false);
  show(Number(event.target.value));
});
find("#play").addEventListener("click", () => play(!timer));
find("#validation").hidden = !training.losses[1].length;
if (training.regions) {
  find("#regions").hidden = false;
  training.regions.colours.forEach((colour, k) => {
    const entry = make("span", {}, find("#classes"));
    make("span", { textContent: "● ", style: `color: ${colour}` }, entry).ariaHidden = "true";
    entry.append(`class ${k}`);
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(frame));
show(frame);
