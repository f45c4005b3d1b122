/** Starts what the page holds: `data-mount="trace"` is handed to the `mount` of trace.js. `data-ready` says when all is. */

import { mount as frame } from "./frame.js";

frame(document);
const parts = [...document.querySelectorAll("[data-mount]")].map(async (root) => {
  const { mount } = await import(`./${root.dataset.mount}.js`);
  await mount(root);
});
Promise.all(parts).then(() => {
  document.documentElement.dataset.ready = "";
});
