/** Numbers and times as people read them. The same rules as templatetags/reading.py; durations are ns. */

const ZH = () => document.documentElement.lang.startsWith("zh");

/** A positive number with three significant digits, zeros kept. */
export function threeDigits(value) {
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

const SMALL = [[1, "ns"], [1e3, "µs"], [1e6, "ms"], [1e9, "s"]];
const LARGE = [
  [86_400, 3_600, "d", "h", "天", "小时"],
  [3_600, 60, "h", "m", "小时", "分"],
  [60, 1, "m", "s", "分", "秒"],
];

/** `850 ns`, `12.4 µs`, `3.07 ms`, `1.25 s`, `2 m 05 s`. `trim` drops zeros that say nothing, as on a ruler. */
export function duration(ns, { trim = false } = {}) {
  if (ns < 0) return `−${duration(-ns, { trim })}`;
  if (ns < 999.5) return `${Math.round(ns)} ns`;
  for (const [unit, name] of SMALL.slice(1)) {
    const limit = unit === 1e9 ? 59.95 : 999.5;
    if (ns / unit < limit) {
      const text = threeDigits(ns / unit);
      return `${trim ? trimmed(text) : text} ${name}`;
    }
  }
  return longDuration(ns / 1e9);
}

function longDuration(seconds) {
  for (const [large, small, l, s, zhLarge, zhSmall] of LARGE) {
    const smalls = Math.round(seconds / small);
    if (smalls * small < large) continue;
    const [whole, rest] = [Math.floor((smalls * small) / large), smalls % (large / small)];
    return ZH() ? `${whole} ${zhLarge} ${rest} ${zhSmall}` : `${whole} ${l} ${String(rest).padStart(2, "0")} ${s}`;
  }
  return `${threeDigits(seconds)} s`;
}

/** A duration as an offset from the start of something: `+3.07 ms`. */
export function offset(ns) {
  return ns < 0 ? duration(ns) : `+${duration(ns)}`;
}

export function exact(value) {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `999`, `1.2 k`, `3.4 M`; in Chinese plain below ten thousand, then 万 and 亿. */
export function count(value) {
  if (ZH()) {
    if (value < 1e4) return exact(Math.round(value));
    return value < 99_995_000 ? `${trimmed((value / 1e4).toFixed(1))} 万` : `${trimmed((value / 1e8).toFixed(1))} 亿`;
  }
  if (value < 999.5) return String(Math.round(value));
  for (const [unit, name] of [[1e3, "k"], [1e6, "M"]]) {
    if (value / unit < 999.5) return `${trimmed(threeDigits(value / unit))} ${name}`;
  }
  return `${trimmed(threeDigits(value / 1e9))} B`;
}

export function rate(perSecond) {
  const text = perSecond >= 999.5 ? count(perSecond) : perSecond === 0 ? "0" : trimmed(threeDigits(perSecond));
  const shown = text === "0" && perSecond > 0 ? "<0.01" : text;
  return ZH() ? `${shown} 次/秒` : `${shown}/s`;
}

/** A number without a unit: four significant digits, whole and grouped from a thousand up. */
export function figure(value) {
  const [size, sign] = [Math.abs(value), value < 0 ? "−" : ""];
  if (size >= 999.95) return sign + (size < 1e15 ? exact(Math.round(size)) : scientific(size));
  if (size < 1e-4) return size ? sign + scientific(size) : "0";
  return sign + trimmed(size.toFixed(3 - Math.floor(Math.log10(size))));
}

function scientific(size) {
  const [mantissa, exponent] = size.toExponential(2).split("e");
  return `${trimmed(mantissa)}e${Number(exponent)}`;
}

export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.005) return "<0.01%";
  return `${trimmed(threeDigits(value))}%`;
}

const two = (n) => String(n).padStart(2, "0");

/** `+08:00`, of this person's zone at that moment. */
export function zoneOffset(date) {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** `2026-11-24 14:03:07.412`, in this person's zone. */
export function dateTime(ms, { fraction = false } = {}) {
  const d = new Date(ms);
  const date = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return `${date} ${time}${fraction ? `.${String(d.getMilliseconds()).padStart(3, "0")}` : ""}`;
}

/** RFC 3339 with this person's offset, for URLs: says the moment and how it was read. */
export function rfc3339(ms) {
  const d = new Date(ms);
  return `${dateTime(ms, { fraction: true }).replace(" ", "T")}${zoneOffset(d)}`;
}
