/** Colours for canvases, read from tokens.css so that there is one place that names them. */

const HUES = 12;
const NAMES = ["surface", "panel", "raised", "hover", "chosen", "line", "line-strong", "ink", "ink-2", "accent", "bad", "warn", "mark"];

/** FNV-1a over UTF-8, the same as templatetags/reading.py: a service has one hue on every page. */
export function hueOf(service) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(service)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % HUES;
}

/** The tokens as plain colours: canvases do not know light-dark(). */
export function palette() {
  const probe = document.createElement("i");
  document.body.append(probe);
  const read = (expression) => {
    probe.style.color = expression;
    return getComputedStyle(probe).color;
  };
  const colours = Object.fromEntries(NAMES.map((name) => [name.replace("-2", "2").replace("line-strong", "lineStrong"), read(`var(--${name})`)]));
  colours.service = [];
  colours.serviceSoft = [];
  for (let hue = 0; hue < HUES; hue++) {
    probe.className = `hue-${hue}`;
    colours.service.push(read("var(--service)"));
    colours.serviceSoft.push(read("var(--service-soft)"));
  }
  const style = getComputedStyle(document.documentElement);
  colours.font = style.getPropertyValue("--font");
  colours.mono = style.getPropertyValue("--mono");
  probe.remove();
  return colours;
}

/** Calls `redraw` when the theme changes, by choice or by the system, for as long as `element` is on the page. */
export function onTheme(element, redraw) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const changed = () => {
    if (element.isConnected) return redraw();
    observer.disconnect();
    system.removeEventListener("change", changed);
  };
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", changed);
}
