// The search's order: guides first, and pages that say why the code is as it is last.
const GUIDES = /^docs\/guides\/(?!README)/;
const INSIDE = /^docs\/(decisions|benchmarks|dependencies)|^tests\//;

var Scorer = {
  score: ([page, , , , score]) => score + (GUIDES.test(page) ? 5 : INSIDE.test(page) ? -100 : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
