// The status line. What the explorer around it needs is in surroundings.js.

const QUIET = 700; // ms of rest before the line is read out
const WAITING = ["waiting", "Waiting", "a cell is running; the picture follows when it ends"];

const save = ({ name, type, data }) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

// Once a model, not once a view: a second view must not save a second file.
const initialize = ({ model }) => {
  model.on("change:download", () => {
    const file = model.get("download");
    if (file.data) save(file);
  });
};

// The still that a saved notebook keeps beneath the explorer, and the empty row it would leave.
const hideStill = (key, signal) => {
  if (!key) return;
  const style = document.head.appendChild(document.createElement("style"));
  const still = `[data-cw-still="${CSS.escape(key)}"]`;
  style.textContent = `${still}, .jp-OutputArea-child:has(${still}) { display: none }`;
  signal.addEventListener("abort", () => style.remove());
};

const copy = async (text, holder) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http hubs have no clipboard: the old way, by a selection.
    getSelection().selectAllChildren(holder);
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
};

const panelBelow = (model, el, back) => {
  const panel = make(el, "div", "cw-text-panel");
  const text = make(panel, "pre");
  const bar = make(panel, "div", "cw-links");
  const copying = make(bar, "button", "cw-link", "Copy");
  const closing = make(bar, "button", "cw-link", "Close");
  text.tabIndex = 0;
  text.setAttribute("role", "region");
  text.ariaLabel = "Code or details";
  copying.addEventListener("click", async () => {
    await copy(text.textContent, text);
    copying.textContent = "Copied";
    setTimeout(() => (copying.textContent = "Copy"), 1200);
  });
  let closed = false; // here; the kernel's answer may be long in coming
  model.on("change:panel", () => (closed = false));
  closing.addEventListener("click", () => {
    closed = panel.hidden = true;
    back(); // where it was opened: else the focus would be lost
    emit(model, "pressed", { name: "close" });
  });
  return () => {
    text.textContent = model.get("panel");
    panel.hidden = closed || !text.textContent;
  };
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-status");
  ownGround(el, signal);
  hideStill(model.get("still"), signal);
  const row = make(el, "div", "cw-status-line");
  const dot = make(row, "i", "cw-dot");
  const words = make(row, "span", "cw-words");
  const headline = make(words, "b");
  const rest = make(words, "span");
  const bar = make(row, "div", "cw-progress");
  const filled = make(bar, "i");
  const links = make(row, "div", "cw-links");
  const live = make(el, "div", "cw-live");
  const drawPanel = panelBelow(model, el, () => opener()?.focus({ preventScroll: true }));
  dot.ariaHidden = words.ariaHidden = "true";
  bar.setAttribute("role", "progressbar");
  live.setAttribute("aria-live", "polite");
  let written = null;
  let pressed = "";
  let quiet = 0;
  let drawn = 0;

  const named = (name) => [...links.children].find(({ dataset }) => dataset.name === name);
  const opener = () => named(pressed) ?? links.lastChild;
  const press = (event) => {
    const name = event.target.dataset.name;
    pressed = name || pressed;
    if (name) emit(model, "pressed", { name });
  };
  links.addEventListener("click", press, { signal });

  const drawButtons = () => {
    const buttons = model.get("buttons");
    if (JSON.stringify(buttons) === written) return;
    written = JSON.stringify(buttons);
    const held = links.contains(document.activeElement) && document.activeElement.dataset.name;
    links.replaceChildren();
    for (const { name, label } of buttons) {
      const button = make(links, "button", "cw-link", label);
      button.dataset.name = name;
      if (held === name) button.focus({ preventScroll: true });
    }
    // What was pressed may be there no more: the focus stays in the line.
    if (held && !links.contains(document.activeElement)) links.firstChild?.focus({ preventScroll: true });
  };

  const draw = () => {
    const waiting = around.look();
    el.dataset.drawn = ++drawn;
    const told = ["state", "headline", "text"].map((name) => model.get(name));
    const [state, first, text] = waiting ? WAITING : told;
    const total = waiting ? 0 : model.get("total");
    el.dataset.state = state;
    headline.textContent = first;
    const joint = state === "error" || state === "refused" ? " " : " · ";
    rest.textContent = text && joint + text;
    words.title = words.textContent;
    bar.hidden = !total;
    bar.ariaLabel = first;
    bar.ariaValueNow = model.get("done");
    bar.ariaValueMax = total;
    filled.style.width = `${total ? (100 * model.get("done")) / total : 0}%`;
    drawButtons();
    drawPanel();
    clearTimeout(quiet);
    if (state !== "busy") quiet = setTimeout(() => (live.textContent = words.textContent), QUIET);
  };
  const redraw = perFrame(draw, signal);
  const around = surround(model, el, redraw, signal);
  const names = ["state", "headline", "text", "done", "total", "buttons", "panel"];
  for (const name of names) model.on(`change:${name}`, redraw);
  onPage(el, redraw, signal);
  return () => {
    closing.abort();
    clearTimeout(quiet);
  };
};

export default { initialize, render };
