// The page as it is to look, from the state alone. Parts with much in them have modules of their own.

import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { asking, closer } from "./dialogs.js";
import { map, roll } from "./groups.js";
import { log } from "./log.js";
import { lines, state, tiles, topicOf } from "./store.js";


export function page(act) {
  const about = state.docs.get("about");
  const focus = state.docs.get("focus");
  const groups = tiles();
  return html`
    <a class="skip" href="#main" @click=${(e) => (e.preventDefault(), document.getElementById("main").focus())}>To the groups</a>
    ${bar(about)} ${warnings(about)}
    <div class="frame">
      <nav aria-label="Sets">${sets()}</nav>
      <main id="main" tabindex="-1">${focus ? body(focus, groups, act) : empty(about)}</main>
    </div>
    ${closer(focus, groups.find((x) => `${x.set}/${x.index}` === state.open), act)} ${asking(act)}
    <div class="said" role="status" aria-live="polite">
      ${state.said
        ? html`<p class="t-${state.said.tone}"><span>${state.said.text}</span>
            <button class="quiet" aria-label="Dismiss" @click=${() => act.set("said", null)}>✕</button></p>`
        : nothing}
    </div>`;
}

function bar(about) {
  const lost = !state.live || about?.lost;
  return html`<header class="bar">
    <img src="icon.svg" alt="" width="22" height="22">
    <h1>LeaderWorkerSets</h1>
    <span class="where" title="API server">${about?.title.replace(/^https?:\/\//, "") ?? ""}</span>
    <span class="where">${about ? about.namespace || "all namespaces" : ""}</span>
    <span class="live ${lost ? "t-bad" : "t-ok"}" role="status">
      <i class="dot"></i>${!state.live ? "not connected" : about?.lost ? "API server lost" : "live"}
    </span>
  </header>`;
}

function warnings(about) {
  const all = [];
  if (!state.live && about) {
    all.push("The dashboard does not answer. If it was ended, run “kubectl lws dashboard” again.");
  }
  if (state.live && about?.lost) all.push(`What is shown may be old: ${about.lost}`);
  for (const line of about?.blind ?? []) all.push(`Not shown: ${line}`);
  return all.length ? html`<ul class="warnings">${all.map((x) => html`<li>${x}</li>`)}</ul>` : nothing;
}

function sets() {
  const all = lines();
  if (!all.length) return html`<p class="hint">No sets here.</p>`;
  const namespaces = new Set(all.map((x) => x.namespace)).size > 1;
  return html`<ul class="sets">
    ${repeat(all, topicOf, (x) => html`<li>
        <a href="#${topicOf(x)}" class="t-${x.tone}" aria-current=${topicOf(x) === state.selected ? "page" : "false"}>
          <i class="dot"></i>
          <b>${x.name}</b>
          <span class="num">${x.ready}/${x.wanted}</span>
          <small>${x.kind === "DisaggregatedSet" ? "DisaggregatedSet · " : ""}${namespaces ? `${x.namespace} · ` : ""}${x.note}</small>
        </a>
      </li>`)}
  </ul>`;
}

function empty(about) {
  if (!about?.ready) return html`<p class="hint">Reading what there is…</p>`;
  return html`<p class="hint">${lines().length ? "Choose a set." : "There are no LeaderWorkerSets or DisaggregatedSets here."}</p>`;
}

function body(focus, groups, act) {
  return html`${head(focus, act)} ${roll(focus, groups)} ${map(focus, groups, act)} ${log(focus, act)}`;
}

const LABELS = { pause: "Pause", resume: "Resume", restart: "Restart all", undo: "Undo" };

function head(focus, act) {
  return html`<section class="head t-${focus.tone}">
    <div class="title">
      <p class="kind">${focus.kind} · ${focus.namespace}</p>
      <h2>${focus.name}</h2>
      <p class="message"><i class="dot"></i>${focus.message}</p>
    </div>
    <dl class="facts">
      <div><dt>Ready</dt><dd>${focus.ready}<span>/${focus.wanted}</span></dd></div>
      <div><dt>Updated</dt><dd>${focus.updated}<span>/${focus.wanted}</span></dd></div>
      <div><dt>Revision</dt><dd class="mono">${focus.revision || "–"}</dd></div>
    </dl>
    <div class="actions">
      ${focus.offers.map((x) => html`<button ?disabled=${!x.enabled} title=${x.text}
          @click=${() => act.set("ask", whole(focus, x))}>${LABELS[x.action]}</button>`)}
      ${roles(focus).map((role) => html`<button class="quiet" @click=${() => act.set("ask", ofRole(focus, role))}>Restart ${role}</button>`)}
    </div>
  </section>`;
}

const roles = (focus) => (focus.paused ? [] : [...new Set(focus.sections.filter((x) => x.current && x.role).map((x) => x.role))]);

const subject = (focus) => ({
  kind: focus.kind === "LeaderWorkerSet" ? "lws" : "ds",
  namespace: focus.namespace,
  name: focus.name,
});

const whole = (focus, offer) => ({
  title: `${LABELS[offer.action]}: ${focus.name}`,
  text: offer.text,
  button: LABELS[offer.action],
  order: { action: offer.action, ...subject(focus) },
});

const ofRole = (focus, role) => ({
  title: `Restart role ${role} of ${focus.name}`,
  text: "Its groups are recreated by a roll of their own, within its maxUnavailable and maxSurge.",
  button: `Restart ${role}`,
  order: { action: "restart", role, ...subject(focus) },
});
