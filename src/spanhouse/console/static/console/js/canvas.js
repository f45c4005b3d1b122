/** Canvas basics: sharp on every screen, redrawn once a frame, marks at round steps. */

/** Fits the canvas to its box and returns a context in CSS pixels. */
export function fit(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const g = canvas.getContext("2d");
  g.setTransform(scale, 0, 0, scale, 0, 0);
  return g;
}

/** However often it is asked within a frame, draws once. */
export function oncePerFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

/** Steps people count in: 1, 2, 5 × 10ⁿ below a second; 1, 2, 5, 10, 15, 30 of a minute or an hour above. */
const STEPS = [];
for (let unit = 1; unit < 1e9; unit *= 10) STEPS.push(unit, 2 * unit, 5 * unit);
for (const s of [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400]) STEPS.push(s * 1e9);

/** The smallest round step (ns) that leaves at most `most` of them within `length`. */
export function roundStep(length, most) {
  const least = length / Math.max(1, most);
  const step = STEPS.find((candidate) => candidate >= least);
  if (step) return step;
  return 86400e9 * 10 ** Math.ceil(Math.log10(least / 86400e9));
}

/** Cuts text to a width with an ellipsis; remembers what it measured. */
export function textCutter() {
  const widths = new Map();
  return (g, text, room) => {
    const width = (part) => {
      const key = `${g.font}\n${part}`;
      let known = widths.get(key);
      if (known === undefined) {
        if (widths.size > 20_000) widths.clear();
        known = g.measureText(part).width;
        widths.set(key, known);
      }
      return known;
    };
    const whole = width(text.length > 400 ? text.slice(0, 400) : text);
    if (whole <= room) return [text, whole];
    let [low, high] = [0, Math.min(text.length, 400)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (width(`${text.slice(0, middle)}…`) <= room) low = middle;
      else high = middle - 1;
    }
    return low ? [`${text.slice(0, low)}…`, width(`${text.slice(0, low)}…`)] : ["", 0];
  };
}
