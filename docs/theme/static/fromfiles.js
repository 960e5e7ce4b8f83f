// The search of a site that is opened from files: a page may not read another one there, so what it shows of
// those it finds is taken from a script, which is loaded then only. See docs/excerpts.py.
if (location.protocol === "file:") {
  const root = new URL(".", location.href);
  const texts = new Promise((done) => {
    const script = document.createElement("script");
    script.src = new URL("_static/excerpts.js", root).href;
    script.onload = () => done(window.lwsExcerpts);
    script.onerror = () => done({});
    document.head.append(script);
  });
  window.fetch = async (address) => {
    const page = new URL(address, root).href.slice(root.href.length).replace(/[?#].*/, "");
    return new Response((await texts)[page] ?? "");
  };
}
