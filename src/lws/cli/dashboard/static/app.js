// The page's life: the stream of changes in, orders out, keys and addresses. What it looks like is in view.js.

import { render } from "./vendor/lit-html/lit-html.js";
import { lines, state, take, topicOf } from "./store.js";
import { page } from "./view.js";

const root = document.getElementById("page");
let stream = null;
let planned = false;
let fresh = true; // another set was chosen

/** Draw soon, once for all that changes until then. */
function draw() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    choose();
    const held = document.activeElement?.dataset.key;
    render(page(actions), root);
    hold(held);
    dialogs();
    if (fresh && document.querySelector("nav [aria-current=page]")) {
      fresh = false;
      document.querySelector("nav [aria-current=page]").scrollIntoView({ block: "nearest", inline: "center" });
    }
  });
}

/** A tile that lies elsewhere now is another element: whoever was on it stays on it. */
function hold(key) {
  if (key && document.activeElement === document.body) {
    document.querySelector(`.tile[data-key="${CSS.escape(key)}"]`)?.focus();
  }
}

/** The only set there is needs no choosing. */
function choose() {
  if (state.selected || !state.docs.has("about")) return;
  const all = lines();
  if (all.length) location.replace(`#${topicOf(all[0])}`);
}

function follow() {
  stream?.close();
  stream = new EventSource(`stream?set=${encodeURIComponent(state.selected)}`);
  stream.onopen = () => {
    state.live = true;
    draw();
  };
  stream.onmessage = (event) => {
    take(JSON.parse(event.data));
    state.live = true;
    draw();
  };
  stream.onerror = () => {
    state.live = false;
    draw();
  };
}

/** The address says which set is looked at. */
function arrive() {
  const topic = decodeURIComponent(location.hash.slice(1));
  state.selected = topic;
  state.open = "";
  state.lens = "";
  fresh = true;
  for (const key of state.docs.keys()) {
    if (!key.startsWith("line/") && key !== "about") state.docs.delete(key);
  }
  follow();
  draw();
}

/** Modal dialogs keep the focus by themselves, once they are told to open. */
function dialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    const wanted = dialog.dataset.open === "yes";
    if (wanted && !dialog.open) dialog.showModal();
    if (!wanted && dialog.open) dialog.close();
  }
}

async function order(body) {
  state.busy = true;
  draw();
  try {
    const answer = await fetch("act", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    state.said = answer.ok ? told(JSON.parse(text)) : { tone: "bad", text: text.trim() };
  } catch {
    state.said = { tone: "bad", text: "The dashboard does not answer: is it still running in its terminal?" };
  }
  state.busy = false;
  state.ask = null;
  draw();
}

const told = (view) => ({ tone: view.changed ? "ok" : "still", text: `${view.name} ${view.message}` });

const actions = {
  set(name, value) {
    state[name] = value;
    draw();
  },
  order,
};

/** Arrows go from tile to tile as they lie on the page. */
function arrows(event) {
  const from = event.target.closest?.(".tile");
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!from || !step) return;
  event.preventDefault();
  const all = [...document.querySelectorAll(".tile")];
  if (step[0]) {
    all[all.indexOf(from) + step[0]]?.focus();
    return;
  }
  const here = from.getBoundingClientRect();
  let best = null;
  for (const tile of all) {
    const box = tile.getBoundingClientRect();
    const down = (box.top - here.top) * step[1];
    if (down <= here.height / 2) continue;
    const far = down * 4 + Math.abs(box.left - here.left);
    if (best === null || far < best.far) best = { tile, far };
  }
  best?.tile.focus();
}

document.addEventListener("keydown", arrows);
addEventListener("hashchange", arrive);
arrive();
