// A square of cells on one canvas; the names before its rows are elements.

const LINE = 7; // px between the lines of the hatching
const GAP = 2; // px between groups
const MOST = 64; // names of a table; of more the files hold the numbers

const sizeOf = (model) => model.get("names").length;
const valueAt = (model, row, column) => model.get("values")[row * sizeOf(model) + column] ?? null;

const cellWords = (model, row, column) => {
  if (row === column) return "";
  const value = valueAt(model, row, column);
  return value === null ? model.get("unknown") : value.toFixed(2).replace(/^0/, "");
};

const pairWords = (model, row, column) => {
  const names = model.get("names");
  if (row === column) return names[row];
  return `${names[row]} and ${names[column]}: ${cellWords(model, row, column)}`;
};

const legend = (model, parent) => {
  const bar = make(parent, "span", "cw-scale");
  const low = make(bar, "span");
  const stops = [0, 64, 128, 192, 255].map(colourAt);
  make(bar, "i").style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
  const high = make(bar, "span");
  const none = make(parent, "span", "cw-matrix-legend");
  make(none, "i", "cw-hatched").ariaHidden = "true";
  const words = make(none, "span");
  return () => {
    const limits = model.get("limits");
    const short = (value) => String(Number(value.toFixed(1))).replace(/^0\./, ".");
    [low.textContent, high.textContent] = limits.length ? limits.map(short) : ["", ""];
    bar.hidden = !limits.length;
    none.hidden = !model.get("values").some((value, at) => value === null && at % (sizeOf(model) + 1));
    words.textContent = model.get("unknown");
  };
};

const hatch = (context, [x, y, w, h], px) => {
  context.save();
  context.beginPath();
  context.rect(x, y, w, h);
  context.clip();
  context.strokeStyle = "rgb(128 128 128 / 0.55)";
  context.lineWidth = px;
  context.beginPath();
  const step = LINE * px; // on the page's own raster, so that neighbours join
  for (let at = Math.floor((x - y - h) / step) * step; at < x + w - y; at += step) {
    context.moveTo(at + y, y);
    context.lineTo(at + y + h, y + h);
  }
  context.stroke();
  context.restore();
};

const paintCells = (canvas, model, px) => {
  const context = canvas.getContext("2d");
  const n = sizeOf(model);
  const [low, high] = model.get("limits").length ? model.get("limits") : [0, 1];
  const gaps = new Set(model.get("breaks"));
  const edge = (at) => Math.round((at * canvas.width) / n);
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      if (row === column) continue;
      const x = edge(column) + (gaps.has(column) ? GAP * px : 0);
      const y = edge(row) + (gaps.has(row) ? GAP * px : 0);
      const cell = [x, y, edge(column + 1) - x, edge(row + 1) - y];
      const value = valueAt(model, row, column);
      if (value === null) {
        hatch(context, cell, px);
        continue;
      }
      const share = Math.max(0, Math.min(1, (value - low) / (high - low || 1)));
      context.fillStyle = colourAt(Math.round(255 * share));
      context.fillRect(...cell);
    }
  }
};

const writeNames = (model, list) => {
  const names = model.get("names");
  const [row, column] = model.get("selected");
  while (list.children.length > names.length) list.lastChild.remove();
  while (list.children.length < names.length) make(list, "span");
  names.forEach((name, index) => {
    const span = list.children[index];
    span.textContent = name;
    span.title = name;
    span.classList.toggle("cw-on", index === row || index === column);
  });
};

const hands = (model, box, signal) => {
  const under = (event) => {
    const { left, top, width, height } = box.getBoundingClientRect();
    const place = (share) => Math.max(0, Math.min(sizeOf(model) - 1, Math.floor(share * sizeOf(model))));
    return [place((event.clientY - top) / height), place((event.clientX - left) / width)];
  };
  const choose = (row, column) => {
    model.set("selected", [row, column]); // at once here; the kernel says the rest
    emit(model, "chosen", { row, column });
  };
  box.addEventListener("click", (event) => sizeOf(model) && choose(...under(event)), { signal });
  box.addEventListener("pointermove", (event) => {
    if (sizeOf(model)) box.title = pairWords(model, ...under(event));
  }, { signal });
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  takeKeys(box, (event) => {
    const n = sizeOf(model);
    const ends = { Home: 0, End: n - 1 };
    const known = model.get("selected").length > 0;
    if (!n || !(event.key in steps || event.key in ends)) return false;
    const [row, column] = known ? model.get("selected") : [0, 0];
    const [down, right] = steps[event.key] ?? [0, 0];
    const place = (at) => Math.max(0, Math.min(n - 1, at));
    if (event.key in ends) choose(row, ends[event.key]);
    else choose(place(row + down), place(column + right));
    event.preventDefault();
    return true;
  }, signal);
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-matrix");
  ownGround(el, signal);
  const head = caption(model, el);
  const drawLegend = legend(model, head.extra);
  const panel = make(el, "div", "cw-matrix-panel");
  const names = make(panel, "div", "cw-matrix-names");
  const box = make(panel, "div", "cw-matrix-box");
  const canvas = make(box, "canvas");
  const now = make(box, "div", "cw-matrix-now");
  const message = make(panel, "div", "cw-message");
  const live = make(el, "div", "cw-live");
  let drawn = 0;
  let tabled = false;
  const table = numbersInstead(el, {
    around: () => el,
    turn: () => {
      tabled = !tabled && sizeOf(model) <= MOST;
      draw();
    },
    named: () => model.get("title"),
    size: () => panel.offsetHeight,
  }, signal);
  head.notes.after(table.button);
  names.ariaHidden = "true";
  box.tabIndex = 0;
  box.setAttribute("role", "application");
  live.setAttribute("aria-live", "polite");
  hands(model, box, signal);

  const draw = () => {
    const n = sizeOf(model);
    const [row, column] = model.get("selected");
    head.draw();
    drawLegend();
    lines(message, model.get("message"));
    panel.classList.toggle("cw-empty", model.get("message").length > 0);
    box.ariaLabel = model.get("alt");
    box.ariaRoleDescription = "matrix, arrow keys choose a cell";
    panel.style.setProperty("--cw-count", Math.max(1, n));
    writeNames(model, names);
    canvas.width = canvas.height = Math.round(box.getBoundingClientRect().width * devicePixelRatio);
    if (n) paintCells(canvas, model, Math.max(1, Math.round(devicePixelRatio)));
    now.hidden = row === undefined || Math.max(row, column) >= n;
    if (!now.hidden) {
      const size = `${100 / n}%`;
      const place = { left: `${(100 * column) / n}%`, top: `${(100 * row) / n}%` };
      Object.assign(now.style, place, { width: size, height: size });
    }
    tabled &&= n <= MOST;
    const called = model.get("names");
    const cells = (name, at) => [name, ...called.map((_, to) => cellWords(model, at, to))];
    table.draw(tabled, ["Object", ...called], tabled ? called.map(cells) : []);
    table.button.hidden = !n || n > MOST;
    if (box === document.activeElement) live.textContent = model.get("said");
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, signal);
  const resized = new ResizeObserver(redraw);
  resized.observe(box);
  const drawnOf = [
    "values", "names", "limits", "breaks", "unknown", "selected", "said", "message", "title",
    "notes", "reading", "alt",
  ];
  for (const name of drawnOf) model.on(`change:${name}`, redraw);
  return () => {
    closing.abort();
    resized.disconnect();
  };
};

export default { render };
