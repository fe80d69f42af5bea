// How numbers and names are written: as Python's text form writes them.

const trimmed = text => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
const isSmallOrHuge = number => number !== 0 && (Math.abs(number) < 1e-5 || Math.abs(number) >= 1e6);

// Numbers as texts, all with the same number of decimals: as few as show nine places of each.
function formatNumbers(numbers, digits) {
  if (numbers.some(isSmallOrHuge)) {
    return numbers.map(number => {
      const shortest = number.toExponential(), cut = number.toExponential(digits - 1);
      const [mantissa, power] = (shortest.length < cut.length ? shortest : cut).split("e");
      const size = String(Math.abs(power)).padStart(2, "0");
      return number ? `${trimmed(mantissa)}e${power[0]}${size}` : "0";
    });
  }
  const texts = numbers.map(number => {
    const shortest = String(number), cut = number.toFixed(digits);
    return trimmed(shortest.length < cut.length ? shortest : cut);
  });
  const places = Math.max(...texts.map(text => (text.split(".")[1] || "").length));
  return texts.map((text, k) => {
    if (!numbers[k]) return "0";
    const [whole, decimals = ""] = text.split(".");
    return places ? `${whole}.${decimals.padEnd(places, "0")}` : whole;
  });
}

// The lines of a matrix with its columns aligned; of a large one the first few rows and columns.
function matrixLines(array, digits, columns = 5) {
  const matrix = !Array.isArray(array) ? [[array]] : Array.isArray(array[0]) ? array : [array];
  const m = matrix.length <= 6 ? matrix.length : 4;
  const n = matrix[0].length <= columns ? matrix[0].length : columns - 1;
  const texts = formatNumbers(matrix.slice(0, m).flatMap(row => row.slice(0, n)), digits);
  const rows = Array.from({ length: m }, (_, i) => texts.slice(i * n, (i + 1) * n));
  if (n < matrix[0].length) rows.forEach(row => row.push("…"));
  if (m < matrix.length) rows.push(rows[0].map(() => "⋮"));
  const widths = rows[0].map((_, j) => Math.max(...rows.map(row => row[j].length)));
  return rows.map(row => row.map((text, j) => text.padStart(widths[j])).join("  "));
}

// A matrix before and after an update, side by side.
function changeLines(before, after, digits) {
  const a = matrixLines(before, digits, 3), b = matrixLines(after, digits, 3);
  const width = Math.max(...a.map(line => line.length));
  return a.map((line, k) => `${line.padEnd(width)}  ${k ? " " : "→"}  ${b[k]}`);
}

// The largest of numbers, of which there may be too many for the arguments of Math.max.
const largest = (numbers, least) => numbers.reduce((a, b) => Math.max(a, b), least);

const format = (number, digits) => formatNumbers([number], digits)[0];

// A number as Python's format "g" writes it.
function general(number, digits = 6) {
  if (number === 0) return "0";
  const [mantissa, power] = number.toExponential(digits - 1).split("e");
  if (power < -4 || power >= digits) {
    return `${trimmed(mantissa)}e${power[0]}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return trimmed(number.toFixed(Math.max(digits - 1 - power, 0)));
}

// A number with two or three digits and a true minus sign, for drawings.
function short(number) {
  const size = Math.abs(number);
  let text = general(number, 3);
  if (size >= 1000 && size < 1e5) text = number.toFixed(0);
  else if (size && (size < 1e-4 || size >= 1e5)) text = number.toExponential(1).replace("e+", "e");
  return text.replace(/-/g, "−");
}

const subscript = number => String(number).replace(/\d/g, digit => "₀₁₂₃₄₅₆₇₈₉"[digit]);

// a₁⁽¹⁾ for unit 0 of a⁽¹⁾, w₁₂⁽¹⁾ for the units 0 and 1.
function unitName(symbol, ...units) {
  const [letter, level] = symbol.split("⁽");
  const comma = Math.max(...units) > 8 ? "," : "";
  const low = units.map(unit => subscript(unit + 1)).join(comma);
  return `${letter}${low}${level ? `⁽${level}` : ""}`;
}
