// The status line, and what an explorer's whole page needs of it: its state for the style sheet,
// the key S, names for controls whose label is only seen.

const PATIENCE = 150; // ms without a new drawing before pictures count as stale
const QUIET = 700; // ms of rest before the line is read out
const ROOT = ".cw:not(.cw-view)";

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

const panelBelow = (model, el) => {
  const panel = make(el, "div", "cw-text-panel");
  const text = make(panel, "pre");
  const bar = make(panel, "div", "cw-links");
  const copying = make(bar, "button", "cw-link", "Copy");
  const closing = make(bar, "button", "cw-link", "Close");
  text.tabIndex = 0;
  copying.addEventListener("click", async () => {
    await copy(text.textContent, text);
    copying.textContent = "Copied";
    setTimeout(() => (copying.textContent = "Copy"), 1200);
  });
  let closed = false; // here; the kernel's answer may be long in coming
  model.on("change:panel", () => (closed = false));
  closing.addEventListener("click", () => {
    closed = panel.hidden = true;
    emit(model, "pressed", { name: "close" });
  });
  return () => {
    text.textContent = model.get("panel");
    panel.hidden = closed || !text.textContent;
  };
};

// A slider's label stands above it and its number field: both take its words.
const nameControls = (event) => {
  const { target } = event;
  const field = target.closest?.(".cw-field");
  const labels = [...(target.labels ?? [])].filter((label) => label.textContent.trim());
  if (!field || target.ariaLabel || labels.length) return;
  if (target.matches("input, [role=slider]")) {
    target.ariaLabel = field.querySelector("label, .widget-label")?.textContent ?? "";
  }
};

// The explorer around the line: found late and again, since notebooks move what they show.
const surround = (model, el, signal) => {
  let root = null;
  let patience = 0;
  const stale = () => root && model.get("state") === "busy" && (root.dataset.stale = "");
  const drawn = () => {
    clearTimeout(patience);
    delete root.dataset.stale;
    if (model.get("state") === "busy") patience = setTimeout(stale, PATIENCE);
  };
  const stop = (event) => {
    const typing = event.target.matches("input:not([type=range]), textarea, select, [contenteditable]");
    const offered = model.get("buttons").some(({ name }) => name === "stop");
    if (event.key.toLowerCase() !== "s" || typing || !offered) return false;
    event.preventDefault();
    emit(model, "pressed", { name: "stop" });
    return true;
  };
  let before = "";
  return () => {
    const now = el.closest(ROOT);
    if (now && now !== root) {
      root = now;
      root.addEventListener("cw-drawn", drawn, { signal });
      root.addEventListener("focusin", nameControls, { signal });
      takeKeys(root, stop, signal);
    }
    const state = model.get("state");
    if (!root) return;
    root.dataset.state = state;
    if (state === before) return;
    if (state === "busy" || before === "busy") drawn();
    before = state;
  };
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-status");
  ownGround(el, signal);
  const row = make(el, "div", "cw-status-line");
  const dot = make(row, "i", "cw-dot");
  const words = make(row, "span", "cw-words");
  const headline = make(words, "b");
  const rest = make(words, "span");
  const bar = make(row, "div", "cw-progress");
  const filled = make(bar, "i");
  const links = make(row, "div", "cw-links");
  const live = make(el, "div", "cw-live");
  const drawPanel = panelBelow(model, el);
  const tell = surround(model, el, signal);
  dot.ariaHidden = words.ariaHidden = "true";
  bar.setAttribute("role", "progressbar");
  live.setAttribute("aria-live", "polite");
  let written = null;
  let quiet = 0;
  let drawn = 0;

  const press = (event) => {
    const name = event.target.dataset.name;
    if (name) emit(model, "pressed", { name });
  };
  links.addEventListener("click", press, { signal });

  const drawButtons = () => {
    const buttons = model.get("buttons");
    if (JSON.stringify(buttons) === written) return;
    written = JSON.stringify(buttons);
    const held = document.activeElement?.dataset?.name;
    links.replaceChildren();
    for (const { name, label } of buttons) {
      const button = make(links, "button", "cw-link", label);
      button.dataset.name = name;
      if (held === name) button.focus({ preventScroll: true });
    }
  };

  const draw = () => {
    const [state, text, total] = ["state", "text", "total"].map((name) => model.get(name));
    el.dataset.state = state;
    headline.textContent = model.get("headline");
    const joint = state === "error" ? " " : " · ";
    rest.textContent = text && joint + text;
    words.title = words.textContent;
    bar.hidden = !total;
    bar.ariaValueNow = model.get("done");
    bar.ariaValueMax = total;
    filled.style.width = `${total ? (100 * model.get("done")) / total : 0}%`;
    drawButtons();
    drawPanel();
    tell();
    clearTimeout(quiet);
    if (state !== "busy") quiet = setTimeout(() => (live.textContent = words.textContent), QUIET);
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, signal);
  const names = ["state", "headline", "text", "done", "total", "buttons", "panel"];
  for (const name of names) model.on(`change:${name}`, redraw);
  onPage(el, redraw, signal);
  return () => {
    closing.abort();
    clearTimeout(quiet);
  };
};

export default { initialize, render };
