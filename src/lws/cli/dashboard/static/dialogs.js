// A group looked at closely, and the question before anything is done.

import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { state } from "./store.js";

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const when = (text) => (text ? clock.format(new Date(text)) : "");

export function closer(focus, tile, act) {
  const close = () => act.set("open", "");
  return html`<dialog class="closer" data-open=${tile ? "yes" : "no"} @close=${() => state.open && close()}
    @click=${(e) => e.target === e.currentTarget && close()} aria-labelledby="closer-title">
    ${tile ? inside(focus, tile, act, close) : nothing}
  </dialog>`;
}

function inside(focus, tile, act, close) {
  const restartable = tile.pods.length > 0 && Boolean(tile.born);
  return html`<div class="sheet t-${tile.tone}">
    <header>
      <div>
        <p class="kind">${tile.set}${tile.role ? ` · ${tile.role}` : ""}</p>
        <h3 id="closer-title">Group ${tile.index}</h3>
      </div>
      <button class="quiet" aria-label="Close" @click=${close}>✕</button>
    </header>
    <p class="message"><i class="dot"></i><b>${tile.phase}</b>${tile.reason ? html` · ${tile.reason}` : nothing}</p>
    ${tile.message ? html`<p class="reason">${tile.message}</p>` : nothing}
    <dl>
      <div><dt>Revision</dt><dd><code>${tile.revision || "–"}</code> ${tile.present ? "present" : "former"}</dd></div>
      ${tile.since ? html`<div><dt>Since</dt><dd>${when(tile.since)}</dd></div>` : nothing}
      ${focus.topologies.map((x, n) => (tile.places[n] ? html`<div><dt>${x.name}</dt><dd>${tile.places[n]}</dd></div>` : nothing))}
    </dl>
    <h4>Pods <span class="num">${tile.pods.filter((x) => x.ready).length}/${tile.wanted} ready</span></h4>
    <ul class="podlist">
      ${tile.pods.map((x) => html`<li>
          <i class="pod ${x.ready ? "ready" : x.node ? "starting" : "placeless"}"></i>
          <b>${x.name}</b>
          <span>${x.state}${x.ready || x.state !== "Running" ? "" : ", not ready"}${x.restarts ? `, ${x.restarts} restarts` : ""}</span>
          <small>${x.node || "no node"}</small>
        </li>`)}
      ${tile.pods.length ? nothing : html`<li><span>There are none.</span></li>`}
    </ul>
    <footer>
      <button ?disabled=${!restartable} @click=${() => ask(act, focus, tile)}>Restart this group</button>
    </footer>
  </div>`;
}

function ask(act, focus, tile) {
  state.open = "";
  act.set("ask", {
    title: `Restart group ${tile.index} of ${tile.set}`,
    text: `Its leader pod is deleted, and with it all ${tile.pods.length} pods of the group; they are made anew, together and at once.`,
    button: "Restart group",
    order: { action: "restart", kind: "lws", namespace: focus.namespace, name: tile.set, group: tile.index },
  });
}

export function asking(act) {
  const ask = state.ask;
  const close = () => act.set("ask", null);
  return html`<dialog class="ask" data-open=${ask ? "yes" : "no"} @close=${() => state.ask && close()} aria-labelledby="ask-title">
    ${ask
      ? html`<h3 id="ask-title">${ask.title}</h3>
          <p>${ask.text}</p>
          <footer>
            <button class="quiet" @click=${close}>Cancel</button>
            <button class="do" ?disabled=${state.busy} @click=${() => act.order(ask.order)}>${state.busy ? "…" : ask.button}</button>
          </footer>`
      : nothing}
  </dialog>`;
}
