/** Sparklines of the services table: requests as a line, errors as red marks. They come after the table stands. */

const [WIDE, HIGH] = [96, 20];
const SVG = "http://www.w3.org/2000/svg";

export async function mount(root) {
  const sparks = root.querySelectorAll("[data-spark]");
  if (!sparks.length) return;
  const answer = await fetch(root.dataset.series, { headers: { "X-Requested-With": "fetch" } });
  if (!answer.ok) return;
  const series = await answer.json();
  for (const spark of sparks) if (series[spark.dataset.spark]) draw(spark, series[spark.dataset.spark]);
}

function draw(svg, { rate, errors }) {
  const most = Math.max(...rate, 1e-9);
  const step = WIDE / Math.max(1, rate.length - 1);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", rate.map((value, at) => `${at ? "L" : "M"}${(at * step).toFixed(1)} ${(HIGH - 2 - (value / most) * (HIGH - 4)).toFixed(1)}`).join(""));
  const marks = errors.flatMap((value, at) => (value > 0 ? [mark(at * step, value / most)] : []));
  svg.replaceChildren(...marks, path);
}

function mark(x, share) {
  const high = Math.max(2, Math.min(1, share) * (HIGH - 4));
  const rect = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x: x - 0.75, y: HIGH - 2 - high, width: 1.5, height: high })) rect.setAttribute(name, value.toFixed(1));
  return rect;
}
