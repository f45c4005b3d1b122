/** Waits for the first span, then shows the overview in place of the page that says how to send one. */

const EVERY_MS = 2000;

export function mount(root) {
  const timer = setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(root.dataset.arrived).catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    const { arrived } = await answer.json();
    if (!arrived) return;
    clearInterval(timer);
    location.reload();
  }, EVERY_MS);
}
