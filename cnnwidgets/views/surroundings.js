// The explorer around a status line: its state for the style sheet, pictures that grow stale, a
// kernel that is busy with a cell, keys that hold everywhere, names for controls.

const ROOT = ".cw:not(.cw-view)";
const PATIENCE = 20; // ms from "busy", which is told when an answer is late, to faded pictures
const BUSY = 400; // ms without an answer before a busy kernel counts as running a cell
const HANDS = ["input", "change", "keydown", "pointerdown"];
const PAGE = { PageUp: "ArrowRight", PageDown: "ArrowLeft" };

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

// ipywidgets' slider goes by five; ten is what its users know from other sliders.
const turnPage = ({ key, target }) => {
  if (!(key in PAGE) || !target.matches(".noUi-handle")) return false;
  for (let step = 0; step < 10; step++) {
    target.dispatchEvent(new KeyboardEvent("keydown", { key: PAGE[key], bubbles: true, cancelable: true }));
  }
  return true;
};

const pressStop = (model, { key, target }) => {
  const typing = target.matches("input:not([type=range]), textarea, select, [contenteditable]");
  const offered = model.get("buttons").some(({ name }) => name === "stop");
  if (key.toLowerCase() !== "s" || typing || !offered) return false;
  emit(model, "pressed", { name: "stop" });
  return true;
};

// Whether a cell runs and holds up what the reader asked for: nothing of ours runs in the kernel
// then, so only the page can tell.
const watchKernel = (model, changed, signal) => {
  let timer = 0;
  let waiting = false;
  const is = (value) => {
    if (value === waiting) return;
    waiting = value;
    changed();
  };
  const look = () => {
    is(model.widget_manager?.kernel?.status === "busy");
    timer = waiting ? setTimeout(look, BUSY / 4) : 0;
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  return {
    waiting: () => waiting,
    asked: () => (timer ||= setTimeout(look, BUSY)),
    answered: () => {
      clearTimeout(timer);
      timer = 0;
      is(false);
    },
  };
};

// Found late and again, since notebooks move what they show. `look` keeps the explorer told, and
// tells whether a cell holds it up.
const surround = (model, el, changed, signal) => {
  const kernel = watchKernel(model, changed, signal);
  let root = null;
  let patience = 0;
  let before = "";
  const fade = () => root && model.get("state") === "busy" && (root.dataset.stale = "");
  const drawn = () => {
    clearTimeout(patience);
    if (root) delete root.dataset.stale;
    if (model.get("state") === "busy") patience = setTimeout(fade, PATIENCE);
  };
  const keys = (event) => {
    const ours = turnPage(event) || pressStop(model, event);
    if (ours) event.preventDefault();
    return ours;
  };
  const enter = (found) => {
    root = found;
    root.addEventListener("cw-drawn", drawn, { signal });
    root.addEventListener("cw-drawn", kernel.answered, { signal });
    root.addEventListener("focusin", nameControls, { signal });
    for (const hand of HANDS) root.addEventListener(hand, kernel.asked, { capture: true, signal });
    takeKeys(root, keys, signal);
  };
  signal.addEventListener("abort", () => clearTimeout(patience));
  const look = () => {
    const found = el.closest(ROOT);
    if (found && found !== root) enter(found);
    const state = model.get("state");
    if (state !== before) {
      if (state === "busy" || before === "busy") drawn();
      if (before) kernel.answered();
      before = state;
    }
    if (root) root.dataset.state = kernel.waiting() ? "waiting" : state;
    return kernel.waiting();
  };
  return { look };
};
