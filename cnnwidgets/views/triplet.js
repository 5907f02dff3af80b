// Three pictures, one of which is taken out. What the reader did is shown before the kernel knows.

const ROOT = ".cw:not(.cw-view)";
const TYPED = "input:not([type=checkbox], [type=radio]), textarea, select, [role=slider], [role=textbox]";
const HAND_RESTS = 400; // ms; until then the reader's own bars are newer than the kernel's
const DIGITS = ["1", "2", "3"];

const addPlace = (box, index) => {
  const column = make(box, "div", "cw-odd");
  const button = make(column, "button", "cw-odd-picture");
  const canvas = make(button, "canvas");
  const word = make(button, "span", "cw-odd-word");
  const line = make(column, "div", "cw-odd-line");
  make(line, "kbd", "", DIGITS[index]);
  const name = make(line, "b");
  const yours = make(line, "span", "cw-odd-yours", "your odd one out");
  const agents = make(column, "div", "cw-odd-agents");
  button.type = "button";
  button.setAttribute("role", "radio");
  return { column, button, canvas, word, name, yours, agents };
};

const addAgent = (parent) => {
  const row = make(parent, "div", "cw-odd-agent");
  make(row, "span");
  make(make(row, "div"), "i");
  make(row, "em");
};

const probabilityWords = (value) => {
  if (value < 0.005) return "<\u2009.01";
  if (value >= 0.995 && value < 1) return ">\u2009.99";
  return value.toFixed(2).replace(/^0/, "");
};

// Bars of an agent whose dimensions the reader switches, until the kernel tells of the same.
const switched = (model, el, redraw, signal) => {
  const held = new Map();
  let timer = 0;
  let root = null;
  const listen = ({ detail }) => {
    held.set(detail.agent, { values: detail.probabilities, at: performance.now() });
    redraw();
  };
  const settle = () => {
    clearTimeout(timer);
    const rested = () => {
      const now = performance.now();
      for (const [kind, { at }] of held) if (now - at >= HAND_RESTS) held.delete(kind);
      if (held.size) timer = setTimeout(rested, HAND_RESTS);
      redraw();
    };
    rested();
  };
  model.on("change:agents", settle);
  model.on("change:trial", () => held.clear());
  signal.addEventListener("abort", () => clearTimeout(timer));
  const look = () => {
    const found = el.closest(ROOT);
    if (!found || found === root) return;
    root = found;
    root.addEventListener("cw-probabilities", listen, { signal });
  };
  const agents = () =>
    model.get("agents").map((agent) => {
      const values = held.get(agent.kind)?.values;
      if (!values) return agent;
      const takes = values.indexOf(Math.max(...values));
      return { ...agent, values, takes, readings: values.map(probabilityWords) };
    });
  return { look, agents };
};

const drawAgents = (place, agents, index) => {
  const box = place.agents;
  while (box.children.length < agents.length) addAgent(box);
  [...box.children].forEach((row, at) => {
    row.hidden = at >= agents.length;
    if (row.hidden) return;
    const { name, kind, values, readings, takes } = agents[at];
    const [label, track, number] = row.children;
    row.dataset.agent = kind;
    row.classList.toggle("cw-takes", takes === index);
    label.textContent = label.title = name;
    track.firstChild.style.width = `${100 * values[index]}%`;
    number.textContent = readings[index];
  });
};

// French rows of digits need Shift: there the place of the key counts.
const digitOf = ({ key, code, shiftKey }) =>
  DIGITS.indexOf(!DIGITS.includes(key) && !shiftKey ? code.replace("Digit", "") : key);

// One handler for the keys of the view and of the explorer around it.
const keysOf = (model, { el, box, choose, answered }, signal) => {
  const around = { contains: (target) => (el.closest(ROOT) ?? el).contains(target) };
  const ask = (name) => emit(model, "pressed", { name, trial: model.get("trial") });
  takeKeys(around, (event) => {
    const { key, target, repeat } = event;
    if (target.matches(TYPED) || target.isContentEditable) return false;
    const [asked, digit] = [key.toLowerCase(), digitOf(event)];
    const entered = key === "Enter" && box.contains(target) && (repeat || answered());
    if (digit < 0 && asked !== "u" && asked !== "n" && !entered) return false;
    event.preventDefault();
    if (repeat) return true; // a key that is held down answers one triplet, not many
    if (digit >= 0) choose(digit);
    else if (asked === "u") ask("undo");
    else if (answered()) ask("next");
    return true;
  }, signal);
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-triplet");
  ownGround(el, signal);
  const panel = make(el, "div", "cw-triplet-panel");
  const box = make(panel, "div", "cw-odds");
  const message = make(panel, "div", "cw-message");
  const places = DIGITS.map((_, index) => addPlace(box, index));
  let own = { trial: null, index: -1 };
  let drawn = 0;
  box.setAttribute("role", "radiogroup");
  box.ariaLabel = "Which is the odd one out?";

  const choice = () => {
    const told = model.get("chosen");
    return told >= 0 || own.trial !== model.get("trial") ? told : own.index;
  };
  const answered = () => choice() >= 0;
  const choose = (index) => {
    const trial = model.get("trial");
    const since = shownPictures.since(trial);
    const open = model.get("names").length && !model.get("message").length && !model.get("locked");
    if (!open || answered() || since === null) return;
    own = { trial, index };
    draw();
    emit(model, "answered", { index, trial, rt_ms: Math.round(performance.now() - since) });
  };
  keysOf(model, { el, box, choose, answered }, signal); // before the arrows: Enter may be "next"
  const arrows = roving(box, () => places.map(({ button }) => button), choose, signal);

  const draw = () => {
    const [names, alts] = [model.get("names"), model.get("alts")];
    const now = choice();
    const agents = changed.agents();
    changed.look();
    lines(message, model.get("message"));
    panel.classList.toggle("cw-empty", model.get("message").length > 0);
    places.forEach((place, index) => {
      const { button, word, name, yours } = place;
      const [mine, called] = [index === now, names[index] ?? ""];
      word.textContent = name.textContent = name.title = called;
      button.ariaLabel = alts[index] ?? (called && `${called}, key ${DIGITS[index]}.`);
      button.ariaChecked = String(mine);
      button.ariaDisabled = String(model.get("locked") || now >= 0);
      yours.classList.toggle("cw-on", mine);
      yours.ariaHidden = String(!mine);
      place.agents.style.setProperty("--cw-rows", model.get("agent_rows"));
      drawAgents(place, agents, index);
    });
    el.dataset.drawn = ++drawn;
  };
  const drawTold = () => {
    draw();
    el.dispatchEvent(new CustomEvent("cw-drawn", { bubbles: true }));
  };
  // What belongs to a new triplet waits for its pictures.
  const redraw = perFrame(() => shownPictures.ready() && draw(), signal);
  const told = perFrame(() => shownPictures.ready() && drawTold(), signal);
  const changed = switched(model, el, redraw, signal);
  const shownPictures = pictures(model, places, drawTold, signal);
  arrows.place(0);

  const take = perMessage(shownPictures.take);
  for (const name of ["trial", "picture_1", "picture_2", "picture_3"]) model.on(`change:${name}`, take);
  model.on("change:chosen", () => model.get("chosen") < 0 && (own = { trial: null, index: -1 }));
  for (const name of ["names", "chosen", "locked", "agents", "agent_rows", "message", "alts"]) {
    model.on(`change:${name}`, told);
  }
  const resized = new ResizeObserver(shownPictures.paint);
  resized.observe(box);
  onPage(el, changed.look, signal);
  shownPictures.take();
  return () => {
    closing.abort();
    resized.disconnect();
  };
};

export default { render };
