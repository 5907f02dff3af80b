// The explorer around a status line: its state for the style sheet, pictures that grow stale, a
// kernel that is busy with a cell, keys that hold everywhere, names for controls.

const ROOT = ".cw:not(.cw-view)";
const PATIENCE = 20; // ms from "busy", which is told when an answer is late, to faded pictures
const BUSY = 400; // ms without an answer before a busy kernel counts as running a cell
const HANDS = ["input", "change", "keydown", "pointerdown"];
// What sliders and buttons are moved by; letters stay the notebook's, but in a dropdown.
const CONTROL_KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown", "Enter", " "];
const PAGE = { PageUp: "ArrowRight", PageDown: "ArrowLeft" };

const NAMED = ".cw-field :is(input, [role=slider])";
const VALUES = ":is(.cw-slider-row, .widget-hbox) > .widget-label:last-child";

// The value stands in words beside a slider, whose own number is often only a place in a list. The
// words come from the kernel, later than the number that a hand has chosen: until then they are old.
const voice = (handle, words, quiet, signal) => {
  let place = null;
  let timer = 0;
  const say = () => {
    const now = words.textContent;
    if (now && handle.ariaValueText !== now) handle.ariaValueText = now;
  };
  const told = () => {
    clearTimeout(timer);
    place = handle.ariaValueNow;
    say();
  };
  const rest = () => { // two values may have the same words: then nothing tells of them
    clearTimeout(timer);
    timer = setTimeout(() => (quiet() ? told() : rest()), BUSY);
  };
  const written = () => {
    const moved = handle.ariaValueNow !== place && handle === document.activeElement;
    if (moved) rest();
    else told(); // by the kernel, or the same value once more
  };
  const watched = [new MutationObserver(told), new MutationObserver(written)];
  watched[0].observe(words, { childList: true, characterData: true, subtree: true });
  watched[1].observe(handle, { attributeFilter: ["aria-valuetext"] });
  handle.addEventListener("focus", told, { signal });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    watched.forEach((one) => one.disconnect());
  });
  told();
};

// A slider's label stands above it and its number field: both take its words.
const nameControls = (root, voiced, quiet, signal) => {
  for (const control of root.querySelectorAll(NAMED)) {
    const field = control.closest(".cw-field");
    const labels = [...(control.labels ?? [])].filter((label) => label.textContent.trim());
    const words = field.querySelector("label, .widget-label")?.textContent;
    if (words && !control.ariaLabel && !labels.length) control.ariaLabel = words;
    const value = control.matches("[role=slider]") && field.querySelector(VALUES);
    if (!value || voiced.has(control)) continue;
    voiced.add(control);
    voice(control, value, quiet, signal);
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

// Notebooks move their cursor by the arrow keys of whatever has the focus in an output, and would cut
// or delete the cell around a dropdown by the letters that choose in it. Their own word for "not here"
// is an attribute of the element, which stays no longer than the event.
const keepKeys = (root, signal) => {
  const listen = ({ key, target, ctrlKey, metaKey, altKey }) => {
    if (ctrlKey || metaKey || !root.contains(target)) return;
    if (!target.matches("select") && (altKey || !CONTROL_KEYS.includes(key))) return;
    if ("lmSuppressShortcuts" in target.dataset) return; // who has put it there takes it away
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
  let inside = new AbortController();
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
    inside.abort(); // the status line has been moved out of another explorer
    inside = new AbortController();
    const here = inside.signal;
    const voiced = new WeakSet(); // sliders whose values are said in words
    const quiet = () => model.widget_manager?.kernel?.status !== "busy";
    const name = () => nameControls(found, voiced, quiet, here);
    root = found;
    root.addEventListener("cw-drawn", drawn, { signal: here });
    root.addEventListener("cw-drawn", kernel.answered, { signal: here });
    onPage(root, name, here); // it grows as controls come
    root.addEventListener("focusin", name, { signal: here });
    for (const hand of HANDS) root.addEventListener(hand, kernel.asked, { capture: true, signal: here });
    takeKeys(root, keys, here);
    keepKeys(root, here);
  };
  signal.addEventListener("abort", () => {
    inside.abort();
    clearTimeout(patience);
  });
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
