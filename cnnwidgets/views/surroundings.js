// The explorer around a status line: its state for the style sheet, pictures that grow stale, a
// kernel that is busy with a cell, keys that hold everywhere, names for controls.

const ROOT = ".cw:not(.cw-view)";
const PATIENCE = 20; // ms from "busy", which is told when an answer is late, to faded pictures
const BUSY = 400; // ms without an answer before a busy kernel counts as running a cell
const HANDS = ["input", "change", "keydown", "pointerdown"];
// What sliders, dropdowns and buttons are moved by; letters stay the notebook's.
const CONTROL_KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown", "Enter", " "];
const PAGE = { PageUp: "ArrowRight", PageDown: "ArrowLeft" };

const NAMED = ".cw-field :is(input, [role=slider])";
const VALUES = ":is(.cw-slider-row, .widget-hbox) > .widget-label:last-child";
const voiced = new WeakSet(); // sliders whose values are said in words

// The value stands in words beside a slider, whose own number is often only a place in a list.
const voice = (handle, field) => {
  const words = field.querySelector(VALUES);
  if (!words || voiced.has(handle)) return;
  voiced.add(handle);
  const say = () => {
    const now = words.textContent;
    if (now && handle.ariaValueText !== now) handle.ariaValueText = now;
  };
  const watched = new MutationObserver(say);
  watched.observe(handle, { attributeFilter: ["aria-valuetext"] });
  watched.observe(words, { childList: true, characterData: true, subtree: true });
  say();
};

// A slider's label stands above it and its number field: both take its words.
const nameControls = (root) => {
  for (const control of root.querySelectorAll(NAMED)) {
    const field = control.closest(".cw-field");
    const labels = [...(control.labels ?? [])].filter((label) => label.textContent.trim());
    const words = field.querySelector("label, .widget-label")?.textContent;
    if (words && !control.ariaLabel && !labels.length) control.ariaLabel = words;
    if (control.matches("[role=slider]")) voice(control, field);
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

// Notebook 7 moves its cursor by the arrow keys of whatever has the focus in an output. Its own word
// for "not here" is an attribute of the element, which stays no longer than the event.
const keepKeys = (root, signal) => {
  const listen = ({ key, target, ctrlKey, metaKey, altKey, shiftKey }) => {
    if (ctrlKey || metaKey || altKey || shiftKey) return;
    if (!root.contains(target) || !CONTROL_KEYS.includes(key)) return;
    target.dataset.lmSuppressShortcuts = "";
    setTimeout(() => delete target.dataset.lmSuppressShortcuts);
  };
  window.addEventListener("keydown", listen, { capture: true, signal });
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
    onPage(root, () => nameControls(root), signal); // it grows as controls come
    root.addEventListener("focusin", () => nameControls(root), { signal });
    for (const hand of HANDS) root.addEventListener(hand, kernel.asked, { capture: true, signal });
    takeKeys(root, keys, signal);
    keepKeys(root, signal);
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
