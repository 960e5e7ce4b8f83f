// What is told about a set: why it waits, what the roll did, events, former revisions.

import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { when } from "./dialogs.js";
import { state } from "./store.js";

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const time = (date) => html`<time datetime=${date.toISOString()} title=${date.toISOString()}>${clock.format(date)}</time>`;

const doc = (key) => state.docs.get(key) ?? [];

const TABS = [
  ["why", "Why", () => doc("why").length, why],
  ["steps", "Steps", () => doc("steps").length, steps],
  ["events", "Events", () => doc("events").length, events],
  ["revisions", "Revisions", (focus) => focus.formers.length, revisions],
];

export function log(focus, act) {
  const [key, , , content] = TABS.find((x) => x[0] === state.tab) ?? TABS[0];
  return html`<section class="card log" aria-label="What is told">
    <div class="tabs" role="tablist" @keydown=${(e) => turn(e, act)}>
      ${TABS.map(([name, title, count]) => html`<button role="tab" id="tab-${name}" aria-controls="panel"
          aria-selected=${name === key ? "true" : "false"} tabindex=${name === key ? 0 : -1}
          @click=${() => act.set("tab", name)}>${title}<span class="num">${count(focus)}</span></button>`)}
    </div>
    <div id="panel" role="tabpanel" aria-labelledby="tab-${key}">${content(focus)}</div>
  </section>`;
}

function turn(event, act) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const now = TABS.findIndex((x) => x[0] === state.tab);
  const next = TABS[(now + step + TABS.length) % TABS.length][0];
  act.set("tab", next);
  document.getElementById(`tab-${next}`)?.focus();
}

function why(focus) {
  const all = doc("why");
  // Of a set that is gone, or cannot be read, nobody knows that nothing is wrong.
  const fine = focus.offers.length ? "Nothing is wrong: all groups are ready and up to date." : focus.message;
  if (!all.length) return html`<p class="hint">${fine}</p>`;
  return html`<ul class="told">
    ${all.map((x) => html`<li class="t-${x.tone}">
        <p><i class="dot"></i><b>${x.reason}</b>${x.where ? html`<span class="about">${x.where}</span>` : nothing}</p>
        <p>${x.message}</p>
        ${x.advice ? html`<p class="advice">${x.advice}</p>` : nothing}
      </li>`)}
  </ul>`;
}

function steps() {
  const all = doc("steps");
  if (!all.length) return html`<p class="hint">Nothing has changed since this page looks at the set.</p>`;
  return html`<ol class="line">
    ${all.map((x) => html`<li class="t-${x.tone}">${time(new Date(x.time * 1000))}<i class="dot"></i>
        <p><b>${x.set} ${x.index}</b> ${x.text}</p></li>`)}
  </ol>`;
}

function events() {
  const all = doc("events");
  if (!all.length) return html`<p class="hint">There are no events about it, or not any more.</p>`;
  return html`<ol class="line">
    ${all.map((x) => html`<li class="t-${x.type === "Warning" ? "bad" : "ok"}">${time(new Date(x.time))}<i class="dot"></i>
        <p><b>${x.reason}</b> <span class="about">${x.about}</span><br>${x.message}</p></li>`)}
  </ol>`;
}

function revisions(focus) {
  if (!focus.formers.length) return html`<p class="hint">No templates are kept of it.</p>`;
  return html`<ol class="told">
    ${focus.formers.map((x) => html`<li class=${x.current ? "t-ok" : "t-old"}>
        <p><i class="dot"></i><b>${x.number}</b> <code>${x.key}</code><span class="about">${x.current ? "present" : ""} ${when(x.created)}</span></p>
        ${x.change ? html`<p>${x.change}</p>` : nothing}
      </li>`)}
  </ol>`;
}
