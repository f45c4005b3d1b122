/** What every page has: theme, time range, trace box, keys, moments in the reader's zone, copy buttons. */

import { dateTime, rfc3339, zoneOffset } from "./format.js";
import { wordsOf } from "./words.js";

export function mount(root) {
  const words = wordsOf("frame");
  localTimes(root);
  themes(root);
  rangeForm(root, words);
  traceBox(root, words);
  refreshing(root);
  copyButtons(root);
  closeMenus(root);
  keys(root);
}

/** Turns every `<time>` into this person's zone; the exact moment stays in its title. */
export function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const ms = Date.parse(time.dateTime);
    if (Number.isNaN(ms)) continue;
    time.dataset.local = "";
    time.title = `${time.dateTime}`;
    time.textContent = `${dateTime(ms, { fraction: time.hasAttribute("data-fraction") })} ${zoneOffset(new Date(ms))}`;
  }
  for (const range of root.querySelectorAll("[data-range-start]")) {
    const [from, to] = [Number(range.dataset.rangeStart), Number(range.dataset.rangeEnd)];
    const [start, end] = [dateTime(from), dateTime(to)];
    const sameDay = start.slice(0, 10) === end.slice(0, 10);
    range.textContent = `${start} – ${sameDay ? end.slice(11) : end} ${zoneOffset(new Date(to))}`;
  }
}

function themes(root) {
  for (const button of root.querySelectorAll("[data-theme-choice]")) {
    button.addEventListener("click", () => {
      const theme = button.dataset.themeChoice;
      document.documentElement.dataset.theme = theme;
      document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
      for (const other of root.querySelectorAll("[data-theme-choice]")) other.setAttribute("aria-pressed", String(other === button));
    });
  }
}

/** The address of this page for another piece of time; the rest of it stays. */
export function withRange(range) {
  const address = new URL(location.href);
  for (const name of ["range", "from", "to"]) address.searchParams.delete(name);
  for (const [name, value] of Object.entries(range)) address.searchParams.set(name, value);
  return address;
}

function rangeForm(root, words) {
  const form = root.querySelector("[data-range-form]");
  if (!form) return;
  const [from, to] = [form.elements.from, form.elements.to];
  from.value = dateTime(Number(form.dataset.start));
  to.value = dateTime(Number(form.dataset.end));
  form.querySelector("[data-zone]").textContent = zoneLabel(Number(form.dataset.end));
  for (const link of root.querySelectorAll("[data-preset]")) link.href = withRange({ range: link.dataset.preset });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const [start, end] = [momentOf(from.value), momentOf(to.value)];
    from.setCustomValidity(Number.isNaN(start) ? words.badTime : "");
    to.setCustomValidity(Number.isNaN(end) ? words.badTime : end < start ? words.endBeforeStart : "");
    if (form.reportValidity()) location.assign(withRange({ from: rfc3339(start), to: rfc3339(end) }));
  });
  form.addEventListener("input", () => [from, to].forEach((input) => input.setCustomValidity("")));
}

function zoneLabel(ms) {
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone} (UTC${zoneOffset(new Date(ms))})`;
}

/** ms of what was typed: this person's zone unless an offset says another, or an epoch in s or ms. */
export function momentOf(text) {
  const typed = text.trim();
  if (/^\d{9,13}$/.test(typed)) return typed.length > 11 ? Number(typed) : Number(typed) * 1000;
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?( ?(Z|[+-]\d{2}:?\d{2}))?)?$/.test(typed)) return NaN;
  const spelled = typed.replace(/^(\S+) (\d)/, "$1T$2").replace(/ (?=[+-Z])/, "");
  return Date.parse(spelled.includes("T") ? spelled : `${spelled}T00:00:00`);
}

/** 32 lower-case hex digits from whatever spelling of a trace id, or null. */
export function traceIdOf(text) {
  const id = text.trim().toLowerCase().replace(/^0x/, "").replaceAll("-", "");
  return /^[0-9a-f]{1,32}$/.test(id) && /[1-9a-f]/.test(id) ? id.padStart(32, "0") : null;
}

function traceBox(root, words) {
  const form = root.querySelector("[data-trace-box]");
  if (!form) return;
  const input = form.elements.id;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const id = traceIdOf(input.value);
    input.setCustomValidity(id ? "" : words.badTraceId);
    if (form.reportValidity()) location.assign(form.dataset.trace.replace("TRACE", id));
  });
  input.addEventListener("input", () => input.setCustomValidity(""));
}

const LIVE_EVERY_MS = 10_000;
const LIVE = "spanhouse.live";

/** Refresh now, or by itself while "live" is on (not over a secret, which is shown once); pages that can update in place do so, others load again. */
function refreshing(root) {
  const refresh = () => {
    const ask = new CustomEvent("console:refresh", { cancelable: true });
    if (document.dispatchEvent(ask)) location.reload();
  };
  root.querySelector("[data-refresh]")?.addEventListener("click", refresh);
  const live = root.querySelector("[data-live]");
  if (!live) return;
  const set = (on) => {
    live.setAttribute("aria-pressed", String(on));
    sessionStorage.setItem(LIVE, on ? "1" : "");
  };
  set(sessionStorage.getItem(LIVE) === "1");
  live.addEventListener("click", () => set(live.getAttribute("aria-pressed") !== "true"));
  setInterval(() => {
    const busy = document.hidden || document.querySelector("details[data-menu][open], dialog[open], [data-secret]") || document.activeElement?.matches("main input, main textarea, main select");
    if (live.getAttribute("aria-pressed") === "true" && !busy) refresh();
  }, LIVE_EVERY_MS);
}

export function copyButtons(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy || document.getElementById(button.dataset.copyFrom).textContent);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1200);
    });
  }
}

function closeMenus(root) {
  root.addEventListener("pointerdown", (event) => {
    for (const menu of root.querySelectorAll("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of root.querySelectorAll("details[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

const GO = { o: "overview", x: "explore", s: "services" };

function keys(root) {
  const help = root.querySelector("[data-help]");
  let going = false;
  root.querySelector("[data-help-open]")?.addEventListener("click", () => help.showModal());
  root.querySelector("[data-rail-open]")?.addEventListener("click", (event) => {
    const open = document.body.classList.toggle("rail-open");
    event.currentTarget.setAttribute("aria-expanded", String(open));
  });
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog")) return;
    const page = going && root.querySelector(`[data-go="${GO[event.key]}"]`);
    going = event.key === "g";
    if (page) page.click();
    else if (event.key === "/") root.querySelector("[data-trace-box] input").focus();
    else if (event.key === "?") help.showModal();
    else if (event.key === "r") root.querySelector("[data-refresh]")?.click();
    else return;
    event.preventDefault();
  });
}
