// A square for each unit on one canvas. Only what is chosen, or pointed at, has an element.

const LEAST = 8; // px of a square
const MOST = 24;
const HEIGHT = 160; // px the squares take where they may have any size between the two
const UNTUNED = "rgb(128 128 128)";
const SILENT = "rgb(128 128 128 / 0.105)"; // the tint of both themes, so no change is missed
const DIM = 0.3;

const ANCHORS = TWILIGHT.map((colour) => colour.match(/\w\w/g).map((pair) => parseInt(pair, 16)));

const orientationColour = (degrees) => {
  const at = (degrees / 180) * ANCHORS.length;
  const low = Math.floor(at);
  const [from, to] = [low, low + 1].map((index) => ANCHORS[index % ANCHORS.length]);
  return `rgb(${from.map((value, i) => Math.round(value + (at - low) * (to[i] - value))).join(" ")})`;
};

const stateOf = (model, index) => {
  const known = (model.get("orientations")[index] ?? null) !== null;
  const state = model.get("states")[index] ?? "tuned";
  return state === "tuned" && !known ? "untuned" : state;
};

const unitColour = (model, index) => {
  const state = stateOf(model, index);
  if (state === "tuned") return orientationColour(model.get("orientations")[index]);
  return state === "silent" ? SILENT : UNTUNED;
};

const unitWords = (model, index) => {
  const state = stateOf(model, index);
  const degrees = Math.round(model.get("orientations")[index] ?? 0) % 180;
  return `unit ${index}, ${state === "tuned" ? `${degrees}°` : state}`;
};

// Columns and rows whose squares fill the width.
const squares = (count, width) => {
  const side = Math.max(LEAST, Math.min(MOST, Math.sqrt((width * HEIGHT) / Math.max(1, count))));
  const columns = Math.max(1, Math.floor(width / side));
  return { count, columns, rows: Math.max(1, Math.ceil(count / columns)) };
};

// Half a turn, 0° at the right, counter-clockwise; and what has no colour of the wheel.
const wheel = (parent) => {
  const box = make(parent, "span", "cw-wheel");
  const half = make(box, "i", "cw-half-turn");
  const stops = [0, ...ANCHORS.map((_, i) => i * 30).reverse()].map(orientationColour);
  half.style.background = `conic-gradient(from 270deg at 50% 100%, ${stops
    .map((colour, i) => `${colour} ${30 * i}deg`)
    .join(", ")})`;
  make(box, "span", "", "0°");
  box.title = "orientation: 0° at the right, counter-clockwise";
  for (const [word, colour] of [["untuned", UNTUNED], ["silent", SILENT]]) {
    const note = make(parent, "span", "cw-wheel");
    make(note, "i", "cw-swatch").style.background = colour;
    note.append(word);
  }
};

// A frame of white in black, as on photographs: the black lies in the gap between the squares.
const paintPick = (context, [x, y, w, h], px) => {
  for (const [colour, away] of [["rgb(0 0 0 / 0.55)", 0.5], ["rgb(255 255 255)", -0.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = px;
    context.strokeRect(x - away * px, y - away * px, w + 2 * away * px, h + 2 * away * px);
  }
};

const paintSquares = (canvas, model, { count, columns }, px) => {
  const context = canvas.getContext("2d");
  const picked = new Set(model.get("picked"));
  const edge = (at) => Math.round((at * canvas.width) / columns);
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let index = 0; index < count; index++) {
    const [row, column] = [Math.floor(index / columns), index % columns];
    const [x, y] = [edge(column), edge(row)];
    const square = [x, y, edge(column + 1) - x - px, edge(row + 1) - y - px];
    context.globalAlpha = picked.size && !picked.has(index) ? DIM : 1;
    context.fillStyle = unitColour(model, index);
    context.fillRect(...square);
    if (picked.has(index)) paintPick(context, square, px);
  }
};

const put = (element, index, { columns, rows }) => {
  Object.assign(element.style, {
    left: `${(100 * (index % columns)) / columns}%`,
    top: `${(100 * Math.floor(index / columns)) / rows}%`,
    width: `${100 / columns}%`,
    height: `${100 / rows}%`,
  });
};

// The square that has the focus. Two elements take turns: a screen reader reads out an element
// that gains the focus, not one that has changed.
const cursor = (model, box, grid) => {
  const options = [0, 1].map(() => {
    const option = make(box, "div", "cw-mosaic-cursor");
    option.setAttribute("role", "option");
    return option;
  });
  let at = 0;
  const place = (index) => {
    const { count } = grid();
    at = Math.max(0, Math.min(index, count - 1));
    const [now] = options;
    now.hidden = !count;
    if (!count) return;
    now.tabIndex = 0;
    now.ariaLabel = unitWords(model, at);
    now.ariaPosInSet = String(at + 1);
    now.ariaSetSize = String(count);
    now.ariaSelected = String(at === model.get("selected"));
    put(now, at, grid());
  };
  const move = (index) => {
    if (index < 0 || index >= grid().count) return;
    options.reverse();
    place(index);
    options[0].focus({ preventScroll: true });
    options[1].hidden = true; // after the other has the focus, so that it never leaves the squares
  };
  options[1].hidden = true;
  return { place, move, at: () => at, focused: () => options.includes(document.activeElement) };
};

// The words of one unit, above its square.
const tooltip = (model, box, grid) => {
  const tip = make(box, "span", "cw-tip");
  tip.ariaHidden = "true";
  tip.hidden = true;
  return (index) => {
    tip.hidden = index < 0;
    if (index < 0) return;
    const { columns, rows } = grid();
    const share = (index % columns) / columns;
    tip.textContent = unitWords(model, index);
    tip.style.bottom = `calc(${100 * (1 - Math.floor(index / columns) / rows)}% + 4px)`;
    tip.style.left = share > 0.5 ? "auto" : `${100 * share}%`;
    tip.style.right = share > 0.5 ? `${100 * (1 - share - 1 / columns)}%` : "auto";
  };
};

const unitUnder = ({ clientX, clientY }, box, { count, columns, rows }) => {
  const area = box.getBoundingClientRect();
  const column = Math.floor((columns * (clientX - area.left)) / area.width);
  const row = Math.floor((rows * (clientY - area.top)) / area.height);
  const index = row * columns + column;
  return column >= 0 && column < columns && row >= 0 && index < count ? index : -1;
};

const hands = (model, box, here, grid, signal) => {
  const point = tooltip(model, box, grid);
  const pointAtFocus = () => point(here.focused() ? here.at() : -1);
  const choose = (index) => emit(model, "chosen", { index });
  const listen = (name, call) => box.addEventListener(name, call, { signal });
  listen("pointermove", (event) => point(unitUnder(event, box, grid())));
  listen("pointerleave", pointAtFocus);
  listen("focusin", pointAtFocus);
  listen("focusout", () => point(-1));
  listen("click", (event) => {
    const index = unitUnder(event, box, grid());
    if (index < 0) return;
    here.move(index);
    choose(index);
  });
  const target = (key) => {
    const { columns, count } = grid();
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    return key in steps ? here.at() + steps[key] : { Home: 0, End: count - 1 }[key];
  };
  takeKeys(box, (event) => {
    const index = target(event.key);
    if (index !== undefined) here.move(index);
    else if (event.key === "Enter" || event.key === " ") choose(here.at());
    else return false;
    event.preventDefault();
    return true;
  }, signal);
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-unit-mosaic");
  ownGround(el, signal);
  const head = caption(model, el);
  wheel(head.extra);
  const panel = make(el, "div", "cw-mosaic-panel");
  const box = make(panel, "div", "cw-mosaic");
  const message = make(panel, "div", "cw-message");
  const canvas = make(box, "canvas");
  const now = make(box, "div", "cw-mosaic-now");
  let grid = squares(0, LEAST);
  let drawn = 0;
  box.setAttribute("role", "listbox");
  const here = cursor(model, box, () => grid);
  hands(model, box, here, () => grid, signal);

  const draw = () => {
    const selected = model.get("selected");
    grid = squares(model.get("orientations").length, box.clientWidth);
    head.draw();
    lines(message, model.get("message"));
    panel.classList.toggle("cw-empty", model.get("message").length > 0);
    box.ariaLabel = model.get("alt");
    box.style.aspectRatio = `${grid.columns} / ${grid.rows}`;
    canvas.width = Math.round(box.getBoundingClientRect().width * devicePixelRatio);
    canvas.height = Math.round((canvas.width * grid.rows) / grid.columns);
    paintSquares(canvas, model, grid, Math.max(1, Math.round(devicePixelRatio)));
    now.hidden = selected < 0 || selected >= grid.count;
    if (!now.hidden) put(now, selected, grid);
    here.place(box.contains(document.activeElement) ? here.at() : Math.max(0, selected));
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, signal);
  const resized = new ResizeObserver(redraw);
  resized.observe(box);
  const names = ["orientations", "states", "selected", "picked", "message", "title", "notes", "reading", "alt"];
  for (const name of names) model.on(`change:${name}`, redraw);
  return () => {
    closing.abort();
    resized.disconnect();
  };
};

export default { render };
