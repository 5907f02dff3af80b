// A plain table; all words are text.

const render = ({ model, el }) => {
  const closing = new AbortController();
  el.classList.add("cw-view", "cw-table");
  ownGround(el, closing.signal);
  const table = make(el, "table");
  const head = make(make(table, "thead"), "tr");
  const body = make(table, "tbody");
  let drawn = 0;
  const draw = () => {
    table.ariaLabel = model.get("alt") || model.get("title");
    head.replaceChildren();
    body.replaceChildren();
    for (const word of model.get("heads")) make(head, "th", "", word).scope = "col";
    for (const words of model.get("rows")) {
      const row = make(body, "tr");
      words.forEach((word, at) => {
        const cell = make(row, at ? "td" : "th", "", word);
        if (!at) cell.scope = "row";
      });
    }
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, closing.signal);
  for (const name of ["heads", "rows", "alt", "title"]) model.on(`change:${name}`, redraw);
  redraw();
  return () => closing.abort();
};

export default { render };
