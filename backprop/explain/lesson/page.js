// The page: what the reader does, and what follows from it.

const STEP_TEXTS = {
  "": "All five steps, from the inputs to the new weights. Choose one to see it alone.",
  forward: "Forward: the inputs flow through the layers, each computing its output from the last.",
  loss: "Loss: one number E says how far the outputs are from the targets.",
  backward: "Backward: E's derivatives flow back, δ of each layer from δ of the next.",
  gradients: "Gradients: each weight's ∂E/∂w is what came in at its start times δ at its end.",
  update: "Update: each weight moves a little against its gradient, so that E falls.",
};
const MOST_PATHS = 20, MOST_UNDONE = 10000;

const network = JSON.parse(find("#data").textContent);
const { digits } = network;
const copy = value => JSON.parse(JSON.stringify(value));

const state = { learningRate: network.learningRate };
const view = { step: "", sample: 0, chosen: null, timer: null };
let values = network.values, curve = [], undo = [], start = null, drawing = null;
const fields = [];
let stopped = false; // because the next step would make a number infinite

// ------------------------------------------------------------------------ which numbers are shown

// Whether two arrays of numbers are equal but for rounding.
function isClose(a, b, tolerance) {
  if (Array.isArray(a)) return a.every((each, k) => isClose(each, b[k], tolerance));
  return Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));
}

function setUp() {
  state.X = values.A0;
  state.y = values.y;
  state.parameters = {};
  network.layers.forEach((layer, k) =>
    layer.parameters.forEach(name => (state.parameters[name + k] = values[name + k])));
  if (!network.runs || !isKnown(network)) return false;
  const found = trainingStep(network, state), tolerance = digits === 9 ? 1e-9 : 1e-4;
  return Object.keys(values).every(key => key in found && isClose(values[key], found[key], tolerance));
}

function render() {
  if (network.runs) {
    values = trainingStep(network, state);
    curve[curve.length - 1] = values.E;
  }
  renderRows();
  if (drawing) drawing.update(values, view.sample, view.step, view.chosen);
  renderFields();
  renderChain();
  renderTraining();
  makeScrollable();
}

// Lets the keyboard reach, and so scroll, the matrices that are wider than their place.
function makeScrollable() {
  const matrices = [...document.querySelectorAll("#derivation pre, #derivation .matrix")];
  const wide = matrices.filter(matrix => matrix.scrollWidth > matrix.clientWidth);
  for (const matrix of matrices) {
    if (wide.includes(matrix)) matrix.tabIndex = 0;
    else matrix.removeAttribute("tabindex");
  }
}

// ---------------------------------------------------------------------------------- the derivation

function renderRows() {
  if (!network.stages.length) return;
  for (const row of document.querySelectorAll(".row[data-key]")) {
    const { key, after } = row.dataset;
    if (!(key in values)) continue;
    if (network.runs) {
      const lines = after
        ? changeLines(values[key], values[after], digits) : matrixLines(values[key], digits);
      row.querySelector("pre").textContent = lines.join("\n");
    }
    if (row.dataset.inserted) renderInserted(row, JSON.parse(row.dataset.inserted));
  }
  const eta = general(state.learningRate);
  for (const place of document.querySelectorAll(".eta")) place.textContent = eta;
  renderDifference();
}

// The formula's right-hand side with matrices in the place of its symbols.
function renderInserted(row, pieces) {
  let place = row.querySelector(".inserted");
  if (!place) {
    place = make("dd", { className: "inserted" });
    row.querySelector("dt").after(place);
  }
  place.replaceChildren("= ", ...pieces.filter(piece => piece !== "").map(piece => {
    if (typeof piece === "string") return piece;
    const [key, transposed] = piece;
    if (key === "eta") return general(state.learningRate);
    const array = transposed ? transpose(values[key]) : values[key];
    const textContent = matrixLines(array, digits).join("\n");
    return make("span", { className: "matrix", textContent });
  }));
}

// The remark on a matched pair, whose δ is computed in two ways.
function renderDifference() {
  if (!network.runs || !values.chained) return;
  const joined = values[`D${network.layers.length - 1}`];
  const most = Math.max(...map((a, b) => Math.abs(a - b), joined, values.chained).flat());
  for (const remark of document.querySelectorAll(".remark")) {
    const text = remark.innerHTML;
    if (text.includes("largest difference is")) {
      remark.innerHTML = text.replace(/is \S+\.$/, `is ${general(most, 2)}.`);
    }
  }
}

function chooseStep(step) {
  view.step = step;
  for (const button of document.querySelectorAll("button[data-step]")) {
    button.setAttribute("aria-pressed", String(button.dataset.step === step));
  }
  find("#step-text").textContent = STEP_TEXTS[step];
  for (const row of document.querySelectorAll(".row")) {
    row.hidden = step !== "" && row.dataset.step !== step;
    row.classList.toggle("lit", step !== "");
  }
  for (const part of document.querySelectorAll("#derivation .layer, #derivation section")) {
    part.hidden = !part.querySelector(".row:not([hidden])");
  }
  for (const remark of document.querySelectorAll(".remark")) {
    remark.hidden = remark.parentElement.hidden;
  }
  render();
}

// -------------------------------------------------------------------------------- the chain rule

function renderChain() {
  if (!view.chosen || !drawing) return;
  const [s, i, j] = view.chosen, [k] = network.stages[s];
  const closed = network.layers.find((_, at) => at > k && !hasFactors(network, values, at));
  const lines = closed ? productLines(k, i, j, closed.name) : pathLines(k, i, j);
  if (!network.single) lines.push(`over all samples: ${write(values[`dW${k}`][i][j])}`);
  find("#chain-text").replaceChildren(...lines.map(line =>
    make("p", { textContent: line, className: line.startsWith("  ") ? "deeper" : "" })));
}

const write = number => format(number, digits);
const bracketed = number => (number < 0 ? `(${write(number)})` : write(number));

// The derivative by a weight, by its name.
function gradientName(k, i, j) {
  const of = network.single ? "" : ` for sample ${view.sample}`;
  return `∂E/∂${unitName(`w${network.layers[k].level}`, i, j)}${of}`;
}

const gradientFactors = (k, i, j) =>
  [values[`A${k}`][view.sample][i], values[`D${k + 1}`][view.sample][j]];

// What came in at the weight's start times δ at its end.
function productLines(k, i, j, closed) {
  const { layers } = network, [x, delta] = gradientFactors(k, i, j);
  const start = unitName(k ? layers[k - 1].y : layers[0].x, i);
  return [
    `${gradientName(k, i, j)} = ${start} · ∂E/∂${unitName(layers[k].y, j)}`,
    `  = ${bracketed(x)} · ${bracketed(delta)} = ${write(x * delta)}`,
    `The paths to the loss lead through ${closed}, where this page does not know the single ` +
      "derivatives.",
  ];
}

// The sum over all paths from the weight to the loss, each written out.
function pathLines(k, i, j) {
  const paths = pathsFromWeight(network, values, view.sample, k, i, j);
  const lines = [`${gradientName(k, i, j)} is the sum over ${paths.length} path` +
    `${paths.length === 1 ? "" : "s"} to the loss:`];
  paths.slice(0, MOST_PATHS).forEach((path, at) => {
    lines.push(`path ${at + 1}: ${path.units.join(" → ")}`);
    lines.push(`  ${path.factors.map(factor => factor.name).join(" · ")}`);
    lines.push(`  = ${path.factors.map(factor => factor.formula).join(" · ")}`);
    lines.push(`  = ${path.factors.map(factor => bracketed(factor.value)).join(" · ")}` +
      ` = ${write(product(path))}`);
  });
  if (paths.length > MOST_PATHS) lines.push(`… and ${paths.length - MOST_PATHS} more`);
  const [x, delta] = gradientFactors(k, i, j);
  lines.push(`sum: ${write(sum(paths.map(product)))}; backpropagation: ${write(x * delta)}`);
  return lines;
}

// ------------------------------------------------------------------------------ numbers to change

// Remembers the numbers as they were, so that they can be had back.
function remember(numbers) {
  undo.push(numbers);
  if (undo.length > MOST_UNDONE) undo.shift();
}

const saved = () => ({ ...copy(state), points: curve.length, E: values.E });

function restore({ points, E, ...numbers }) {
  Object.assign(state, copy(numbers));
  curve.length = points;
  curve[points - 1] = E;
  stopped = false;
  render();
}

function buildFields() {
  const input = network.layers[0].x;
  const group = (title, entries, columns, unit) => {
    const set = make("fieldset", {}, find("#fields"));
    make("legend", { textContent: title }, set);
    const grid = make("div", { className: "grid" }, set);
    if (columns <= 4) grid.style.setProperty("--columns", columns);
    for (const [name, get, put] of entries) grid.append(field(name, get, put, unit));
  };
  const row = numbers => numbers.map((_, u) => u);
  group("Inputs", row(state.X[0]).map(u => [unitName(input, u),
    () => state.X[view.sample][u], number => (state.X[view.sample][u] = number)]), 4);
  group("Targets", targetFields(), 4, Array.isArray(state.y[0]) ? 0.01 : 1);
  group("Learning rate", [["η", () => state.learningRate,
    number => (state.learningRate = Math.max(number, 0))]], 4);
  network.layers.forEach((layer, k) => layer.parameters.forEach(name => {
    const array = () => state.parameters[name + k], rows = Array.isArray(array()[0]);
    const letter = (rows ? "w" : "b") + layer.level;
    const entries = rows
      ? array().flatMap((numbers, i) => row(numbers).map(j => [unitName(letter, i, j),
        () => array()[i][j], number => (array()[i][j] = number)]))
      : row(array()).map(j => [unitName(letter, j),
        () => array()[j], number => (array()[j] = number)]);
    group(name + layer.level, entries, rows ? array()[0].length : array().length);
  }));
}

function targetFields() {
  const { kind } = network.loss;
  if (!Array.isArray(state.y[0])) {
    const K = values[`A${network.layers.length}`][0].length;
    const whole = number => Math.min(Math.max(Math.round(number), 0), K - 1);
    return [["c", () => state.y[view.sample], number => (state.y[view.sample] = whole(number))]];
  }
  const share = number => Math.min(Math.max(number, 0), 1);
  const put = {
    BinaryCrossentropy: (row, u, number) => (row[u] = share(number)),
    CategoricalCrossentropy: putShare,
  }[kind] || ((row, u, number) => (row[u] = number));
  return state.y[0].map((_, u) => [unitName("y", u), () => state.y[view.sample][u],
    number => put(state.y[view.sample], u, number)]);
}

// Sets one share of a row; the others keep their proportions and the row its sum.
function putShare(row, u, number) {
  const total = sum(row), rest = total - row[u];
  const own = Math.min(Math.max(number, 0), total);
  row.forEach((other, k) => {
    if (k !== u) row[k] = rest > 0 ? other * (total - own) / rest : (total - own) / (row.length - 1);
  });
  row[u] = own;
}

// An input for a number, which the arrow keys and dragging change by units of 0.01, or of 1.
function field(name, get, put, unit = 0.01) {
  const label = make("label", { textContent: name });
  const input = make("input", { type: "number", step: "any", autocomplete: "off" }, label);
  let dragged = null, changed = false;
  // Takes a number, or says why not.
  const change = number => {
    const refused = refusal(number, put);
    find("#refused").textContent = refused;
    input.setAttribute("aria-invalid", String(refused !== ""));
    if (refused) return;
    if (!changed) remember(saved()); // all that is done to a field in one go is undone in one go
    changed = true;
    stopped = false;
    put(number);
    render();
  };
  const nudge = by => change(Number((get() + by).toPrecision(12)));
  input.addEventListener("blur", () => {
    changed = false;
    find("#refused").textContent = "";
    renderFields();
  });
  input.addEventListener("input", () => change(input.valueAsNumber));
  input.addEventListener("keydown", event => {
    const by = { ArrowUp: unit, ArrowDown: -unit }[event.key];
    if (!by) return;
    event.preventDefault();
    nudge(by * (event.shiftKey ? 10 : 1));
    input.value = format(get(), digits);
  });
  input.addEventListener("pointerdown", event => {
    dragged = { x: event.clientX, from: get(), moved: false };
    input.setPointerCapture(event.pointerId);
  });
  input.addEventListener("pointermove", event => {
    if (!dragged) return;
    const by = Math.round(event.clientX - dragged.x);
    dragged.moved ||= Math.abs(by) > 3;
    if (!dragged.moved) return;
    change(Number((dragged.from + (unit < 1 ? by * unit : by / 30)).toPrecision(12)));
    input.value = format(get(), digits);
  });
  for (const event of ["pointerup", "pointercancel"]) {
    input.addEventListener(event, () => {
      if (dragged && dragged.moved) changed = false;
      dragged = null;
    });
  }
  fields.push({ input, get });
  return label;
}

// Why a number cannot be taken; empty if it can.
function refusal(number, put) {
  if (!Number.isFinite(number)) return "This is not a number yet: the last one stays.";
  const before = copy(state);
  put(number);
  const possible = allFinite(trainingStep(network, state));
  Object.assign(state, before);
  return possible ? "" : "This number would make others infinite: the last one stays.";
}

function renderFields() {
  for (const { input, get } of fields) {
    if (input === document.activeElement) continue; // the reader is typing there
    input.value = format(get(), digits);
    input.removeAttribute("aria-invalid");
  }
}

// -------------------------------------------------------------------------------------- training

// Takes some steps; like Python's `fit`, it stops before one that makes a number infinite.
function train(steps) {
  const before = saved();
  stopped = false;
  for (let step = 0; step < steps && !stopped; step++) {
    const old = state.parameters, found = trainingStep(network, state);
    state.parameters = {};
    for (const key of Object.keys(old)) state.parameters[key] = found[`new${key}`];
    const next = trainingStep(network, state);
    stopped = !allFinite(next);
    if (stopped) state.parameters = old;
    else curve.push(next.E);
  }
  if (curve.length > before.points) remember(before);
  if (stopped) goOn(false);
  render();
}

function goOn(go) {
  clearInterval(view.timer);
  view.timer = go ? setInterval(() => train(1), 100) : null;
  find("#run").setAttribute("aria-pressed", String(go));
  find("#run").textContent = go ? "Stop" : "Go on training";
}

function renderTraining() {
  if (!network.runs) return;
  const steps = curve.length - 1;
  find("#state").textContent = `E = ${format(values.E, digits)} after ${steps} ` +
    `step${steps === 1 ? "" : "s"} of training` +
    (stopped ? ". The next step would make a number infinite: lower the learning rate." : "");
  find("#undo").disabled = !undo.length;
  find("#reset").disabled = !undo.length;
  const [width, height, left, top] = [420, 150, 56, 12], most = largest(curve, 1e-12);
  const x = k => left + (width - left - 10) * k / Math.max(steps, 1);
  const y = E => top + (height - top - 24) * (1 - E / most);
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `E over ${steps} steps, from ${short(curve[0])} to ${short(values.E)}`,
  });
  svg("path", { class: "axis", d: `M${left},${top}V${y(0)}H${width - 10}` }, root);
  svg("text", { class: "tick", x: left - 5, y: y(most) + 4 }, root, short(most));
  svg("text", { class: "tick", x: left - 5, y: y(0) + 4 }, root, "0");
  svg("text", { class: "tick", x: width - 10, y: height - 6 }, root,
    `step ${steps}`);
  const points = curve.map((E, k) => `${x(k)},${y(E)}`).join("L");
  svg("path", { class: "curve", d: `M${points}` }, root);
  svg("circle", { class: "dot", cx: x(steps), cy: y(values.E), r: 4 }, root);
  find("#curve").replaceChildren(root);
}

// ----------------------------------------------------------------------------------------- start

network.runs = network.stages.length > 0 && setUp();
for (const button of document.querySelectorAll("button[data-step]")) {
  button.addEventListener("click", () => chooseStep(button.dataset.step));
}
if (network.stages.length) {
  drawing = new Drawing(find("#drawing"), network, values, chosen => {
    view.chosen = chosen;
    find("#chain").hidden = false;
    render();
  });
  for (const id of ["#legend", "#chain-hint"]) find(id).hidden = false;
  find("#wide-hint").hidden = drawing.numbers.every(Boolean);
  if (!network.single) {
    find("#sample-choice").hidden = false;
    values.A0.forEach((_, i) => find("#sample").add(new Option(String(i), String(i))));
    find("#sample").addEventListener("change", event => {
      view.sample = Number(event.target.value);
      render();
    });
  }
  addEventListener("resize", () => {
    if (drawing.upright !== find("#drawing").clientWidth < 560) drawing.build();
    else drawing.fit();
    render();
  });
  addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    view.chosen = null;
    find("#chain").hidden = true;
    render();
  });
}
if (network.runs) {
  Object.assign(state, copy(state)); // the recorded numbers stay as they are
  curve = [values.E];
  start = saved();
  for (const id of ["#training", "#editing"]) find(id).hidden = false;
  buildFields();
  find("#train").addEventListener("click", () => train(1));
  find("#train-ten").addEventListener("click", () => train(10));
  find("#run").addEventListener("click", () => goOn(!view.timer));
  find("#undo").addEventListener("click", () => {
    goOn(false);
    restore(undo.pop());
  });
  find("#reset").addEventListener("click", () => {
    goOn(false);
    undo = [];
    restore(start);
  });
}
find("#still").hidden = network.runs;
chooseStep("forward");
