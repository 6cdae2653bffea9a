// What a scan field is better with; without it everything still works.
//
//   keys anywhere ──> the field    separators ──> kept    Enter, Tab ──> one submission    answer ──> a sound, if wanted
(() => {
  "use strict";

  const GS = "\u241d"; // ␝: people see it, the node reads it as FNC1; the real one (U+001D) a browser drops when typed
  const WEDGE = { characters: 10, perCharacter: 50 }; // a scanner types so many at least, in so many milliseconds each
  const TONES = { verified: [660, 880], caution: [520, 520], refused: [220, 180, 150], unknown: [390] }; // Hz

  const form = document.querySelector("form[data-scan]");
  const field = form && form.elements.scan;

  // ---- the field keeps the focus ----------------------------------------------------------------------------------

  const takesKeys = (target) => target.closest("input, select, textarea") !== null;
  const takesClicks = (target) => takesKeys(target) || target.closest("button, a, summary, label, pre") !== null;

  function focusField() {
    field.focus({ preventScroll: true });
  }

  function keepFocus() {
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) field.value = ""; // back from the history: the next scan is a new one
      (document.querySelector("[aria-invalid]") || field).focus({ preventScroll: true });
    });
    // A scanner types wherever the focus is; the first key moves it, and arrives in the field.
    document.addEventListener("keydown", (event) => {
      const command = event.ctrlKey || event.metaKey || event.altKey || event.key === " "; // space presses and scrolls
      if (event.key.length === 1 && !command && !takesKeys(event.target)) focusField();
    });
    document.addEventListener("click", (event) => {
      if (!takesClicks(event.target) && String(window.getSelection()) === "") focusField();
    });
  }

  // ---- separators -------------------------------------------------------------------------------------------------

  function insertSeparator(event) {
    event.preventDefault();
    field.setRangeText(GS, field.selectionStart, field.selectionEnd, "end");
  }

  // As wedges send GS: Ctrl+], F8, or Alt held while 29, 029 or 0029 is typed on the number pad.
  function keepSeparators() {
    let code = "";
    field.addEventListener("keydown", (event) => {
      if (event.key === "F8" || (event.ctrlKey && (event.key === "]" || event.code === "BracketRight"))) insertSeparator(event);
      else if (event.altKey && /^Numpad\d$/.test(event.code)) {
        code += event.code.slice(-1);
        event.preventDefault();
      }
    });
    field.addEventListener("keyup", (event) => {
      if (event.key !== "Alt") return;
      if (/^0*29$/.test(code)) insertSeparator(event);
      code = "";
    });
    // Where a browser lets the real one through, by paste for instance, it is made visible.
    field.addEventListener("input", () => {
      if (field.value.includes("\u001d")) field.value = field.value.replaceAll("\u001d", GS);
    });
  }

  // ---- Tab for Enter ----------------------------------------------------------------------------------------------

  function takeTabForEnter() {
    let typed = [];
    field.addEventListener("keydown", (event) => {
      if (event.key === "Tab" && !event.shiftKey) {
        const first = typed.at(-WEDGE.characters);
        const byHand = first === undefined || event.timeStamp - first > WEDGE.characters * WEDGE.perCharacter;
        typed = [];
        if (byHand) return; // on the way to the next field
        event.preventDefault();
        form.requestSubmit();
      } else if (event.key.length === 1) typed.push(event.timeStamp);
    });
  }

  // ---- one submission a scan, whatever comes while it is on its way ------------------------------------------------

  let onItsWay = null; // what was sent, until its answer is here

  // What is sent stands in a field of its own, so that the next code can be typed meanwhile: it replaces what is seen,
  // and when it is sent, its answer is awaited instead. The same code again is the same question.
  function sendOnce() {
    const { name } = field;
    const sent = Object.assign(document.createElement("input"), { type: "hidden", name });
    form.addEventListener("submit", (event) => {
      if (field.value === onItsWay) return event.preventDefault();
      onItsWay = sent.value = field.value;
      field.removeAttribute("name");
      form.append(sent);
      form.setAttribute("aria-busy", "true");
      document.body.classList.add("asking"); // the answer before is another pack's
      field.select();
    });
    window.addEventListener("pageshow", (event) => {
      if (!event.persisted) return; // nothing was sent from here before
      onItsWay = null;
      field.name = name;
      sent.remove();
      form.removeAttribute("aria-busy");
      document.body.classList.remove("asking");
    });
  }

  // A code of which half is typed when the answer to the one before arrives: the other half is typed on its page.
  function goOnTyping() {
    const typed = window.sessionStorage.getItem("typed");
    window.sessionStorage.removeItem("typed");
    if (typed) field.value = typed + field.value;
    window.addEventListener("pagehide", () => {
      if (onItsWay !== null && field.value !== onItsWay) window.sessionStorage.setItem("typed", field.value);
    });
  }

  // ---- a Digital Link that led here -----------------------------------------------------------------------------------

  // It stands behind the "#", so that no server writes it down; neither does this browser's history.
  function takeLink() {
    if (!/^#\/\d{2,4}\/./.test(window.location.hash)) return;
    const { origin, hash, search, pathname } = window.location;
    field.value = origin + hash.slice(1) + search;
    window.history.replaceState(null, "", pathname);
  }

  // ---- a sound for each answer ------------------------------------------------------------------------------------

  const wanted = () => window.localStorage.getItem("sound") === "on";

  function play(verdict) {
    const audio = new AudioContext();
    (TONES[verdict] || []).forEach((frequency, n) => {
      const tone = new OscillatorNode(audio, { frequency, type: verdict === "refused" ? "sawtooth" : "sine" });
      const volume = new GainNode(audio, { gain: 0.2 });
      tone.connect(volume).connect(audio.destination);
      tone.start(audio.currentTime + n * 0.18);
      tone.stop(audio.currentTime + n * 0.18 + 0.15);
    });
  }

  function offerSound() {
    const button = document.querySelector("[data-sound]");
    if (!button) return; // a page that gives no verdict
    const show = () => (button.querySelector("span").textContent = wanted() ? "on" : "off");
    button.hidden = false;
    button.addEventListener("click", () => {
      window.localStorage.setItem("sound", wanted() ? "off" : "on");
      show();
      if (wanted()) play("verified");
    });
    show();
    const verdict = document.querySelector("[data-verdict]");
    if (verdict && wanted()) play(verdict.dataset.verdict);
  }

  // ---- copying a command ------------------------------------------------------------------------------------------

  function offerCopies() {
    for (const text of document.querySelectorAll("[data-copy]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet copy";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      });
      text.after(button);
    }
  }

  if (field) [keepFocus, keepSeparators, takeTabForEnter, sendOnce, goOnTyping, takeLink, offerSound].forEach((nicety) => nicety());
  if (navigator.clipboard) offerCopies();
  if (!field) window.sessionStorage.removeItem("typed"); // whoever went elsewhere begins anew
})();
