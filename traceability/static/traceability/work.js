// A job is scanning, one thing after the other; without this, a field with a scan on each line does the same.
//
//   scan, Enter ──> a line of the list, at once ──> what it is, when the node has said so      one button signs them all
(() => {
  "use strict";

  const form = document.querySelector("form[data-move]"); // what is sent
  const entry = document.querySelector("form[data-collect]"); // where is scanned
  if (!form || !entry) return;

  const { scans, parent } = form.elements;
  const field = entry.elements.scan;
  const section = form.querySelector("[data-scanned]");
  const list = form.querySelector("[data-things]");
  const said = form.querySelector("[data-said]");
  const refused = document.querySelector("[data-refused]");
  const key = `scanned ${form.dataset.party} ${window.location.pathname}`;
  const things = []; // { scan, item }
  const known = new Map(); // by scan, what the node said of it

  // ---- what was scanned -------------------------------------------------------------------------------------------

  const written = () => scans.value.split(/\r\n|\r|\n/).map((line) => line.trim()).filter(Boolean);

  function keep() {
    scans.value = things.map((thing) => thing.scan).join("\n");
    window.sessionStorage.setItem(key, JSON.stringify({ scans: scans.value, parent: parent ? parent.value : "" }));
    section.hidden = things.length === 0;
    section.querySelector("[data-count]").textContent = things.length || "";
    ask();
  }

  function add(scan) {
    if (things.some((thing) => thing.scan === scan)) return say("Scanned before: it counts once");
    const item = document.createElement("li");
    list.append(item);
    things.push({ scan, item });
    show({ scan, item });
    say(`${things.length} scanned`);
  }

  function remove(thing) {
    const next = thing.item.nextElementSibling || thing.item.previousElementSibling;
    things.splice(things.indexOf(thing), 1);
    thing.item.remove();
    say("Removed");
    keep();
    (next ? next.querySelector("button") : field).focus();
  }

  const say = (text) => (said.textContent = text);

  // ---- what it is -------------------------------------------------------------------------------------------------

  function show({ scan, item }) {
    const line = known.get(scan) || { says: scan, detail: "", tone: "", epc: "" };
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    const text = document.createElement("p");
    const what = document.createElement("strong");
    const where = document.createElement("span");
    const button = document.createElement("button");
    icon.setAttribute("class", "icon");
    icon.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `#i-${line.tone || "waiting"}`);
    icon.append(use);
    what.textContent = line.says;
    where.textContent = line.detail;
    text.append(what, " ", where);
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Remove";
    button.setAttribute("aria-label", `Remove ${line.says}`);
    button.addEventListener("click", () => remove(things.find((thing) => thing.item === item)));
    item.className = line.tone;
    item.classList.toggle("stopped", Boolean(refused && line.epc && refused.dataset.refused === line.epc));
    item.replaceChildren(icon, text, button);
  }

  let asking = false;

  // One question at a time, about all that came meanwhile.
  async function ask() {
    const fresh = things.filter((thing) => !known.has(thing.scan));
    if (asking || fresh.length === 0) return;
    asking = true;
    try {
      const body = new URLSearchParams({
        scans: fresh.map((thing) => thing.scan).join("\n"),
        move: form.dataset.word,
      });
      const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, Accept: "application/json" };
      const answer = await fetch(form.dataset.look, { method: "POST", body, headers });
      if (!answer.ok) return; // it is said when it is signed
      for (const line of (await answer.json()).lines) known.set(line.scan, line);
      things.forEach(show);
    } catch {
      return; // no connection: what was scanned is kept, and asked about with the next scan
    } finally {
      asking = false;
    }
    ask();
  }

  // ---- the container comes first ----------------------------------------------------------------------------------

  const wantsParent = () => Boolean(parent && parent.value.trim() === "");

  function invite() {
    entry.querySelector("label").textContent = wantsParent() ? "Scan the container" : `Scan ${field.dataset.what}`;
    field.placeholder = wantsParent() ? "Scan the container first" : `Scan ${field.dataset.what}`;
  }

  // Before the script of all scan fields sends it anywhere.
  document.addEventListener(
    "submit",
    (event) => {
      if (event.target === form) window.sessionStorage.removeItem(key); // the page that comes has it, or it is signed
      if (event.target !== entry) return;
      event.preventDefault();
      event.stopPropagation();
      const scan = field.value.trim();
      field.value = "";
      if (!scan) return;
      if (wantsParent()) {
        parent.value = scan;
        say("Container scanned");
      } else add(scan);
      keep();
      invite();
    },
    true,
  );

  // ---- Enter, which a scanner types after each code, signs nothing: a button does ---------------------------------

  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches(".entry input")) return;
    event.preventDefault();
    field.focus();
  });

  // ---- to begin with ----------------------------------------------------------------------------------------------

  // Typed before this was here: what is no whole line yet is typed on in the other field.
  if (scans.value !== scans.defaultValue && !/[\r\n]$/.test(scans.value)) {
    const whole = scans.value.search(/[^\r\n]*$/);
    field.value = scans.value.slice(whole);
    scans.value = scans.value.slice(0, whole);
  }
  const before = JSON.parse(window.sessionStorage.getItem(key) || "null");
  if (before && !scans.defaultValue && !document.querySelector("[data-done]")) {
    scans.value = `${before.scans}\n${scans.value}`;
    if (parent && !parent.value) parent.value = before.parent;
  }
  scans.removeAttribute("autofocus");
  form.querySelector("[data-typed]").hidden = true;
  entry.hidden = false;
  list.replaceChildren();
  written().forEach(add);
  say("");
  keep();
  invite();
  field.focus({ preventScroll: true });
  if (parent) parent.addEventListener("input", invite);
})();
