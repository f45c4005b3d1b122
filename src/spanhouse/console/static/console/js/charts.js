/** Rates, errors and durations over time. Dragging over a chart narrows the page's time range to that piece. */

import uPlot from "../vendor/uplot-1.6.32/uPlot.esm.js";

import { dateTime, duration, figure, rate, rfc3339 } from "./format.js";
import { withRange } from "./frame.js";
import { onTheme, palette } from "./palette.js";
import { wordsOf } from "./words.js";

const HIGH = 168;

export function mount(root) {
  const element = root.querySelector("#chart-data");
  if (!element) return;
  const data = JSON.parse(element.textContent);
  const words = wordsOf("charts");
  let charts = [];
  const draw = () => {
    charts.forEach((chart) => chart.destroy());
    const colours = palette();
    charts = [
      plot(root, "rate", data.at, [
        { label: words.rate, values: data.rate, stroke: colours.accent, fill: true, text: rate },
        { label: words.errors, values: data.errors, stroke: colours.bad, text: rate },
      ], colours),
      plot(root, "duration", data.at, [
        { label: words.p50, values: data.p50, stroke: colours.ink2, dash: [2, 3], text: duration },
        { label: words.p95, values: data.p95, stroke: colours.accent, text: duration },
        { label: words.p99, values: data.p99, stroke: colours.ink, text: duration },
      ], colours),
    ];
  };
  draw();
  onTheme(root, draw);
  new ResizeObserver(() => charts.forEach((chart) => {
    const width = chart.root.parentElement.clientWidth;
    if (Math.abs(width - chart.width) > 1) chart.setSize({ width, height: HIGH });
  })).observe(root);
}

/** A metric of the search page: a line for each series, in the hues that services have. */
export function mountMeasures(root, data) {
  const place = root.querySelector('[data-chart="measures"]');
  let chart = null;
  const draw = () => {
    chart?.destroy();
    const colours = palette();
    const lines = data.series.map(({ label, values }, index) => ({
      label, values, text: figure, stroke: colours.service[(index * 5) % colours.service.length], dash: index < colours.service.length ? undefined : [4, 3],
    }));
    chart = plot(root, "measures", data.at, lines, colours);
  };
  draw();
  onTheme(place, draw);
  new ResizeObserver(() => {
    if (chart && Math.abs(place.clientWidth - chart.width) > 1) chart.setSize({ width: place.clientWidth, height: place.clientHeight });
  }).observe(place);
}

function plot(root, name, at, series, colours) {
  const place = root.querySelector(`[data-chart="${name}"]`);
  const legend = root.querySelector(`[data-legend="${name}"]`);
  const axis = { stroke: colours.ink2, grid: { stroke: colours.line, width: 1 }, ticks: { stroke: colours.line, width: 1, size: 4 }, font: `11px ${colours.font}` };
  const options = {
    width: place.clientWidth,
    height: place.clientHeight || HIGH,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { time: true }, y: { range: (u, low, high) => [Math.min(0, low * 1.1), high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, size: 26, values: (u, ticks) => ticks.map((tick, index) => tickText(tick, index ? ticks[index - 1] : null)) },
      { ...axis, size: 62, values: (u, ticks) => ticks.map((tick) => (tick === 0 ? "0" : series[0].text(tick, { trim: true }))) },
    ],
    series: [{}, ...series.map(({ label, stroke, fill, dash }) => ({
      label, stroke, dash, width: 1.5, spanGaps: false, points: { show: false }, fill: fill ? colours.chosen : undefined, paths: uPlot.paths.linear(),
    }))],
    hooks: {
      setCursor: [(u) => describe(legend, u.cursor.idx ?? null, at, series)],
      setSelect: [(u) => narrow(u)],
    },
  };
  showLonePoints(options, series);
  const chart = new uPlot(options, [at, ...series.map(({ values }) => values)], place);
  describe(legend, null, at, series);
  return chart;
}

/** A point with no neighbour makes no line: it is drawn as a dot. */
function showLonePoints(options, series) {
  series.forEach(({ values, stroke }, index) => {
    const lone = values.map((value, at) => value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null);
    options.series[index + 1].points = { show: lone.some(Boolean), size: 4, fill: stroke, filter: () => lone.flatMap((yes, at) => (yes ? [at] : [])) };
  });
}

function tickText(seconds, before) {
  const text = dateTime(seconds * 1000);
  const newDay = before === null ? text.slice(11, 16) === "00:00" : dateTime(before * 1000).slice(0, 10) !== text.slice(0, 10);
  return newDay ? text.slice(5, 10) : text.slice(11, 16);
}

function describe(legend, index, at, series) {
  const parts = series.map(({ label, values, stroke, dash, text }) => {
    const item = document.createElement("span");
    const line = document.createElement("i");
    line.style.borderColor = stroke;
    if (dash) line.style.borderTopStyle = "dotted";
    item.append(line, label);
    if (index !== null && values[index] !== null) {
      const value = document.createElement("b");
      value.textContent = text(values[index]);
      item.append(value);
    }
    return item;
  });
  if (index !== null) parts.push(dateTime(at[index] * 1000).slice(0, 16));
  legend.replaceChildren(...parts);
}

function narrow(u) {
  if (u.select.width < 4) return;
  const [from, to] = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
  location.assign(withRange({ from: rfc3339(from * 1000), to: rfc3339(to * 1000) }));
}
