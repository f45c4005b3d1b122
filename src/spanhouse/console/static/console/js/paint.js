/** Paints the rows on view of a waterfall. Everything here reads; nothing changes the waterfall but where twisties are. */

import { roundStep, textCutter } from "./canvas.js";
import { count, duration, offset } from "./format.js";
import { hueOf } from "./palette.js";

export const ROW = 24;
export const HEAD = 24;
export const PAD = 12;

const INDENT_MOST = 14;
const INDENT_LEAST = 3;
const BAR_TOP = 7;
const BAR_HIGH = 10;
const LABEL_ROOM = 62;
const cut = textCutter();

export function paint(g, waterfall) {
  const rows = rowsOnView(waterfall);
  const indent = indentFor(waterfall, rows);
  waterfall.twisty = (row) => 10 + Math.max(0, waterfall.tree.depth[row] - indent.base) * indent.step;
  const { colours, width, height } = waterfall;
  g.clearRect(0, 0, width, height);
  g.fillStyle = colours.surface;
  g.fillRect(0, 0, width, height);
  g.textBaseline = "middle";
  const ticks = ticksOnView(waterfall);
  paintRowGrounds(g, waterfall, rows);
  paintGrid(g, waterfall, ticks);
  clipped(g, 0, HEAD, waterfall.nameNow, height, () => {
    for (const [row, y] of rows) paintName(g, waterfall, row, y, indent);
  });
  clipped(g, waterfall.nameNow, HEAD, width - waterfall.nameNow, height, () => {
    for (const [row, y] of rows) paintBar(g, waterfall, row, y);
    paintDrag(g, waterfall);
  });
  paintHead(g, waterfall, ticks, indent);
}

/** [row, y] of the rows that the scroll position shows. */
function rowsOnView({ tree, scroller, height }) {
  const top = scroller.scrollTop;
  const first = Math.max(0, Math.floor(top / ROW));
  const last = Math.min(tree.visible.length, Math.ceil((top + height) / ROW));
  const rows = [];
  for (let place = first; place < last; place++) rows.push([tree.visible[place], HEAD + place * ROW - top]);
  return rows;
}

/** Indent that leaves room for names however deep the rows are: narrower steps, then the common depth is left out. */
function indentFor({ tree, nameNow }, rows) {
  let [low, high] = [Infinity, 0];
  for (const [row] of rows) {
    low = Math.min(low, tree.depth[row]);
    high = Math.max(high, tree.depth[row]);
  }
  const room = nameNow * 0.45;
  if (high * INDENT_MOST <= room) return { base: 0, step: INDENT_MOST };
  if (high * 7 <= room) return { base: 0, step: room / high };
  const base = Number.isFinite(low) ? Math.max(0, low - 1) : 0;
  return { base, step: Math.max(INDENT_LEAST, Math.min(INDENT_MOST, room / Math.max(1, high - base))) };
}

function clipped(g, x, y, width, height, draw) {
  g.save();
  g.beginPath();
  g.rect(x, y, width, height);
  g.clip();
  draw();
  g.restore();
}

function ticksOnView(waterfall) {
  const [from, to] = waterfall.view;
  const step = roundStep(to - from, waterfall.room() / 90);
  const ticks = [];
  for (let t = Math.ceil(from / step) * step; t <= to && ticks.length < 200; t += step) ticks.push(t);
  return ticks;
}

function paintRowGrounds(g, { tree, colours, width, selected, hovered }, rows) {
  for (const [row, y] of rows) {
    const ground = row === selected ? colours.chosen : row === hovered ? colours.hover : tree.foundSet[row] ? colours.mark : null;
    if (!ground) continue;
    g.fillStyle = ground;
    g.fillRect(0, y, width, ROW);
  }
}

function paintGrid(g, waterfall, ticks) {
  const { colours, height, nameNow } = waterfall;
  g.fillStyle = colours.line;
  for (const t of ticks) g.fillRect(Math.round(waterfall.x(t)), HEAD, 1, height);
  g.fillRect(nameNow, 0, 1, height);
}

function paintName(g, waterfall, row, y, { base, step }) {
  const { tree, colours, nameNow } = waterfall;
  const level = Math.max(0, tree.depth[row] - base);
  g.fillStyle = colours.line;
  for (let above = 0; above < level; above++) g.fillRect(Math.round(14 + above * step), y, 1, ROW);
  const left = 10 + level * step;
  if (tree.children[row]) paintTwisty(g, left + 4, y + ROW / 2, tree.folded[row], colours.ink2);
  let x = left + 13;
  g.fillStyle = colours.service[hueOf(tree.serviceName(row))];
  g.fillRect(x, y + 6, 3, 12);
  x += 9;
  const right = nameNow - 8 - (tree.isError(row) ? 18 : 0);
  x = paintChildCount(g, waterfall, row, x, y, right);
  x = paintText(g, tree.spanName(row), x, y, right, `12px ${colours.font}`, colours.ink);
  paintText(g, tree.serviceName(row), x + 8, y, right, `11px ${colours.font}`, colours.ink2);
  if (tree.isOrphan(row)) paintOrphan(g, left + 4, y + ROW / 2, colours.warn, tree.children[row]);
  if (tree.isError(row)) paintError(g, nameNow - 15, y + ROW / 2, colours);
}

function paintText(g, text, x, y, right, font, colour) {
  if (right - x < 12) return right;
  g.font = font;
  const [shown, width] = cut(g, text, right - x);
  g.fillStyle = colour;
  g.fillText(shown, x, y + ROW / 2 + 0.5);
  return x + width;
}

function paintTwisty(g, x, y, folded, colour) {
  g.strokeStyle = colour;
  g.lineWidth = 1.5;
  g.beginPath();
  if (folded) g.moveTo(x - 2, y - 4), g.lineTo(x + 2, y), g.lineTo(x - 2, y + 4);
  else g.moveTo(x - 4, y - 2), g.lineTo(x, y + 2), g.lineTo(x + 4, y - 2);
  g.stroke();
}

/** How many children a row has; folded, how many rows it hides. */
function paintChildCount(g, { tree, colours }, row, x, y, right) {
  if (!tree.children[row]) return x;
  const folded = tree.folded[row];
  const text = count(folded ? tree.end[row] - row - 1 : tree.children[row]);
  g.font = `10px ${colours.font}`;
  const width = Math.max(16, g.measureText(text).width + 8);
  if (x + width > right - 12) return x;
  g.fillStyle = folded ? colours.ink2 : colours.panel;
  g.strokeStyle = folded ? colours.ink2 : colours.line;
  g.lineWidth = 1;
  g.beginPath();
  g.roundRect(x + 0.5, y + 5.5, width - 1, 13, 3);
  g.fill();
  g.stroke();
  g.fillStyle = folded ? colours.surface : colours.ink2;
  g.textAlign = "center";
  g.fillText(text, x + width / 2, y + ROW / 2 + 0.5);
  g.textAlign = "left";
  return x + width + 6;
}

/** A broken line above a row whose parent is missing. */
function paintOrphan(g, x, y, colour, besideTwisty) {
  g.strokeStyle = colour;
  g.lineWidth = 1.5;
  g.setLineDash([2, 2]);
  g.beginPath();
  g.moveTo(x - (besideTwisty ? 8 : 4), y - 10);
  g.lineTo(x - (besideTwisty ? 8 : 4), y + 8);
  g.stroke();
  g.setLineDash([]);
}

function paintError(g, x, y, colours) {
  g.fillStyle = colours.bad;
  g.beginPath();
  g.arc(x, y, 6, 0, 7);
  g.fill();
  g.fillStyle = colours.surface;
  g.fillRect(x - 0.75, y - 3.5, 1.5, 4);
  g.fillRect(x - 0.75, y + 1.75, 1.5, 1.75);
}

function paintBar(g, waterfall, row, y) {
  const { tree, colours, extras } = waterfall;
  if (tree.isOddTime(row)) return paintOddTime(g, waterfall, y);
  const [from, to] = [tree.start[row], tree.start[row] + tree.length[row]];
  const hue = hueOf(tree.serviceName(row));
  const left = waterfall.x(from);
  const wide = Math.max(1.5, waterfall.x(to) - left);
  g.fillStyle = colours.serviceSoft[hue];
  box(g, waterfall, left, wide, y + BAR_TOP, BAR_HIGH);
  g.fillStyle = colours.service[hue];
  const self = extras.self.get(row);
  if (!self) box(g, waterfall, left, wide, y + BAR_TOP, BAR_HIGH);
  else for (let at = 0; at < self.length; at += 2) segment(g, waterfall, self[at], self[at + 1], y + BAR_TOP, BAR_HIGH);
  if (tree.isError(row)) paintErrorEdge(g, colours.bad, left, wide, y);
  paintCritical(g, waterfall, row, y);
  paintEvents(g, waterfall, row, y);
  paintLength(g, waterfall, row, left, wide, y);
}

/** Fills within the screen: canvases lose precision far outside of it. */
function box(g, { nameNow, width }, left, wide, y, high) {
  const from = Math.max(left, nameNow - 4);
  const to = Math.min(left + wide, width + 4);
  if (to > from) g.fillRect(from, y, to - from, high);
}

function segment(g, waterfall, from, to, y, high) {
  const left = waterfall.x(from);
  box(g, waterfall, left, Math.max(0.5, waterfall.x(to) - left), y, high);
}

function paintErrorEdge(g, colour, left, wide, y) {
  g.strokeStyle = colour;
  g.lineWidth = 1;
  if (wide > 3) g.strokeRect(Math.max(left, -10) + 0.5, y + BAR_TOP + 0.5, Math.min(wide, 20_000) - 1, BAR_HIGH - 1);
  g.fillStyle = colour;
  g.fillRect(left, y + BAR_TOP, 2, BAR_HIGH);
}

function paintCritical(g, waterfall, row, y) {
  const path = waterfall.showCritical && waterfall.extras.critical.get(row);
  if (!path) return;
  g.fillStyle = waterfall.colours.ink;
  for (let at = 0; at < path.length; at += 2) segment(g, waterfall, path[at], path[at + 1], y + 19, 1.5);
}

function paintEvents(g, waterfall, row, y) {
  const events = waterfall.extras.events.get(row);
  if (!events) return;
  for (const t of events) {
    const x = Math.round(waterfall.x(t));
    g.fillStyle = waterfall.colours.surface;
    g.fillRect(x - 1, y + 4, 3, 16);
    g.fillStyle = waterfall.colours.ink;
    g.fillRect(x, y + 4, 1, 16);
  }
}

/** The length beside the bar: right if there is room, else left, else inside its end. */
function paintLength(g, waterfall, row, left, wide, y) {
  const { colours, width, nameNow } = waterfall;
  const text = duration(waterfall.tree.length[row]);
  g.font = `11px ${colours.font}`;
  g.fillStyle = colours.ink2;
  const right = left + wide;
  if (right < nameNow || left > width) return;
  const textWidth = g.measureText(text).width;
  if (right + LABEL_ROOM < width) g.fillText(text, right + 6, y + ROW / 2 + 0.5);
  else if (left - textWidth - 6 > nameNow + PAD) g.fillText(text, left - textWidth - 6, y + ROW / 2 + 0.5);
  else {
    g.fillStyle = colours.ink;
    g.fillText(text, Math.min(right, width) - textWidth - 6, y + ROW / 2 + 0.5);
  }
}

function paintOddTime(g, { colours, words, nameNow }, y) {
  g.font = `11px ${colours.font}`;
  g.fillStyle = colours.warn;
  g.fillText(`⚠ ${words.oddTime}`, nameNow + PAD, y + ROW / 2 + 0.5);
}

function paintDrag(g, waterfall) {
  const { drag, colours, height } = waterfall;
  if (!drag) return;
  const [from, to] = [waterfall.x(Math.min(drag.from, drag.to)), waterfall.x(Math.max(drag.from, drag.to))];
  g.globalAlpha = 0.15;
  g.fillStyle = colours.accent;
  g.fillRect(from, HEAD, to - from, height);
  g.globalAlpha = 1;
}

function paintHead(g, waterfall, ticks, indent) {
  const { colours, width, nameNow, height, words } = waterfall;
  g.fillStyle = colours.panel;
  g.fillRect(0, 0, width, HEAD);
  g.fillStyle = colours.line;
  g.fillRect(0, HEAD - 1, width, 1);
  g.fillRect(nameNow, 0, 1, HEAD);
  g.font = `11px ${colours.font}`;
  g.fillStyle = colours.ink2;
  const label = indent.base ? `${words.spanName} · ${words.depth} ${indent.base + 1}+` : words.spanName;
  g.fillText(cut(g, label, nameNow - 20)[0], 10, HEAD / 2);
  for (const t of ticks) {
    const x = waterfall.x(t);
    g.fillStyle = colours.line;
    g.fillRect(Math.round(x), HEAD - 6, 1, 6);
    g.fillStyle = colours.ink2;
    if (x + 50 < width) g.fillText(t === 0 ? "0" : duration(t, { trim: true }), x + 4, HEAD / 2);
  }
  paintHairline(g, waterfall, height);
}

function paintHairline(g, waterfall, height) {
  const { pointer, colours, width } = waterfall;
  if (pointer === null) return;
  const text = offset(waterfall.time(pointer));
  const wide = g.measureText(text).width + 12;
  const x = Math.min(width - wide - 2, pointer + 1);
  g.fillStyle = colours.accent;
  g.fillRect(Math.round(pointer), 0, 1, height);
  g.fillRect(x, 3, wide, HEAD - 7);
  g.fillStyle = colours.surface;
  g.fillText(text, x + 6, HEAD / 2);
}
