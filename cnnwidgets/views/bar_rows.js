// Rows of name, bar and number. The elements stay; an update only writes lengths and words.

const line = (list) => {
  const item = make(list, "div", "cw-row");
  item.setAttribute("role", "listitem");
  make(item, "span");
  make(make(item, "div"), "i");
  make(item, "em");
  return item;
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  el.classList.add("cw-view", "cw-bar-rows");
  ownGround(el, closing.signal);
  const head = caption(model, el);
  const panel = make(el, "div", "cw-panel");
  const list = make(panel, "div", "cw-rows");
  const message = make(panel, "div", "cw-message");
  list.setAttribute("role", "list");
  let drawn = 0;
  const draw = () => {
    const [labels, values, readings] = ["labels", "values", "readings"].map((name) => model.get(name));
    head.draw();
    lines(message, model.get("message"));
    panel.classList.toggle("cw-empty", model.get("message").length > 0);
    list.ariaLabel = model.get("alt");
    while (list.children.length < labels.length) line(list);
    [...list.children].forEach((item, index) => {
      item.hidden = index >= labels.length;
      const [name, track, number] = item.children;
      name.textContent = item.title = labels[index] ?? "";
      track.firstChild.style.width = `${100 * (values[index] ?? 0)}%`;
      number.textContent = readings[index] ?? "";
    });
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, closing.signal);
  const names = ["labels", "values", "readings", "message", "title", "notes", "reading", "alt"];
  for (const name of names) model.on(`change:${name}`, redraw);
  redraw();
  return () => closing.abort();
};

export default { render };
