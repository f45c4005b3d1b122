/** The trace page: tree, waterfall, minimap, drawer, search inside, and the address that leads back to all of it. */

import { Drawer } from "./drawer.js";
import { duration, exact, offset } from "./format.js";
import { Minimap } from "./minimap.js";
import { Tree } from "./tree.js";
import { Waterfall } from "./waterfall.js";
import { wordsOf } from "./words.js";

export async function mount(root) {
  const words = wordsOf("trace");
  const status = root.querySelector("[data-status]");
  status.textContent = words.loading;
  let payload;
  try {
    const answer = await fetch(root.dataset.payload, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    payload = await answer.json();
  } catch (error) {
    status.textContent = `${words.traceFailed} ${error.message}`;
    status.classList.add("bad");
    return;
  }
  status.textContent = "";
  new TracePage(root, new Tree(payload), words).start();
}

class TracePage {
  constructor(root, tree, words) {
    Object.assign(this, { root, tree, words });
    this.said = root.querySelector("[data-said]");
    this.findBox = root.querySelector("[data-find]");
    this.findCount = root.querySelector("[data-find-count]");
    this.drawer = new Drawer(root.querySelector("[data-drawer]"), tree, words, { span: root.dataset.span }, { onClose: () => this.close() });
    this.waterfall = new Waterfall(root.querySelector("[data-waterfall]"), tree, words, {
      onSelect: (row) => this.select(row),
      onView: (from, to) => this.minimap?.show(from, to),
    });
    this.drawer.selfSegments = this.waterfall.extras.self;
    this.minimap = new Minimap(root.querySelector("[data-minimap]"), tree, (from, to) => this.waterfall.setView(from, to));
  }

  start() {
    this.on("[data-errors-only]", "change", (event) => this.errorsOnly(event.target.checked));
    this.on("[data-critical]", "change", (event) => this.critical(event.target.checked));
    this.on("[data-expand]", "click", () => this.foldAll(false));
    this.on("[data-collapse]", "click", () => this.foldAll(true));
    this.on("[data-find-next]", "click", () => this.step(1));
    this.on("[data-find-previous]", "click", () => this.step(-1));
    this.findBox.addEventListener("input", () => this.find(this.findBox.value));
    this.findBox.addEventListener("keydown", (event) => this.findKey(event));
    document.addEventListener("keydown", (event) => this.key(event));
    this.restore();
    if (document.activeElement === document.body) this.waterfall.scroller.focus({ preventScroll: true });
  }

  on(selector, kind, act) {
    this.root.querySelector(selector)?.addEventListener(kind, act);
  }

  /** What the address says: a span, a word searched for, errors only. */
  restore() {
    const asked = new URLSearchParams(location.search);
    if (asked.get("find")) {
      this.findBox.value = asked.get("find");
      this.find(this.findBox.value);
    }
    if (asked.has("errors")) {
      this.root.querySelector("[data-errors-only]").checked = true;
      this.errorsOnly(true);
    }
    const span = asked.get("span")?.trim().toLowerCase();
    const row = span ? this.tree.payload.rows.id.indexOf(span.padStart(16, "0")) : -1;
    if (row >= 0) this.reveal(row);
  }

  remember(name, value) {
    const address = new URL(location.href);
    if (value) address.searchParams.set(name, value);
    else address.searchParams.delete(name);
    history.replaceState(null, "", address);
  }

  select(row) {
    this.remember("span", this.tree.id(row));
    this.drawer.show(row);
    this.say(row);
  }

  say(row) {
    const { tree, words } = this;
    const parts = [tree.spanName(row), tree.serviceName(row)];
    if (tree.isError(row)) parts.push(words.error);
    if (!tree.isOddTime(row)) parts.push(duration(tree.length[row]), offset(tree.start[row]));
    parts.push(`${words.depth} ${tree.depth[row] + 1}`);
    if (tree.children[row]) parts.push(tree.folded[row] ? words.collapsed : words.expanded);
    this.said.textContent = parts.join(", ");
  }

  close() {
    this.drawer.hide();
    this.remember("span", "");
    this.waterfall.selected = -1;
    this.waterfall.draw();
    this.waterfall.scroller.focus();
  }

  reveal(row) {
    const before = this.tree.errorsOnly;
    this.tree.reveal(row);
    if (before !== this.tree.errorsOnly) this.root.querySelector("[data-errors-only]").checked = false;
    this.waterfall.changed();
    this.waterfall.select(row);
  }

  errorsOnly(on) {
    this.tree.errorsOnly = on;
    this.tree.refresh();
    this.remember("errors", on ? "1" : "");
    this.waterfall.changed();
  }

  critical(on) {
    this.waterfall.showCritical = on;
    this.waterfall.draw();
  }

  foldAll(folded) {
    this.tree.foldAll(folded);
    this.waterfall.changed();
  }

  find(text) {
    this.tree.find(text);
    this.remember("find", text.trim());
    this.sayFound();
    this.waterfall.draw();
  }

  sayFound() {
    const { found } = this.tree;
    const at = found.indexOf(this.waterfall.selected);
    this.findCount.textContent = this.findBox.value.trim() ? `${at < 0 ? "–" : exact(at + 1)} / ${exact(found.length)}` : "";
  }

  step(by) {
    const row = this.tree.nextFound(this.waterfall.selected, by);
    if (row < 0) return;
    this.reveal(row);
    this.sayFound();
  }

  findKey(event) {
    if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") this.waterfall.scroller.focus();
    else return;
    event.preventDefault();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    if (event.key === "n") this.step(1);
    else if (event.key === "N") this.step(-1);
    else if (event.key === "f") this.findBox.focus();
    else if (event.key === "e") this.root.querySelector("[data-errors-only]").click();
    else if (event.key === "Escape" && !this.drawer.root.hidden) this.close();
    else return;
    event.preventDefault();
  }
}
