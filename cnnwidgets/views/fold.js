// A caption that opens and folds what its box holds beneath it, and words to press beside it.

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-fold");
  ownGround(el, signal);
  const line = make(el, "div", "cw-fold-line");
  const head = caption(model, line);
  const row = line.querySelector(".cw-caption");
  const bar = make(line, "div", "cw-progress");
  const filled = make(bar, "i");
  const links = make(line, "div", "cw-links");
  let written = "";
  let drawn = 0;
  row.setAttribute("role", "button");
  row.tabIndex = 0;
  bar.setAttribute("role", "progressbar");

  const turn = () => {
    model.set("opened", !model.get("opened"));
    model.save_changes();
  };
  row.addEventListener("click", turn, { signal });
  takeKeys(row, (event) => {
    if (event.key !== "Enter" && event.key !== " ") return false;
    event.preventDefault();
    turn();
    return true;
  }, signal);
  links.addEventListener("click", (event) => {
    const { name } = event.target.dataset;
    if (name) emit(model, "pressed", { name });
  }, { signal });

  const drawButtons = (buttons) => {
    if (JSON.stringify(buttons) === written) return;
    written = JSON.stringify(buttons);
    const held = links.contains(document.activeElement);
    links.replaceChildren();
    for (const { name, label } of buttons) {
      make(links, "button", "cw-link", label).dataset.name = name;
    }
    // What was pressed may be there no more: the focus stays in the line.
    if (held) (links.firstChild ?? row).focus({ preventScroll: true });
  };

  const draw = () => {
    const [opened, total] = [model.get("opened"), model.get("total")];
    head.draw();
    line.toggleAttribute("data-folded", !opened);
    row.ariaExpanded = String(opened);
    row.ariaLabel = model.get("alt") || row.title;
    bar.hidden = !opened || !total;
    bar.ariaLabel = model.get("title");
    bar.ariaValueNow = model.get("done");
    bar.ariaValueMax = total;
    filled.style.width = `${total ? (100 * model.get("done")) / total : 0}%`;
    drawButtons(opened ? model.get("buttons") : []);
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, signal);
  const names = ["title", "notes", "reading", "alt", "opened", "done", "total", "buttons"];
  for (const name of names) model.on(`change:${name}`, redraw);
  draw();
  return () => closing.abort();
};

export default { render };
