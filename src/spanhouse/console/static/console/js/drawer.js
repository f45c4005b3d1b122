/** The drawer at the right: everything one span carries. Built of text nodes only; names are never read as HTML. */

import { dateTime, duration, exact, offset, zoneOffset } from "./format.js";
import { hueOf } from "./palette.js";

const LONG = 600;

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export class Drawer {
  /** `addresses.span` is the address of a span's details with `SPAN` for its id. */
  constructor(root, tree, words, addresses, { onClose }) {
    Object.assign(this, { root, tree, words, addresses });
    this.body = root.querySelector("[data-drawer-body]");
    this.asked = 0;
    root.querySelector("[data-close]").addEventListener("click", onClose);
    root.addEventListener("click", (event) => this.copy(event));
    root.addEventListener("keydown", (event) => event.key === "Escape" && onClose());
  }

  hide() {
    this.root.hidden = true;
    this.asked++;
  }

  /** Shows what the rows already know at once, and the rest when it has come. */
  async show(row) {
    const turn = ++this.asked;
    this.root.hidden = false;
    const summary = this.summary(row);
    if (this.row !== row) this.body.replaceChildren(...summary, element("p", { class: "quiet" }, this.words.loading));
    this.row = row;
    try {
      const span = await this.fetch(row);
      if (turn === this.asked) this.body.replaceChildren(...this.summary(row, span), ...this.details(span, row));
    } catch (error) {
      if (turn === this.asked) this.body.replaceChildren(...summary, element("p", { class: "notice bad" }, `${this.words.spanFailed} ${error.message}`));
    }
  }

  /** One id may stand for several spans (a client and a server that share it): `twin` says which. */
  async fetch(row) {
    const twins = [];
    for (let other = 0; other < this.tree.size; other++) if (this.tree.id(other) === this.tree.id(row)) twins.push(other);
    const answer = await fetch(`${this.addresses.span.replace("SPAN", this.tree.id(row))}?row=${row}`, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const span = await answer.json();
    span.twins = twins.length;
    return span;
  }

  summary(row, span = null) {
    const { tree, words } = this;
    const odd = tree.isOddTime(row);
    const service = element("span", { class: `service hue-${hueOf(tree.serviceName(row))}` }, tree.serviceName(row));
    const facts = element("dl", { class: "facts" });
    fact(facts, words.service, service);
    if (!odd) {
      fact(facts, words.duration, duration(tree.length[row]), `${exact(tree.length[row])} ns`);
      fact(facts, words.selfTime, duration(this.selfTime(row)), `${exact(this.selfTime(row))} ns`);
      fact(facts, words.offset, offset(tree.start[row]), `${exact(tree.start[row])} ns`);
    }
    if (span) {
      fact(facts, words.start, moment(span.start), `${span.start} ns`);
      if (odd) fact(facts, words.end, moment(span.end), `${span.end} ns`);
      fact(facts, words.kind, span.kind);
      const status = element("span", { class: span.error ? "bad" : "" }, span.status);
      fact(facts, words.status, status);
    }
    const parts = [element("h2", {}, tree.spanName(row)), facts];
    if (span?.statusMessage) parts.splice(1, 0, element("div", { class: "raised-error" }, span.statusMessage));
    if (span && span.twins > 1) parts.push(element("p", { class: "notice warn" }, words.sharedId));
    if (tree.isOrphan(row)) parts.push(element("p", { class: "notice warn" }, words.orphan));
    if (odd) parts.push(element("p", { class: "notice warn" }, words.oddTimeHelp));
    return parts;
  }

  selfTime(row) {
    const segments = this.selfSegments?.get(row);
    if (!segments) return this.tree.length[row];
    let sum = 0;
    for (let at = 0; at < segments.length; at += 2) sum += segments[at + 1] - segments[at];
    return sum;
  }

  details(span, row) {
    const { words } = this;
    const out = [];
    section(out, words.attributes, span.attributes.length, this.attributes(span.attributes), true);
    this.dropped(out, span.droppedAttributes, words.droppedAttributes);
    section(out, words.events, span.events.length, span.events.map((event) => this.event(event, span)), true);
    this.dropped(out, span.droppedEvents, words.droppedEvents);
    section(out, words.links, span.links.length, span.links.map((link) => this.link(link)), true);
    this.dropped(out, span.droppedLinks, words.droppedLinks);
    section(out, words.resource, span.resource.attributes.length, this.attributes(span.resource.attributes), true);
    const scope = element("dl", { class: "facts" });
    if (span.scope.name) fact(scope, words.scopeName, span.scope.name);
    if (span.scope.version) fact(scope, words.scopeVersion, span.scope.version);
    section(out, words.scope, null, [scope, ...this.attributes(span.scope.attributes)], false);
    const ids = element("dl", { class: "facts" });
    for (const [label, id] of [[words.traceId, span.traceId], [words.spanId, span.spanId], [words.parentId, span.parentSpanId]]) {
      if (id) fact(ids, label, this.copyable(id));
    }
    if (span.traceState) fact(ids, "tracestate", span.traceState);
    section(out, words.ids, null, [ids], true);
    return out;
  }

  dropped(out, many, text) {
    if (many) out.push(element("p", { class: "quiet" }, text.replace("{n}", exact(many))));
  }

  attributes(list) {
    if (!list.length) return [];
    const table = element("dl", { class: "attributes" });
    for (const { key, type, value } of list) {
      table.append(element("dt", { title: key }, ...breakable(key)), element("dd", { "data-type": type, title: type }, this.long(value), this.copyButton(value, `${this.words.copy} ${key}`)));
    }
    return [table];
  }

  /** A value too long to look at stays folded. */
  long(value) {
    if (value.length <= LONG) return value;
    const fold = element("details", {}, element("summary", {}, `${value.slice(0, 120)}…`), element("pre", {}, value));
    return fold;
  }

  event(event, span) {
    const { words } = this;
    const isException = event.attributes.some(({ key }) => key.startsWith("exception."));
    const pick = (key) => event.attributes.find((attribute) => attribute.key === key)?.value ?? "";
    const head = element("div", { class: "event-head" }, element("b", {}, event.name), element("span", { class: "quiet", title: `${event.time} ns` }, eventTime(event, span)));
    const card = element("div", { class: isException ? "event exception" : "event" }, head);
    if (isException) {
      const title = [pick("exception.type"), pick("exception.message")].filter(Boolean).join(": ");
      card.append(element("div", { class: "raised-error" }, title));
      if (pick("exception.stacktrace")) {
        card.append(element("details", { open: "" }, element("summary", {}, words.stackTrace), element("pre", { class: "stack" }, pick("exception.stacktrace")), this.copyButton(pick("exception.stacktrace"), words.copy)));
      }
    }
    const shown = ["exception.type", "exception.message", "exception.stacktrace"];
    card.append(...this.attributes(event.attributes.filter(({ key }) => !isException || !shown.includes(key))));
    return card;
  }

  link(link) {
    const to = element("a", { href: link.url, class: "mono" }, `${link.traceId.slice(0, 8)}…${link.traceId.slice(-4)} / ${link.spanId}`);
    return element("div", { class: "event" }, element("div", { class: "event-head" }, to), ...this.attributes(link.attributes));
  }

  copyable(text) {
    return element("span", { class: "mono" }, text, this.copyButton(text, `${this.words.copy} ${text}`));
  }

  copyButton(text, label) {
    const button = element("button", { type: "button", class: "copy", "aria-label": label.slice(0, 80), title: this.words.copy });
    button.copies = text;
    return button;
  }

  async copy(event) {
    const button = event.target.closest("button.copy");
    if (!button) return;
    await navigator.clipboard.writeText(button.copies);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1200);
  }
}

/** A name that may break after its dots. */
function breakable(name) {
  return name.split(/(?<=[._/])/).flatMap((part) => [part, document.createElement("wbr")]);
}

function fact(list, label, value, title = null) {
  list.append(element("dt", {}, label), element("dd", { title }, value));
}

function section(out, title, size, content, open) {
  if (size === 0 || !content.length) return;
  const label = size === null ? title : `${title} · ${size}`;
  const fold = element("details", { class: "section" }, element("summary", {}, label), ...content);
  fold.open = open;
  out.push(fold);
}

/** A raw time in ns, as text because it may be far outside of what dates can say. */
function moment(ns) {
  const ms = Number(BigInt(ns) / 1_000_000n);
  if (!Number.isFinite(ms) || ms <= 0 || ms > 8.64e15) return `${ns} ns`;
  const date = new Date(ms);
  return `${dateTime(ms)}.${String(BigInt(ns) % 1_000_000_000n).padStart(9, "0").slice(0, 6)} ${zoneOffset(date)}`;
}

function eventTime(event, span) {
  const since = BigInt(event.time) - BigInt(span.start);
  const far = since > 10n ** 15n || since < -(10n ** 15n);
  return far ? moment(event.time) : offset(Number(since));
}
