// Shared by every view and put before its own script. Words come from files and models, so text
// is set by textContent only.

const make = (parent, tag, name = "", text = "") => {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  parent.append(element);
  return element;
};

// Views are made before they are put on the page, and notebooks move what they show: what needs
// the surroundings waits until the element has a size.
const onPage = (el, placed, signal) => {
  const resized = new ResizeObserver(() => el.isConnected && placed());
  resized.observe(el);
  signal.addEventListener("abort", () => resized.disconnect());
};

// A drawing that stands outside an explorer carries the tokens itself.
const ownGround = (el, signal) => {
  onPage(el, () => el.closest(".cw") ?? el.classList.add("cw", "cw-alone"), signal);
};

// However many traits a message changes, the view is drawn once, in the next frame.
const perFrame = (draw, signal) => {
  let asked = 0;
  signal.addEventListener("abort", () => cancelAnimationFrame(asked));
  return () => {
    if (signal.aborted) return;
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      draw();
    });
  };
};

// One message may change many traits: each would tell, once is enough.
const perMessage = (take) => {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    queueMicrotask(() => {
      asked = false;
      take();
    });
  };
};

// Lines of text that stand in place of a drawing.
const lines = (box, words) => {
  if (box.dataset.words === words.join("\n")) return;
  box.dataset.words = words.join("\n");
  box.replaceChildren();
  words.forEach((line) => make(box, "div", "", line));
};

// `count` makes the same choice, made twice, two choices.
const emit = (model, trait, choice) => {
  const count = (model.get(trait)?.count ?? 0) + 1;
  model.set(trait, { ...choice, count });
  model.save_changes();
};

// JupyterLab takes keys on the document, in the capture phase. The window comes before it, and
// only the keys that `handle` owns are kept from it.
const takeKeys = (element, handle, signal) => {
  const listen = (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.altKey);
    if (plain && element.contains(event.target) && handle(event)) event.stopImmediatePropagation();
  };
  window.addEventListener("keydown", listen, { capture: true, signal });
};

const MARKS = { "□": "cw-mark cw-solid", "⬚": "cw-mark cw-dotted" };

const note = (parent, words) => {
  const mark = MARKS[words[0]];
  const span = make(parent, "span");
  if (mark) make(span, "i", mark).ariaHidden = "true";
  span.append(mark ? words.slice(1).trim() : words);
};

const caption = (model, el) => {
  const row = make(el, "div", "cw-caption");
  const title = make(row, "b");
  const notes = make(row, "span", "cw-notes");
  const extra = make(row, "span", "cw-extra");
  const reading = make(make(row, "span", "cw-reading"), "span");
  let written = null;
  const draw = () => {
    const words = model.get("notes");
    title.textContent = model.get("title");
    reading.textContent = model.get("reading");
    row.title = [title.textContent, ...words.map((word) => word.replace(/^[□⬚]\s*/, ""))].join(" · ");
    if (words.join("\n") === written) return;
    written = words.join("\n");
    notes.replaceChildren();
    words.forEach((word) => note(notes, word));
  };
  return { notes, extra, draw };
};

// Choosing one of several things in a row: arrows move, Enter or Space chooses, one Tab stop.
const roving = (box, items, choose, signal) => {
  let at = 0;
  const place = (index) => {
    at = Math.max(0, Math.min(index, items().length - 1));
    items().forEach((item, i) => (item.tabIndex = i === at ? 0 : -1));
  };
  const move = (index) => {
    place(index);
    items()[at]?.focus({ preventScroll: true });
  };
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -1e9, End: 1e9 };
  const handle = (event) => {
    if (event.key in steps) move(at + steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") choose(at);
    else return false;
    event.preventDefault();
    return true;
  };
  takeKeys(box, handle, signal);
  box.addEventListener("click", (event) => {
    const index = items().findIndex((item) => item.contains(event.target));
    if (index < 0) return;
    move(index);
    choose(index);
  }, { signal });
  return { place, at: () => at };
};
