/** Duration over time, a dot a trace: red where something failed. A click opens the trace, a drag narrows the time. */

import { fit, oncePerFrame, roundStep } from "./canvas.js";
import { count, dateTime, duration, rfc3339, zoneOffset } from "./format.js";
import { withRange } from "./frame.js";
import { onTheme, palette } from "./palette.js";

const HIGH = 176;
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 12, 10, 22];
const NEAR = 9;

export function mountScatter(root, points, words) {
  new Scatter(root, points, words);
}

class Scatter {
  constructor(root, points, words) {
    Object.assign(this, { root, points, words });
    this.canvas = root.querySelector("canvas");
    this.from = Number(root.dataset.from);
    this.to = Math.max(this.from + 1, Number(root.dataset.to));
    this.scale = durationScale(points);
    this.colours = palette();
    this.near = null;
    this.drag = null;
    this.draw = oncePerFrame(() => this.drawNow());
    new ResizeObserver(() => this.draw()).observe(root);
    onTheme(root, () => {
      this.colours = palette();
      this.draw();
    });
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("pointerup", (event) => this.release(event));
  }

  x(at) { return LEFT + ((at - this.from) / (this.to - this.from)) * (this.width - LEFT - RIGHT); }

  y(ns) { return HIGH - BOTTOM - this.scale.share(ns) * (HIGH - TOP - BOTTOM); }

  time(x) { return this.from + ((Math.min(this.width - RIGHT, Math.max(LEFT, x)) - LEFT) / (this.width - LEFT - RIGHT)) * (this.to - this.from); }

  move(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (this.drag) this.drag.to = x;
    let [best, least] = [null, NEAR ** 2];
    for (const point of this.points) {
      const far = (this.x(point.at) - x) ** 2 + (this.y(point.duration) - y) ** 2;
      if (far < least) [best, least] = [point, far];
    }
    this.point(best);
  }

  point(near) {
    this.near = near;
    this.canvas.style.cursor = near ? "pointer" : "";
    this.root.title = near ? this.describe(near) : "";
    this.draw();
  }

  describe(point) {
    const { words } = this;
    const date = new Date(point.at);
    const lines = [`${point.name} · ${point.service}`, `${words.duration} ${duration(point.duration)}`, `${words.spans} ${count(point.spans)}`];
    if (point.errors) lines.push(`${words.errors} ${count(point.errors)}`);
    lines.push(`${dateTime(point.at, { fraction: true })} ${zoneOffset(date)}`);
    return lines.join("\n");
  }

  press(event) {
    if (event.button !== 0) return;
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    this.drag = { from: x, to: x };
    this.canvas.setPointerCapture(event.pointerId);
  }

  release() {
    const { drag } = this;
    this.drag = null;
    this.draw();
    if (!drag) return;
    if (Math.abs(drag.to - drag.from) > 5) {
      const [start, end] = [this.time(Math.min(drag.from, drag.to)), this.time(Math.max(drag.from, drag.to))];
      location.assign(withRange({ from: rfc3339(Math.floor(start)), to: rfc3339(Math.ceil(end)) }));
    } else if (this.near) location.assign(this.near.url);
  }

  drawNow() {
    this.width = this.root.clientWidth;
    if (!this.width) return;
    const g = fit(this.canvas, this.width, HIGH);
    const { colours } = this;
    g.clearRect(0, 0, this.width, HIGH);
    this.drawAxes(g);
    g.globalAlpha = 0.75;
    for (const failed of [false, true]) {
      g.fillStyle = failed ? colours.bad : colours.accent;
      for (const point of this.points) if (Boolean(point.errors) === failed) this.dot(g, point, 3.5);
    }
    g.globalAlpha = 1;
    if (this.near) {
      g.fillStyle = this.near.errors ? colours.bad : colours.accent;
      this.dot(g, this.near, 5.5);
      g.strokeStyle = colours.ink;
      g.lineWidth = 1.5;
      g.stroke();
    }
    if (this.drag) {
      g.globalAlpha = 0.15;
      g.fillStyle = colours.accent;
      g.fillRect(Math.min(this.drag.from, this.drag.to), TOP, Math.abs(this.drag.to - this.drag.from), HIGH - TOP - BOTTOM);
      g.globalAlpha = 1;
    }
  }

  dot(g, point, radius) {
    g.beginPath();
    g.arc(this.x(point.at), this.y(point.duration), radius, 0, 7);
    g.fill();
  }

  drawAxes(g) {
    const { colours, width } = this;
    g.font = `11px ${colours.font}`;
    g.textBaseline = "middle";
    g.textAlign = "right";
    for (const ns of this.scale.marks) {
      const y = Math.round(this.y(ns));
      g.fillStyle = colours.line;
      g.fillRect(LEFT, y, width - LEFT - RIGHT, 1);
      g.fillStyle = colours.ink2;
      g.fillText(duration(ns, { trim: true }), LEFT - 8, y);
    }
    g.textAlign = "center";
    const step = roundStep((this.to - this.from) * 1e6, (width - LEFT) / 90) / 1e6;
    const shift = new Date(this.from).getTimezoneOffset() * 60_000;
    for (let at = Math.ceil((this.from - shift) / step) * step + shift; at <= this.to; at += step) {
      const text = dateTime(at, { fraction: step < 1000 });
      const shown = step >= 86_400_000 ? text.slice(5, 10) : step >= 60_000 ? text.slice(11, 16) : text.slice(11);
      g.fillStyle = colours.line;
      g.fillRect(Math.round(this.x(at)), HIGH - BOTTOM, 1, 4);
      g.fillStyle = colours.ink2;
      if (this.x(at) > LEFT + 16 && this.x(at) < width - 24) g.fillText(shown, this.x(at), HIGH - 9);
    }
    g.textAlign = "left";
  }
}

/** Logarithmic where durations differ much, so that neither the many fast nor the few slow are lost; else from zero. */
function durationScale(points) {
  const lengths = points.map(({ duration: ns }) => Math.max(1, ns));
  const [low, high] = [Math.min(...lengths), Math.max(...lengths)];
  if (high / low < 20) {
    const step = roundStep(high, 4);
    const top = Math.ceil((high * 1.02) / step) * step;
    return { share: (ns) => ns / top, marks: range(0, top, step) };
  }
  const [bottom, top] = [Math.log10(low) - 0.08, Math.log10(high) + 0.08];
  const between = top - bottom < 2 ? [1, 2, 5] : [1];
  const marks = [];
  for (let power = Math.floor(bottom); power <= top; power++) {
    for (const factor of between) if (Math.log10(factor) + power >= bottom && Math.log10(factor) + power <= top) marks.push(factor * 10 ** power);
  }
  return { share: (ns) => (Math.log10(Math.max(1, ns)) - bottom) / (top - bottom), marks };
}

function range(from, to, step) {
  const marks = [];
  for (let at = from; at <= to + step / 2; at += step) marks.push(at);
  return marks;
}
