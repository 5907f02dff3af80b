// A plain table; all words are text.

const render = ({ model, el }) => {
  const closing = new AbortController();
  el.classList.add("cw-view", "cw-table");
  ownGround(el, closing.signal);
  const table = make(el, "table");
  let drawn = 0;
  const draw = () => {
    table.ariaLabel = model.get("alt") || model.get("title");
    fillTable(table, model.get("heads"), model.get("rows"));
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, closing.signal);
  for (const name of ["heads", "rows", "alt", "title"]) model.on(`change:${name}`, redraw);
  redraw();
  return () => closing.abort();
};

export default { render };
