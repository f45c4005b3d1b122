/** Starts what the page holds: `data-mount="trace"` is handed to the `mount` of trace.js. */

import { mount as frame } from "./frame.js";

frame(document);
for (const root of document.querySelectorAll("[data-mount]")) {
  import(`./${root.dataset.mount}.js`).then(({ mount }) => mount(root));
}
