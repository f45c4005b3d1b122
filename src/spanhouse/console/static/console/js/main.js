/** Starts what the page holds: `data-mount="trace"` is handed to the `mount` of trace.js. `data-ready` says when all is. */

import { copyButtons, localTimes, mount as frame } from "./frame.js";
import { wordsOf } from "./words.js";

async function start(place) {
  const parts = [...place.querySelectorAll("[data-mount]")].map(async (root) => {
    const { mount } = await import(`./${root.dataset.mount}.js`);
    await mount(root);
  });
  await Promise.all(parts);
  document.documentElement.dataset.ready = "";
}

/** Reads the page anew and puts its content in the place of the old, which stays until the new has come. */
async function renew() {
  const main = document.getElementById("main");
  document.body.classList.add("busy");
  try {
    const answer = await fetch(location.href);
    if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    main.replaceChildren(...page.getElementById("main").childNodes);
    localTimes(main);
    copyButtons(main);
    await start(main);
  } catch (error) {
    main.querySelector("[data-failed]")?.remove();
    const notice = document.createElement("p");
    notice.className = "notice bad";
    notice.dataset.failed = "";
    notice.setAttribute("role", "alert");
    notice.textContent = `${wordsOf("frame").updateFailed} ${error.message}`;
    main.prepend(notice);
  } finally {
    document.body.classList.remove("busy");
  }
}

frame(document);
document.addEventListener("console:refresh", (event) => {
  if (event.defaultPrevented || !document.querySelector("[data-refreshes]")) return;
  event.preventDefault();
  renew();
});
start(document);
