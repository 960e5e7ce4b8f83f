// What the server has told, and what the person has chosen. No markup here, no requests.

export const state = {
  docs: new Map(), // by key: "about", "focus", "why", "steps", "events", "line/…", "tile/…"
  live: false, // the stream is open
  refused: "", // why there is no stream, in one line
  selected: "", // "lws/NAMESPACE/NAME" or "ds/NAMESPACE/NAME"
  lens: "", // key of the topology that groups are laid out by; "-": none; "": the one that was asked for
  open: "", // key of the group that is looked at closely
  tab: "why",
  ask: null, // what is to be confirmed
  busy: false, // an order is under way
  said: null, // what came of the last order
};

/** Take a message of the stream in. */
export function take(patch) {
  if (patch.whole) state.docs.clear();
  for (const [key, value] of Object.entries(patch.put)) state.docs.set(key, value);
  for (const key of patch.gone) state.docs.delete(key);
}

const under = (prefix) => {
  const found = [];
  for (const [key, value] of state.docs) if (key.startsWith(prefix)) found.push(value);
  return found;
};

export const topicOf = (line) =>
  `${line.kind === "LeaderWorkerSet" ? "lws" : "ds"}/${line.namespace}/${line.name}`;

/** The sets by namespace and name, but for those that are a part of another one that is listed. */
export function lines() {
  const all = under("line/").filter((x) => !state.docs.has(`line/DisaggregatedSet/${x.namespace}/${x.owner}`));
  return all.sort((a, b) => a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name));
}

/** The groups of the selected set, in the order of its sections. */
export function tiles() {
  const focus = state.docs.get("focus");
  const order = new Map((focus?.sections ?? []).map((x, n) => [x.set, n]));
  const place = (x) => (order.get(x.set) ?? 1e6) * 1e7 + x.index;
  return under("tile/").sort((a, b) => place(a) - place(b));
}

export const keyOf = (tile) => `${tile.set}/${tile.index}`;

/** Which topology groups are laid out by: its place in the list, -1 for none. */
export function lensOf(focus, count) {
  const { topologies, lanes } = focus;
  if (state.lens === "-") return -1;
  const chosen = topologies.findIndex((x) => x.key === state.lens);
  if (chosen >= 0) return chosen;
  const asked = topologies.findIndex((x, n) => x.asked && lanes[n].length);
  if (asked >= 0) return asked;
  return lanes[topologies.length - 1]?.length > 40 || count > 60 ? -1 : topologies.length - 1;
}

/** Lanes with the groups in them; those without a place come first. */
export function lanes(focus, groups) {
  const lens = lensOf(focus, groups.length);
  if (lens < 0) return sections(focus, groups);
  const found = new Map(focus.lanes[lens].map((x) => [x.name, { ...x, tiles: [] }]));
  const nowhere = { name: "", nodes: 0, tiles: [] };
  for (const tile of groups) {
    const name = tile.places[lens];
    if (name && !found.has(name)) found.set(name, { name, nodes: 0, tiles: [] });
    (name ? found.get(name) : nowhere).tiles.push(tile);
  }
  let all = [...found.values()];
  if (!focus.topologies[lens].asked || all.length > 24) all = all.filter((x) => x.tiles.length);
  return nowhere.tiles.length ? [nowhere, ...all] : all;
}

function sections(focus, groups) {
  const found = new Map(focus.sections.map((x) => [x.set, { name: titleOf(x), nodes: 0, tiles: [] }]));
  for (const tile of groups) found.get(tile.set)?.tiles.push(tile);
  return [...found.values()];
}

export function titleOf(section) {
  if (!section.role) return "All groups";
  const slice = section.slice === null ? "" : `slice ${section.slice}, `;
  return `${slice}${section.role}${section.current ? "" : `, former ${section.revision}`}`;
}

/** Rows of the roll: groups in the order in which it replaces them, by role and slice. */
export function rows(focus, groups) {
  const found = new Map();
  for (const x of focus.sections) {
    const key = `${x.slice}/${x.role}`;
    if (!found.has(key)) found.set(key, { title: x.role ? titleOf({ ...x, current: true }) : "", tiles: [] });
  }
  for (const tile of groups) found.get(`${tile.slice}/${tile.role}`)?.tiles.push(tile);
  const order = new Map(focus.sections.map((x, n) => [x.set, n]));
  const place = (x) => order.get(x.set) * 1e7 - x.index;
  for (const row of found.values()) row.tiles.sort((a, b) => place(a) - place(b));
  return [...found.values()].filter((x) => x.tiles.length);
}
