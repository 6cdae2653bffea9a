// Jobs that are not done yet are looked at again, until they are. Without this there is a link that does it.
(() => {
  "use strict";

  const FIRST = 700, LONGEST = 5000; // milliseconds between two looks

  const parts = (job) => [...job.querySelectorAll("[data-part]")];
  const named = (job, name) => job.querySelector(`[data-part="${name}"]`);

  // A part that is as it was stays: a reader is told only what is new, and a button is not taken away while pressed.
  function show(job, now) {
    const over = job.hasAttribute("data-open") && !now.hasAttribute("data-open");
    for (const part of parts(now)) {
      const shown = named(job, part.dataset.part);
      const always = ["state", "progress"].includes(part.dataset.part);
      if (!shown || !(over || always) || shown.innerHTML === part.innerHTML) continue;
      const had = shown.contains(document.activeElement);
      shown.replaceChildren(...part.childNodes);
      if (part.dataset.part === "state") shown.className = part.className;
      if (had) (shown.querySelector("a, button") || document.getElementById("main")).focus();
    }
    if (over) job.removeAttribute("data-open");
  }

  async function look() {
    const answer = await fetch(window.location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok) return;
    const seen = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const job of document.querySelectorAll("[data-job][data-open]")) {
      const now = seen.getElementById(job.id);
      if (now) show(job, now);
    }
  }

  async function again(pause) {
    if (!document.querySelector("[data-job][data-open]")) return;
    await look().catch(() => {}); // whoever is away comes back
    window.setTimeout(again, pause, Math.min(pause * 1.3, LONGEST));
  }

  window.setTimeout(again, FIRST, FIRST);
})();
