// Groups: the bar of the roll, and the tiles on the topology.

import { html, nothing, svg } from "./vendor/lit-html/lit-html.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { keyOf, lanes, lensOf, rows, state } from "./store.js";

const LARGE = 64; // tiles at most that show their pods and words
const MIDDLE = 400; // and those that show their number
const NUMBERED = 40; // segments of a bar that have room for their number
const SEGMENTS = 400; // of a bar; with more groups it shows shares

export const short = (revision) => revision.slice(0, 7);

export function roll(focus, groups) {
  if (!groups.length) return nothing;
  const former = [...new Set(groups.filter((x) => !x.updated && x.revision && x.revision !== focus.revision).map((x) => x.revision))];
  const due = groups.filter((x) => !x.updated && !x.surge).length;
  return html`<section class="card roll" aria-label="Roll">
    <div class="row">
      <h3>${focus.paused ? "Roll, paused" : focus.rolling ? "Roll" : "Groups"}</h3>
      <p>${told(focus, former, due)}</p>
    </div>
    ${rows(focus, groups).map((row) => html`<div class="strand">
        ${row.title ? html`<span class="label">${row.title}</span>` : nothing}
        ${bar(row.tiles)}
        <span class="num">${row.tiles.filter((x) => x.updated).length}/${row.tiles.length}</span>
      </div>`)}
    ${legend(groups)}
  </section>`;
}

function told(focus, former, due) {
  const parts = [];
  if (focus.rolling && due) parts.push(`${due} still to be updated`);
  if (focus.rolling && former.length === 1 && focus.kind === "LeaderWorkerSet") {
    parts.push(html`<code>${short(former[0])}</code> → <code>${short(focus.revision)}</code>`);
  }
  if (focus.partition) parts.push(`held below group ${focus.partition} by the partition`);
  if (focus.rule) parts.push(focus.rule);
  return parts.map((x, n) => html`${n ? " · " : ""}${x}`);
}

function bar(all) {
  const title = `${all.filter((x) => x.updated).length} of ${all.length} updated`;
  if (all.length <= NUMBERED) {
    return html`<div class="segments" role="img" aria-label=${title}>
      ${all.map((x) => html`<i class="t-${x.tone}" title=${label(x)}>${x.index}</i>`)}
    </div>`;
  }
  const parts = all.length <= SEGMENTS ? all.map((x) => [x.tone, 1]) : shares(all);
  let at = 0;
  return html`<svg class="segments" viewBox="0 0 ${all.length} 1" preserveAspectRatio="none" role="img" aria-label=${title}>
    ${parts.map(([tone, width]) => svg`<rect class="t-${tone}" x=${(at += width) - width} y="0" width=${width} height="1"></rect>`)}
  </svg>`;
}

function shares(all) {
  const found = new Map();
  for (const x of all) found.set(x.tone, (found.get(x.tone) ?? 0) + 1);
  return ["ok", "busy", "bad", "still", "old"].filter((x) => found.has(x)).map((x) => [x, found.get(x)]);
}

const MEANINGS = [
  ["ok", "ready"],
  ["old", "ready, former revision"],
  ["busy", "on its way"],
  ["still", "waits, as meant"],
  ["bad", "stuck"],
];

function legend(groups) {
  const counted = new Map();
  for (const x of groups) counted.set(x.tone, (counted.get(x.tone) ?? 0) + 1);
  return html`<ul class="legend">
    ${MEANINGS.filter(([tone]) => counted.has(tone)).map(
      ([tone, what]) => html`<li class="t-${tone}"><i class="swatch"></i>${counted.get(tone)} ${what}</li>`,
    )}
  </ul>`;
}

export function map(focus, groups, act) {
  if (!groups.length) return nothing;
  const lens = lensOf(focus, groups.length);
  const size = groups.length <= LARGE ? "large" : groups.length <= MIDDLE ? "middle" : "small";
  return html`<section class="card map" aria-label="Groups">
    <div class="row">
      <h3>${lens < 0 ? "By index" : `By ${focus.topologies[lens].name}`}</h3>
      <p>${lens < 0 ? "" : focus.topologies[lens].asked}</p>
      ${choices(focus, lens, act)}
    </div>
    <div class="lanes ${size} ${lens < 0 ? "single" : ""}" @click=${pick(act)}>
      ${repeat(lanes(focus, groups), (x) => x.name, (x) => lane(x, lens, size, focus))}
    </div>
  </section>`;
}

function choices(focus, lens, act) {
  const all = [...focus.topologies.map((x, n) => [x.key, x.name, n]), ["-", "index", -1]];
  return html`<div class="choices" role="group" aria-label="Lay groups out by">
    ${all.map(([key, name, n]) => html`<button aria-pressed=${n === lens ? "true" : "false"}
        @click=${() => act.set("lens", key)}>${name}</button>`)}
  </div>`;
}

function lane(x, lens, size, focus) {
  const where = lens < 0 ? "" : x.nodes ? `${x.nodes} ${x.nodes === 1 ? "node" : "nodes"}` : "";
  const nowhere = lens >= 0 && !x.name;
  const name = nowhere ? "No place yet" : x.name;
  return html`<section class="lane ${nowhere ? "nowhere" : ""}" aria-label=${name}>
    ${lens < 0 && focus.sections.length === 1
      ? nothing
      : html`<h4><span>${name}</span><small>${where && !focus.topologies[lens]?.key.endsWith("hostname") ? where : ""}</small></h4>`}
    <div class="tiles">
      ${x.tiles.length ? repeat(x.tiles, keyOf, (tile) => TILES[size](tile)) : html`<p class="free">${others(x) || "empty"}</p>`}
    </div>
  </section>`;
}

// Pods of other sets keep an exclusive group out.
const others = (x) => (x.others?.length ? `taken by ${x.others.slice(0, 3).join(", ")}${x.others.length > 3 ? ` and ${x.others.length - 3} more` : ""}` : "");

const label = (x) =>
  `${x.role ? `${x.role} ` : ""}group ${x.index}: ${x.phase}${x.reason ? `, ${x.reason}` : ""}${x.updated ? "" : ", former revision"}`;

const pick = (act) => (event) => {
  const tile = event.target.closest(".tile");
  if (tile) act.set("open", tile.dataset.key);
};

const TILES = {
  large: (x) => html`<button class="tile t-${x.tone}" aria-label=${label(x)} title=${x.message || label(x)} data-key=${keyOf(x)}>
    <span class="top"><b>${x.index}</b>${x.role ? html`<span class="role">${x.role}</span>` : nothing}<code>${short(x.revision)}</code></span>
    <span class="phase">${words(x.reason || x.phase)}</span>
    <span class="pods">${podDots(x)}</span>
    ${x.surge ? html`<span class="surge">surge</span>` : nothing}
  </button>`,
  middle: (x) => html`<button class="tile t-${x.tone}" aria-label=${label(x)} title=${x.message || label(x)} data-key=${keyOf(x)}>${x.index}</button>`,
  small: (x) => html`<button class="tile t-${x.tone}" aria-label=${label(x)} title=${label(x)} data-key=${keyOf(x)}></button>`,
};

// A reason may be broken between its words only.
const words = (text) => text.split(/(?=[A-Z])/).map((x, n) => html`${n ? html`<wbr>` : nothing}${x}`);

function podDots(x) {
  const missing = Math.max(0, x.wanted - x.pods.length);
  const all = [...x.pods.map((pod) => (pod.ready ? "ready" : pod.node ? "starting" : "placeless")), ...Array(Math.min(missing, 64)).fill("missing")];
  return all.slice(0, 24).map((kind) => html`<i class="pod ${kind}"></i>`).concat(all.length > 24 ? [html`<small>+${all.length - 24}</small>`] : []);
}
