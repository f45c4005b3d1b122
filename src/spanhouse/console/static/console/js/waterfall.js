/** The waterfall: what is on view of a Tree, and what pointer and keys do to it. Painting is in paint.js. */

import { fit, oncePerFrame } from "./canvas.js";
import { exact, offset } from "./format.js";
import { HEAD, paint, PAD, ROW } from "./paint.js";
import { onTheme, palette } from "./palette.js";

const NAME_MIN = 140;
const ZOOM_LEAST_NS = 10;
const MEMORY = "spanhouse.waterfall.name";

export class Waterfall {
  /** Calls `onSelect(row)` when a row is chosen and `onView(from, to)` when the piece of time on view changes. */
  constructor(root, tree, words, { onSelect, onView }) {
    Object.assign(this, { root, tree, words, onSelect, onView });
    this.scroller = root.querySelector("[data-scroller]");
    this.space = root.querySelector("[data-space]");
    this.canvas = root.querySelector("canvas");
    this.splitter = root.querySelector("[data-splitter]");
    this.selected = -1;
    this.hovered = -1;
    this.pointer = null;
    this.drag = null;
    this.showCritical = true;
    this.scale = [0, Math.max(1, tree.payload.duration)];
    this.view = [...this.scale];
    this.extras = extrasOf(tree.payload);
    this.colours = palette();
    this.nameWidth = Number(localStorage.getItem(MEMORY)) || 0;
    this.draw = oncePerFrame(() => this.drawNow());
    this.listen();
    this.resize();
  }

  listen() {
    const { scroller, canvas } = this;
    new ResizeObserver(() => this.resize()).observe(scroller);
    scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    scroller.addEventListener("keydown", (event) => this.key(event));
    scroller.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointerup", (event) => this.release(event));
    canvas.addEventListener("dblclick", (event) => this.zoomToRow(this.at(event).row));
    onTheme(canvas, () => {
      this.colours = palette();
      this.draw();
    });
    listenToSplitter(this);
  }

  resize() {
    this.width = this.scroller.clientWidth;
    this.height = this.scroller.clientHeight;
    const wished = this.nameWidth || Math.min(420, Math.round(this.width * 0.36));
    this.nameNow = Math.max(NAME_MIN, Math.min(wished, this.width - 160));
    this.splitter.style.left = `${this.nameNow - 3}px`;
    this.splitter.setAttribute("aria-valuenow", String(this.nameNow));
    this.changed();
  }

  /** After rows were folded, found or filtered. */
  changed() {
    this.root.dataset.rows = String(this.tree.visible.length);
    this.space.style.height = `${HEAD + this.tree.visible.length * ROW + PAD}px`;
    this.draw();
  }

  drawNow() {
    if (!this.width || !this.height) return;
    paint(fit(this.canvas, this.width, this.height), this);
  }

  /** Where time `t` (ns from the trace's start) is drawn. */
  x(t) {
    const [from, to] = this.view;
    return this.nameNow + PAD + ((t - from) / (to - from)) * this.room();
  }

  room() { return Math.max(1, this.width - this.nameNow - 2 * PAD); }

  time(x) {
    const [from, to] = this.view;
    return from + ((x - this.nameNow - PAD) / this.room()) * (to - from);
  }

  /** The row, time and part under the pointer. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const place = Math.floor((y - HEAD + this.scroller.scrollTop) / ROW);
    const row = y >= HEAD && place < this.tree.visible.length ? this.tree.visible[place] : -1;
    return { x, y, row, inTime: x > this.nameNow, t: this.time(x) };
  }

  move(event) {
    const at = this.at(event);
    this.pointer = at.inTime ? at.x : null;
    if (this.drag) this.drag.to = at.t;
    if (at.row !== this.hovered) {
      this.hovered = at.row;
      this.canvas.title = at.row < 0 ? "" : this.describeExactly(at.row);
    }
    this.draw();
  }

  leave() {
    this.hovered = -1;
    this.pointer = null;
    this.draw();
  }

  press(event) {
    const at = this.at(event);
    if (event.button !== 0) return;
    this.scroller.focus({ preventScroll: true });
    if (!at.inTime) return;
    this.drag = { from: at.t, to: at.t, x: at.x };
    this.canvas.setPointerCapture(event.pointerId);
  }

  release(event) {
    const at = this.at(event);
    const { drag } = this;
    this.drag = null;
    if (drag && Math.abs(at.x - drag.x) > 4) {
      this.setView(Math.min(drag.from, at.t), Math.max(drag.from, at.t));
    } else if (at.row >= 0) {
      const onTwisty = !at.inTime && this.tree.children[at.row] && this.twisty && at.x < this.twisty(at.row) + 18 && at.x > this.twisty(at.row) - 6;
      if (onTwisty) this.toggle(at.row);
      else this.select(at.row);
    }
    this.draw();
  }

  wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const box = this.canvas.getBoundingClientRect();
      this.zoom(Math.exp(event.deltaY / 300), this.time(Math.max(this.nameNow, event.clientX - box.left)));
      return;
    }
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (sideways && this.zoomed()) {
      event.preventDefault();
      this.pan((sideways / this.room()) * (this.view[1] - this.view[0]));
    }
  }

  zoomed() { return this.view[0] > this.scale[0] || this.view[1] < this.scale[1]; }

  zoom(factor, around) {
    const [from, to] = this.view;
    this.setView(around - (around - from) * factor, around + (to - around) * factor);
  }

  pan(by) {
    const [from, to] = this.view;
    const most = this.scale[1] - to;
    const least = this.scale[0] - from;
    const shift = Math.min(most, Math.max(least, by));
    this.setView(from + shift, to + shift);
  }

  zoomToRow(row) {
    if (row < 0 || this.tree.isOddTime(row)) return;
    const length = Math.max(this.tree.length[row], ZOOM_LEAST_NS);
    this.setView(this.tree.start[row] - length * 0.05, this.tree.start[row] + length * 1.05);
  }

  setView(from, to) {
    const low = Math.max(this.scale[0], Math.min(from, to - ZOOM_LEAST_NS));
    const high = Math.min(this.scale[1], Math.max(to, low + ZOOM_LEAST_NS));
    this.view = high > low ? [low, high] : [...this.scale];
    this.root.dataset.view = this.view.map(Math.round).join(" ");
    this.onView(...this.view);
    this.draw();
  }

  toggle(row) {
    this.tree.fold(row, !this.tree.folded[row]);
    this.changed();
  }

  select(row, { quietly = false } = {}) {
    this.selected = row;
    this.scrollTo(row);
    this.draw();
    if (!quietly) this.onSelect(row);
  }

  scrollTo(row) {
    const place = this.tree.place[row];
    if (place < 0) return;
    const top = place * ROW;
    const room = this.height - HEAD - ROW;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top > this.scroller.scrollTop + room) this.scroller.scrollTop = top - room + ROW;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = KEYS[event.key];
    if (!act || !this.tree.visible.length) return;
    event.preventDefault();
    act(this);
  }

  /** Moves the choice among the rows on view. */
  step(by) {
    const { visible, place } = this.tree;
    const now = this.selected >= 0 ? place[this.selected] : -1;
    const next = Math.min(visible.length - 1, Math.max(0, now < 0 && by > 0 ? 0 : now + by));
    this.select(visible[next]);
  }

  /** Folds the chosen row, or goes to its parent when there is nothing to fold. */
  left() {
    const row = this.selected;
    if (row < 0) return;
    if (this.tree.children[row] && !this.tree.folded[row]) this.toggle(row);
    else if (this.tree.parent[row] >= 0) this.select(this.tree.parent[row]);
  }

  right() {
    const row = this.selected;
    if (row < 0 || !this.tree.children[row]) return;
    if (this.tree.folded[row]) this.toggle(row);
    else this.step(1);
  }

  describeExactly(row) {
    const { tree } = this;
    const lines = [`${tree.spanName(row)} · ${tree.serviceName(row)}`];
    if (tree.isOddTime(row)) lines.push(this.words.oddTime);
    else lines.push(`${exact(tree.length[row])} ns`, `${offset(tree.start[row])} (${exact(tree.start[row])} ns)`);
    return lines.join("\n");
  }
}

const PAGE = (waterfall) => Math.max(1, Math.floor((waterfall.height - HEAD) / ROW) - 1);

const KEYS = {
  ArrowDown: (w) => w.step(1),
  ArrowUp: (w) => w.step(-1),
  ArrowLeft: (w) => w.left(),
  ArrowRight: (w) => w.right(),
  PageDown: (w) => w.step(PAGE(w)),
  PageUp: (w) => w.step(-PAGE(w)),
  Home: (w) => w.select(w.tree.visible[0]),
  End: (w) => w.select(w.tree.visible[w.tree.visible.length - 1]),
  Enter: (w) => w.selected >= 0 && w.select(w.selected),
  " ": (w) => w.selected >= 0 && w.toggle(w.selected),
  "+": (w) => w.zoom(0.6, (w.view[0] + w.view[1]) / 2),
  "=": (w) => w.zoom(0.6, (w.view[0] + w.view[1]) / 2),
  "-": (w) => w.zoom(1 / 0.6, (w.view[0] + w.view[1]) / 2),
  0: (w) => w.setView(...w.scale),
  z: (w) => w.zoomToRow(w.selected),
};

/** What few rows have, by row: their own time, the critical path (from, to, from, to …), the times of events. */
function extrasOf(payload) {
  const byRow = (values) => new Map(Object.entries(values).map(([row, value]) => [Number(row), value]));
  return { self: byRow(payload.self), critical: byRow(payload.critical), events: byRow(payload.events) };
}

function listenToSplitter(waterfall) {
  const { splitter, scroller } = waterfall;
  const set = (width) => {
    waterfall.nameWidth = Math.max(NAME_MIN, Math.round(width));
    localStorage.setItem(MEMORY, String(waterfall.nameWidth));
    waterfall.resize();
  };
  splitter.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    splitter.setPointerCapture(event.pointerId);
    const left = scroller.getBoundingClientRect().left;
    const follow = (moved) => set(moved.clientX - left);
    splitter.addEventListener("pointermove", follow);
    splitter.addEventListener("pointerup", () => splitter.removeEventListener("pointermove", follow), { once: true });
  });
  splitter.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") set(waterfall.nameNow - 16);
    if (event.key === "ArrowRight") set(waterfall.nameNow + 16);
  });
}
