// Where the numbers on the lines stand: nowhere on another text or on a unit.

const LINE = 16; // the height of a number
const width = text => text.getComputedTextLength() + 5;

class Labels {
  constructor() {
    this.boxes = []; // [left, top, right, bottom] of what stands there already
  }

  // Takes the place of a text, or of something else of a width and a height.
  take(x, y, width, height = LINE) {
    this.boxes.push([x - width / 2, y - height / 2, x + width / 2, y + height / 2]);
  }

  isFree(x, y, width) {
    const [left, top, right, bottom] =
      [x - width / 2, y - LINE / 2, x + width / 2, y + LINE / 2];
    return this.boxes.every(box =>
      right <= box[0] || left >= box[2] || bottom <= box[1] || top >= box[3]);
  }

  // Lets numbers slide along their lines until each finds a place: near where it was, or else near
  // its share of the way. One that finds none is written more briefly, or left out until the reader
  // points at its line.
  place(labels) {
    const widths = labels.map(({ text }) => width(text)); // all are measured before one is moved
    labels.forEach((label, k) => {
      if (!this.slide(label, widths[k]) && label.brief) {
        label.text.textContent = label.brief;
        this.slide(label, width(label.text));
      }
      label.text.classList.toggle("left-out", label.found === undefined);
    });
  }

  slide(label, width) {
    const { text, from: [x, y], to: [u, v], share } = label, shares = [label.found, share];
    for (let by = 0.01; by < 0.8; by += 0.01) shares.push(share + by, share - by);
    const at = t => [x + t * (u - x), y + t * (v - y)];
    label.found = shares.find(t => t > 0.1 && t < 0.9 && this.isFree(...at(t), width));
    if (label.found === undefined) return false;
    const [a, b] = at(label.found);
    text.setAttribute("x", a);
    text.setAttribute("y", b);
    this.take(a, b, width);
    return true;
  }
}
