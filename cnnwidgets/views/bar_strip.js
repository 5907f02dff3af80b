// Bars over labels. The elements stay; an update only writes heights and words.

const GAP = 3;
const ruler = document.createElement("canvas").getContext("2d");

const bar = (box) => {
  const item = make(box, "div", "cw-bar");
  item.setAttribute("role", "option");
  const track = make(item, "div", "cw-bar-track");
  make(track, "i");
  make(item, "span");
  return item;
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-bar-strip");
  ownGround(el, signal);
  const head = caption(model, el);
  const panel = make(el, "div", "cw-panel");
  const box = make(panel, "div", "cw-bars");
  const message = make(panel, "div", "cw-message");
  box.setAttribute("role", "listbox");
  let drawn = 0;
  const items = () => [...box.children].filter((item) => !item.hidden);
  const keys = roving(box, items, (index) => emit(model, "chosen", { index }), signal);

  const room = () => {
    if (!box.clientWidth) return Infinity; // put away for a moment, as while the theme changes
    ruler.font = `10px ${getComputedStyle(box).fontFamily}`;
    const widths = model.get("labels").map((label) => ruler.measureText(label).width);
    const width = Math.max(12, ...widths) + GAP - 2; // labels may come that close
    return Math.max(1, Math.floor((box.clientWidth + GAP) / width));
  };

  const draw = () => {
    const values = model.get("values");
    const [labels, readings] = [model.get("labels"), model.get("readings")];
    const selected = model.get("selected");
    const top = Math.max(0, ...values);
    const span = top - Math.min(0, ...values) || 1;
    const fitting = room();
    head.draw();
    lines(message, model.get("message"));
    panel.classList.toggle("cw-empty", model.get("message").length > 0);
    box.ariaLabel = model.get("alt");
    while (box.children.length < values.length) bar(box);
    [...box.children].forEach((item, index) => {
      item.hidden = index >= Math.min(values.length, fitting);
      if (item.hidden) return;
      const value = values[index];
      const words = [labels[index] ?? "", readings[index] ?? ""].filter(Boolean).join(", ");
      const [track, label] = item.children;
      track.style.setProperty("--cw-zero", `${(100 * (span - top)) / span}%`);
      Object.assign(track.firstChild.style, {
        bottom: `${(100 * (Math.min(0, value) - top + span)) / span}%`,
        height: `${(100 * Math.abs(value)) / span}%`,
      });
      label.textContent = labels[index] ?? "";
      item.title = item.ariaLabel = words;
      item.ariaSelected = String(index === selected);
    });
    if (!box.contains(document.activeElement)) keys.place(Math.max(0, selected));
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, signal);
  const resized = new ResizeObserver(redraw);
  resized.observe(box);
  const names = ["values", "labels", "readings", "selected", "message", "title", "notes", "reading", "alt"];
  for (const name of names) model.on(`change:${name}`, redraw);
  return () => {
    closing.abort();
    resized.disconnect();
  };
};

export default { render };
