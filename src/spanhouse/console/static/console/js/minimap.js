/** The whole trace in a strip: every span a line; a brush over it says which piece of time the waterfall shows. */

import { fit, oncePerFrame } from "./canvas.js";
import { PAD } from "./paint.js";
import { hueOf, onTheme, palette } from "./palette.js";

const HIGH = 48;
const EDGE = 6;

export class Minimap {
  /** Calls `onBrush(from, to)` while a piece is brushed; double click shows all again. */
  constructor(canvas, tree, onBrush) {
    Object.assign(this, { canvas, tree, onBrush });
    this.length = Math.max(1, tree.payload.duration);
    this.view = [0, this.length];
    this.picture = document.createElement("canvas");
    this.draw = oncePerFrame(() => this.drawNow());
    new ResizeObserver(() => this.repaint()).observe(canvas.parentElement);
    onTheme(canvas, () => this.repaint());
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("dblclick", () => onBrush(0, this.length));
    this.repaint();
  }

  show(from, to) {
    this.view = [from, to];
    this.draw();
  }

  x(t) { return PAD + (t / this.length) * (this.width - 2 * PAD); }

  time(x) { return Math.min(1, Math.max(0, (x - PAD) / (this.width - 2 * PAD))) * this.length; }

  /** Spans painted once; the brush goes over a copy. */
  repaint() {
    this.width = this.canvas.parentElement.clientWidth;
    if (!this.width) return;
    this.colours = palette();
    const { tree, picture, colours } = this;
    const g = fit(picture, this.width, HIGH);
    g.fillStyle = colours.surface;
    g.fillRect(0, 0, this.width, HIGH);
    const high = Math.max(1, Math.min(4, (HIGH - 8) / tree.size - 0.5));
    const hues = tree.services.map(hueOf);
    for (let hue = 0; hue < colours.service.length; hue++) {
      g.fillStyle = colours.service[hue];
      for (let row = 0; row < tree.size; row++) if (hues[tree.service[row]] === hue) this.line(g, row, high);
    }
    g.fillStyle = colours.bad;
    for (let row = 0; row < tree.size; row++) if (tree.isError(row)) this.line(g, row, high);
    this.draw();
  }

  line(g, row, high) {
    const { tree } = this;
    if (tree.isOddTime(row)) return;
    const y = 4 + Math.min(row * 5, (row / tree.size) * (HIGH - 8));
    g.fillRect(this.x(tree.start[row]), y, Math.max(1, (tree.length[row] / this.length) * (this.width - 2 * PAD)), high);
  }

  drawNow() {
    if (!this.width) return;
    const g = fit(this.canvas, this.width, HIGH);
    g.drawImage(this.picture, 0, 0, this.width, HIGH);
    const [from, to] = this.view.map((t) => this.x(t));
    const whole = this.view[0] <= 0 && this.view[1] >= this.length;
    if (whole) return;
    g.fillStyle = this.colours.surface;
    g.globalAlpha = 0.72;
    g.fillRect(0, 0, from, HIGH);
    g.fillRect(to, 0, this.width - to, HIGH);
    g.globalAlpha = 1;
    g.fillStyle = this.colours.accent;
    g.fillRect(from - 1, 0, 2, HIGH);
    g.fillRect(to - 1, 0, 2, HIGH);
    g.fillRect(from - 3, HIGH / 2 - 7, 6, 14);
    g.fillRect(to - 3, HIGH / 2 - 7, 6, 14);
  }

  /** Grabs an edge, the piece itself when zoomed, or starts a new piece. */
  press(event) {
    if (event.button !== 0) return;
    const left = this.canvas.getBoundingClientRect().left;
    const at = event.clientX - left;
    const [from, to] = this.view.map((t) => this.x(t));
    const whole = this.view[0] <= 0 && this.view[1] >= this.length;
    const follow = !whole && Math.abs(at - from) < EDGE ? this.dragging(this.view[1])
      : !whole && Math.abs(at - to) < EDGE ? this.dragging(this.view[0])
      : !whole && at > from && at < to ? this.sliding(this.time(at))
      : this.dragging(this.time(at), at);
    this.canvas.setPointerCapture(event.pointerId);
    const move = (moved) => follow(moved.clientX - left);
    this.canvas.addEventListener("pointermove", move);
    this.canvas.addEventListener("pointerup", () => this.canvas.removeEventListener("pointermove", move), { once: true });
  }

  dragging(anchor, startedAt = null) {
    return (x) => {
      if (startedAt !== null && Math.abs(x - startedAt) < 3) return;
      const t = this.time(x);
      this.onBrush(Math.min(anchor, t), Math.max(anchor, t));
    };
  }

  sliding(grabbed) {
    const [from, to] = this.view;
    return (x) => {
      const shift = Math.min(this.length - to, Math.max(-from, this.time(x) - grabbed));
      this.onBrush(from + shift, to + shift);
    };
  }
}
