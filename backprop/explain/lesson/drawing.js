// The drawing: columns of units, a line for each weight, and E at the end.

const RADIUS = 34;
// Between two layers that both have more units, only lines that the reader points at have numbers.
const MOST_WITH_NUMBERS = 5;
const LEAST_SCALE = { across: 0.76, upright: 0.7 }; // of the drawing, so that it can be read

// What the units and the lines show in each step: keys of arrays by the number of the layer.
const SHOWN = {
  forward: { unit: ([, stop]) => `A${stop + 1}`, line: "W", bias: "b", back: false },
  loss: { unit: ([, stop]) => `A${stop + 1}`, line: "W", bias: "b", back: false },
  backward: { unit: ([start]) => `D${start + 1}`, line: "W", back: true },
  gradients: { unit: ([start]) => `D${start + 1}`, line: "dW", bias: "db", back: true },
  update: { unit: ([, stop]) => `A${stop + 1}`, line: "newW", bias: "newb", back: false },
};

class Drawing {
  // `choose` is called with the weight [stage, i, j] that the reader points at.
  constructor(container, network, values, choose) {
    Object.assign(this, { container, network, choose });
    this.sizes = [values.A0[0].length];
    for (const [, stop] of network.stages) this.sizes.push(values[`A${stop + 1}`][0].length);
    this.numbers = network.stages.map((_, s) => this.fewer(s) <= MOST_WITH_NUMBERS);
    this.build();
  }

  // The units of the smaller one of two layers.
  fewer(s) {
    return Math.min(this.sizes[s], this.sizes[s + 1]);
  }

  build() {
    const most = Math.max(...this.sizes);
    this.upright = this.container.clientWidth < 560; // on a phone, from top to bottom
    const across = this.upright ? 100 : 104;
    const distance = s => {
      if (!this.numbers[s]) return 300;
      if (this.upright) return 160 + 40 * this.fewer(s);
      return Math.max(200, 76 * (this.fewer(s) + 1));
    };
    const along = [RADIUS + 18];
    for (let s = 0; s + 1 < this.sizes.length; s++) along.push(along[s] + distance(s));
    const end = along[along.length - 1] + this.endDistance();
    const middle = Math.max(most * across + 24, 290) / 2;
    const place = (a, b) => (this.upright ? [b, a + 16] : [a, b + 30]);
    this.places = this.sizes.map((size, s) =>
      Array.from({ length: size }, (_, u) =>
        place(along[s], middle + (u - (size - 1) / 2) * across)));
    this.endPlace = place(end, middle);
    const [width, height] = this.upright
      ? [2 * middle, end + 56] : [end + 70, Math.max(most * across, 120) + 46];
    if (!this.upright) this.shift(-(middle - Math.max(most * across, 120) / 2));
    this.root = svg("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "group", "aria-labelledby": "network-title",
    });
    this.size = [width, height];
    svg("path", { d: "M0,0L9,4L0,8z", fill: "context-stroke" },
      svg("marker", {
        id: "head", viewBox: "0 0 9 8", refX: 8, refY: 4, markerWidth: 11, markerHeight: 10,
        markerUnits: "userSpaceOnUse", orient: "auto",
      }, svg("defs", {}, this.root)));
    const lines = svg("g", {}, this.root), rest = svg("g", { "aria-hidden": "true" }, this.root);
    this.buildLines(lines, rest);
    this.buildUnits(rest, along, middle);
    this.container.replaceChildren(this.root);
    this.fit();
    this.container.scrollLeft = (this.container.scrollWidth - this.container.clientWidth) / 2;
  }

  // How far E stands behind the outputs: on a line that goes straight there, its words take room.
  endDistance() {
    if (this.upright) return 180;
    return this.sizes[this.sizes.length - 1] === 2 ? 205 : 230;
  }

  // Makes the drawing as large as its place and the window let it be. Where it would be too small
  // to read, it takes the width of the page, and if that is not enough, it can be scrolled.
  fit() {
    const [width, height] = this.size;
    const least = this.upright ? LEAST_SCALE.upright : LEAST_SCALE.across;
    const page = document.querySelector("main");
    page.classList.remove("wide");
    page.classList.toggle("wide", this.container.clientWidth < least * width);
    const most = Math.max(least, Math.min(1.7, this.upright ? 1.7 : 0.9 * innerHeight / height));
    this.root.style.minWidth = `${least * width}px`;
    this.root.style.maxWidth = `${most * width}px`;
  }

  shift(by) {
    for (const place of [...this.places.flat(), this.endPlace]) place[1] += by;
  }

  buildLines(lines, rest) {
    this.edges = [];
    this.network.stages.forEach((_, s) => {
      const n = this.sizes[s], m = this.sizes[s + 1];
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < m; j++) {
          const group = svg("g", { class: "edge", role: "button", tabindex: -1 }, lines);
          const edge = { s, i, j, group, hit: svg("line", { class: "hit" }, group) };
          edge.line = svg("line", { class: "stroke" }, group);
          edge.text = svg("text", { class: "on-line" }, rest);
          // here the numbers of a layer stand one beside the other, evenly spaced
          edge.share = m <= n ? 1 / (m + 1) : n / (n + 1);
          if (this.upright) edge.share = 0.35 + 0.4 * i / n; // or one below the other
          Object.assign(edge, { from: this.places[s][i], to: this.places[s + 1][j] });
          const choose = () => this.choose([s, i, j]);
          group.addEventListener("pointerenter", choose);
          group.addEventListener("click", choose);
          group.addEventListener("focus", choose);
          group.addEventListener("keydown", event => this.move(event, edge));
          this.edges.push(edge);
        }
      }
    });
    this.edges[0].group.setAttribute("tabindex", 0);
    this.outputs = this.places[this.places.length - 1].map(from => ({
      from,
      to: this.endPlace,
      share: 0.42,
      line: svg("line", { class: "stroke plain" }, lines),
      text: svg("text", { class: "on-line" }, rest),
    }));
  }

  // From weight to weight with the arrow keys.
  move(event, edge) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const count = this.edges.length;
    const next = this.edges[(this.edges.indexOf(edge) + by + count) % count];
    edge.group.setAttribute("tabindex", -1);
    next.group.setAttribute("tabindex", 0);
    next.group.focus();
  }

  buildUnits(rest, along, middle) {
    this.units = this.places.map((column, s) =>
      column.map(([x, y], u) => {
        const group = svg("g", { class: "unit" }, rest);
        return {
          group,
          circle: svg("circle", { cx: x, cy: y, r: RADIUS }, group),
          symbol: svg("text", { x, y: y - 12, class: "symbol" }, group),
          value: svg("text", { x, y: y + 8, class: "number" }, group),
          // from top to bottom, every other one stands lower, so that they may be wide
          note: svg("text", {
            x, y: y + RADIUS + 13 + (this.upright && u % 2 ? LINE : 0), class: "note",
          }, group),
        };
      }));
    this.heads = this.upright ? [] : this.places.map(column =>
      svg("text", { x: column[0][0], y: 16, class: "head" }, rest));
    const [x, y] = this.endPlace;
    this.end = svg("g", { class: "end" }, rest);
    svg("rect", { x: x - 66, y: y - 19, width: 132, height: 38, rx: 9 }, this.end);
    this.endText = svg("text", { x, y: y + 1, class: "number" }, this.end);
  }

  // Writes the numbers of a sample as a step shows them, and lights what it computes.
  update(values, sample, step, chosen) {
    const { network } = this, shown = SHOWN[step || "forward"], { back } = shown;
    this.root.setAttribute("class",
      `${back ? "back" : "forth"}${this.upright ? " upright" : ""}`);
    const columns = [back ? "D0" : "A0", ...network.stages.map(shown.unit)]
      .map(key => (values[key] ? values[key][sample] : null));
    const heads = network.heads.map(names => names[back ? 1 : 0]);
    this.units.forEach((column, s) => {
      const numbers = columns[s], most = Math.max(...(numbers || [0]).map(Math.abs)) || 1;
      if (this.heads[s]) this.heads[s].textContent = heads[s];
      column.forEach((unit, u) => {
        const number = numbers ? numbers[u] : NaN;
        unit.symbol.textContent = this.unitSymbol(heads[s], u);
        unit.value.textContent = numbers ? short(number) : "";
        unit.circle.style.fillOpacity = numbers ? 0.06 + 0.34 * Math.abs(number) / most : 0;
        unit.circle.setAttribute("class", number < 0 ? "negative" : "positive");
        const b = s > 0 && values[shown.bias + network.stages[s - 1][0]];
        const name = shown.bias === "db" ? "∂E/∂b" : "b";
        unit.note.textContent = b ? `${name} = ${short(b[u])}` : "";
        const lit = (step === "forward" && s > 0) || step === "backward";
        unit.group.classList.toggle("lit", lit);
        unit.group.classList.toggle("on-path", this.onPath(chosen, s, u));
      });
    });
    this.updateLines(values, shown, step, chosen);
    this.updateEnd(values, sample, back, step, chosen);
    this.placeLabels(step);
  }

  // Finds a place for the numbers on the lines, for those first that the reader points at.
  placeLabels(step) {
    const labels = [...this.outputs, ...this.edges], taken = new Labels();
    if (step !== this.step) for (const label of labels) label.found = undefined;
    this.step = step;
    for (const { circle, note } of this.units.flat()) {
      const [x, y] = ["cx", "cy"].map(name => Number(circle.getAttribute(name)));
      taken.take(x, y, 2 * RADIUS + 4, 2 * RADIUS + 4);
      if (note.textContent) {
        taken.take(x, Number(note.getAttribute("y")), note.getComputedTextLength() + 4);
      }
    }
    taken.take(...this.endPlace, 136, 42);
    for (const { text, shown } of this.edges) text.classList.toggle("left-out", !shown);
    const visible = [...this.outputs, ...this.edges.filter(edge => edge.shown)];
    const isFirst = label => label.text.classList.contains("on-path");
    taken.place([...visible.filter(isFirst), ...visible.filter(label => !isFirst(label))]);
  }

  unitSymbol(head, u) {
    const symbol = head.split(" ")[0];
    return symbol.startsWith("∂E/∂") ? `∂E/∂${unitName(symbol.slice(4), u)}` : unitName(symbol, u);
  }

  onPath(chosen, s, u) {
    return Boolean(chosen) && (s > chosen[0] + 1 || (s === chosen[0] + 1 && u === chosen[2]) ||
      (s === chosen[0] && u === chosen[1]));
  }

  updateLines(values, shown, step, chosen) {
    const matrices = this.network.stages.map(([start]) => values[shown.line + start]);
    const most = Math.max(...matrices.flat(2).map(Math.abs)) || 1;
    for (const edge of this.edges) {
      const { s, i, j, group, hit, line, text, from, to } = edge, number = matrices[s][i][j];
      const strength = Math.abs(number) / most, ends = this.ends(from, to, RADIUS, RADIUS);
      for (const each of [hit, line]) this.lay(each, shown.back ? ends.slice().reverse() : ends);
      line.style.strokeWidth = 1 + 3.4 * strength;
      line.setAttribute("class", `stroke ${number < 0 ? "negative" : "positive"}`);
      text.textContent = short(number);
      const onPath = chosen && (s > chosen[0] + 1 || (s === chosen[0] && i === chosen[1] &&
        j === chosen[2]) || (s === chosen[0] + 1 && i === chosen[2]));
      for (const each of [group, text]) each.classList.toggle("on-path", Boolean(onPath));
      edge.shown = this.numbers[s] || Boolean(onPath && s <= chosen[0] + 1);
      group.classList.toggle("lit", ["forward", "gradients", "update"].includes(step));
      const [start] = this.network.stages[s];
      const w = unitName(`w${this.network.layers[start].level}`, i, j);
      group.setAttribute("aria-label", `${w} = ${short(values[`W${start}`][i][j])}, ` +
        `∂E/∂${w} = ${short(values[`dW${start}`][i][j])}`);
      group.setAttribute("aria-pressed", String(Boolean(chosen) &&
        [s, i, j].every((number, at) => number === chosen[at])));
    }
  }

  updateEnd(values, sample, back, step, chosen) {
    const target = values.y[sample], K = this.outputs.length;
    const goals = Array.isArray(target) ? target : oneHot([target], K)[0];
    const delta = values[`D${this.network.layers.length}`][sample];
    this.outputs.forEach((output, u) => {
      const { from, line, text } = output;
      const ends = this.ends(from, this.endPlace, RADIUS, this.upright ? 24 : 68);
      this.lay(line, back ? ends.slice().reverse() : ends);
      text.textContent = back ? `∂E/∂ŷ = ${short(delta[u])}` : `target ${short(goals[u])}`;
      output.brief = short((back ? delta : goals)[u]);
      if (this.upright && K > 2) text.textContent = output.brief;
      line.classList.toggle("lit", step === "loss" || step === "backward");
      line.classList.toggle("on-path", Boolean(chosen));
    });
    this.end.classList.toggle("lit", step === "loss");
    this.end.classList.toggle("on-path", Boolean(chosen));
    this.endText.textContent = `E = ${general(values.E)}`;
  }

  // Where a line between two places starts and stops, beside what stands there.
  ends([x, y], [u, v], before, after) {
    const length = Math.hypot(u - x, v - y), dx = (u - x) / length, dy = (v - y) / length;
    return [[x + before * dx, y + before * dy], [u - after * dx, v - after * dy]];
  }

  lay(line, [[x1, y1], [x2, y2]]) {
    for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(name, value);
    if (line.classList.contains("stroke")) line.setAttribute("marker-end", "url(#head)");
  }
}
