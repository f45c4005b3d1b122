/** Search: results change in place, the address always says what is shown. */

import { mountMeasures } from "./charts.js";
import { localTimes, withRange } from "./frame.js";
import { mountScatter } from "./scatter.js";
import { wordsOf } from "./words.js";

export function mount(root) {
  new Explore(root).start();
}

class Explore {
  constructor(root) {
    this.root = root;
    this.form = root.querySelector("[data-search]");
    this.place = root.querySelector("[data-results-place]");
    this.words = wordsOf("explore");
    this.turn = 0;
  }

  start() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run(this.address(), { push: true });
    });
    this.form.elements.q.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.form.requestSubmit();
    });
    for (const name of ["order", "limit", "status"]) this.form.elements[name].addEventListener("change", () => this.form.requestSubmit());
    this.form.elements.service.addEventListener("change", () => this.offerOperations());
    addEventListener("popstate", () => location.reload());
    document.addEventListener("console:refresh", (event) => {
      event.preventDefault();
      this.run(new URL(location.href), { push: false });
    });
    this.shown();
  }

  /** The form as an address; empty fields and defaults say nothing. */
  address() {
    const address = new URL(this.form.action);
    const silent = { order: "newest", limit: "50", range: "1h" };
    for (const [name, value] of new FormData(this.form)) {
      if (value.trim() && silent[name] !== value) address.searchParams.set(name, value.trim());
    }
    return address;
  }

  /** What was there stays until the answer is; of several runs the last one counts. */
  async run(address, { push }) {
    const turn = ++this.turn;
    document.body.classList.add("busy");
    this.root.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" } });
      const text = await answer.text();
      if (turn !== this.turn) return;
      if (!answer.ok) this.sayFailed(text);
      else if (answer.redirected) location.assign(address);
      else this.put(text);
      if (push) history.pushState(null, "", address);
    } catch (error) {
      if (turn === this.turn) this.sayFailed(error.message);
    } finally {
      if (turn === this.turn) {
        document.body.classList.remove("busy");
        this.root.removeAttribute("aria-busy");
      }
    }
  }

  put(html) {
    const parsed = new DOMParser().parseFromString(html, "text/html");
    this.place.replaceChildren(...parsed.body.childNodes);
    this.shown();
  }

  sayFailed(reason) {
    this.place.querySelector("[data-failed]")?.remove();
    const notice = document.createElement("p");
    notice.className = "notice bad";
    notice.dataset.failed = "";
    notice.setAttribute("role", "alert");
    notice.textContent = `${this.words.failed} ${reason}`;
    this.place.prepend(notice);
  }

  shown() {
    localTimes(this.place);
    this.form.elements.q.toggleAttribute("aria-invalid", Boolean(this.place.querySelector("#query-problem")));
    for (const link of this.place.querySelectorAll("[data-preset]")) link.href = withRange({ range: link.dataset.preset });
    const measures = this.place.querySelector("#measures-data");
    if (measures) mountMeasures(this.place, JSON.parse(measures.textContent));
    const scatter = this.place.querySelector("[data-scatter]");
    if (scatter) mountScatter(scatter, JSON.parse(this.place.querySelector("#scatter-points").textContent), this.words);
  }

  async offerOperations() {
    const address = new URL(this.root.dataset.operations, location.href);
    address.search = new URL(location.href).search;
    address.searchParams.set("service", this.form.elements.service.value);
    const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok) return;
    const { operations } = await answer.json();
    const options = operations.map((name) => Object.assign(document.createElement("option"), { value: name }));
    this.form.querySelector("datalist").replaceChildren(...options);
  }
}
