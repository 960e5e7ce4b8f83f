"""Whether a page can be read: JavaScript for ``Page.evaluate``, each a list of what cannot be."""

from __future__ import annotations

from typing import Final

FAINT: Final = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (x) => (x / 255 <= 0.04045 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (one) => {
    for (let x = one; x; x = x.parentElement) {
      const color = parse(getComputedStyle(x).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const own = (one) => [...one.childNodes].filter((x) => x.nodeType === 3).map((x) => x.data.trim()).join("");
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const style = getComputedStyle(one);
    if (!own(one) || !one.checkVisibility() || one.matches(":disabled")) continue;
    const [less, more] = [light(parse(style.color)), light(behind(one))].sort((x, y) => x - y);
    const size = parseFloat(style.fontSize);
    const wanted = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const has = (more + 0.05) / (less + 0.05);
    if (has < wanted) found.push(`${own(one)}: ${has.toFixed(2)}`);
  }
  return found;
}"""
"""Text with less contrast against what is behind it than WCAG 2.2, 1.4.3 (AA) wants."""

CLIPPED: Final = """() => [...document.querySelectorAll("main *, header *")]
  .filter((x) => x.checkVisibility() && !x.closest("nav, .tabs, svg") && x.clientWidth)
  .filter((x) => getComputedStyle(x).display !== "inline" && x.scrollWidth > x.clientWidth + 1)
  .map((x) => `${x.className}: ${x.textContent.trim().slice(0, 60)}`)"""
"""Text that is wider than its box."""
