// Rows of dimensions. What the agent would do without some of them is computed here, at once.

const KINDS = { semantic: "cw-filled", visual: "cw-open", mixed: "cw-half", unclear: "cw-dashed" };
const TINY = 22; // px of a tiny picture

const productsOf = ({ data, dimensions }) => {
  const value = (index) => data.getFloat32(4 * index, true);
  const column = (a) => Float64Array.from({ length: dimensions }, (_, d) => value(a * dimensions + d));
  return [0, 1, 2].map(column);
};

const softmax = (logits) => {
  const largest = Math.max(...logits);
  const raised = logits.map((logit) => Math.exp(logit - largest));
  const sum = raised.reduce((a, b) => a + b);
  return raised.map((value) => value / sum);
};

// The agent with some dimensions off: its probabilities, and what each dimension that is on adds
// to that of taking out the odd one. What is taken away is subtracted from three sums.
const without = (products, off, odd) => {
  const gone = new Set(off);
  const logits = products.map((column) => column.reduce((sum, c, d) => sum + (gone.has(d) ? 0 : c), 0));
  const probabilities = softmax(logits);
  const relevance = (d) =>
    gone.has(d) ? null : probabilities[odd] - softmax(logits.map((z, a) => z - products[a][d]))[odd];
  return { probabilities, relevances: Array.from(products[0], (_, d) => relevance(d)) };
};

const relevanceWords = (value) => {
  if (value === null) return "off";
  const size = Math.abs(value);
  if (size < 0.005) return size < 1e-6 ? "0" : "<\u2009.01";
  return (value < 0 ? "\u2212" : "+") + size.toFixed(2).replace(/^0/, "");
};

const addRow = (list) => {
  const row = make(list, "label", "cw-dim");
  const tick = make(row, "input");
  const name = make(row, "span", "cw-dim-name");
  const kind = make(row, "span", "cw-dim-kind");
  const [mark, word] = [make(kind, "i"), make(kind, "span")];
  const tops = make(row, "span", "cw-dim-tops");
  const [canvas, names] = [make(tops, "canvas"), make(tops, "span")];
  const bar = make(make(row, "div", "cw-dim-bar"), "i");
  const number = make(row, "em");
  tick.type = "checkbox";
  canvas.height = 0;
  return { row, tick, name, kind, mark, word, tops, canvas, names, bar, number };
};

const drawTops = ({ tops, canvas, names }, { dims, names: all, side }, sheet, dimension) => {
  const at = dims.indexOf(dimension);
  const called = at < 0 ? [] : all[at];
  tops.title = called.join(", ");
  names.textContent = sheet ? "" : tops.title;
  canvas.hidden = !sheet || !called.length;
  if (canvas.hidden) return;
  canvas.width = side * called.length; // which also clears it
  canvas.height = side;
  canvas.style.width = `${TINY * called.length}px`;
  const part = [0, side * at, canvas.width, side];
  canvas.getContext("2d").drawImage(sheet, ...part, 0, 0, canvas.width, side);
};

const drawBar = (bar, relevance, limit) => {
  const share = Math.max(-1, Math.min(1, (relevance ?? 0) / limit || 0));
  bar.style.left = `${50 + 50 * Math.min(0, share)}%`;
  bar.style.width = `${50 * Math.abs(share)}%`;
  bar.toggleAttribute("data-beyond", Math.abs(relevance ?? 0) > limit * 1.001);
};

// The tiny pictures of all rows come as one picture; a late decode never wins.
const sheetOf = (model, changed) => {
  let sheet = null;
  let ticket = 0;
  const take = async () => {
    const mine = ++ticket;
    const { frame } = model.get("tops");
    let fresh = null;
    try {
      const decoded = frame?.data ? await decode(frame, document.createElement("canvas")) : null;
      fresh = decoded;
    } catch (error) {
      console.error("cnnwidgets: tiny pictures could not be decoded.", error); // names do
    }
    if (mine !== ticket) return void fresh?.close?.();
    sheet?.close?.();
    sheet = fresh;
    changed();
  };
  return { take, get: () => sheet };
};

// The rows below the first ones, behind a word.
const foldedRest = (model, parent, signal) => {
  const button = make(parent, "button", "cw-link cw-dims-more");
  button.type = "button";
  button.addEventListener("click", () => {
    model.set("opened", !model.get("opened"));
    model.save_changes();
  }, { signal });
  return (order, off) => {
    const rest = order.slice(model.get("count"));
    const gone = rest.filter((d) => off.includes(d)).length;
    const more = `${rest.length} more${gone ? `, ${gone} off` : ""}`;
    button.textContent = model.get("opened") ? "Fewer" : more;
    button.ariaExpanded = String(model.get("opened"));
    button.style.visibility = rest.length ? "" : "hidden"; // its place is kept
  };
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-dimension-rows");
  ownGround(el, signal);
  const head = caption(model, el);
  const sides = make(head.extra, "span");
  const panel = make(el, "div", "cw-dims-panel");
  const list = make(panel, "div", "cw-dims");
  const message = make(panel, "div", "cw-message");
  const drawMore = foldedRest(model, panel, signal);
  const rows = [];
  let products = productsOf(model.get("products"));
  let order = [];
  let largest = 1;
  let drawn = 0;
  list.setAttribute("role", "group");

  // Rows stay in place while dimensions are switched: their order is that of the whole agent.
  const arrange = () => {
    const { relevances } = without(products, [], model.get("odd"));
    const size = (d) => Math.abs(relevances[d]);
    const all = relevances.map((_, d) => d);
    const given = model.get("order").filter((d) => d in relevances);
    order = given.length ? given : all.sort((a, b) => size(b) - size(a));
    largest = Math.max(...order.map(size), 0);
    el.classList.remove("cw-moving"); // another agent's bars are not these, moved
  };
  const shown = () => (model.get("opened") ? order : order.slice(0, model.get("count")));
  const toggle = (index) => {
    const dimension = shown()[index];
    const off = model.get("off");
    const now = off.includes(dimension) ? off.filter((d) => d !== dimension) : [...off, dimension];
    const { probabilities } = without(products, now, model.get("odd"));
    const agent = model.get("agent");
    el.classList.add("cw-moving");
    model.set("off", now);
    model.set("probabilities", probabilities);
    const detail = { agent, probabilities };
    el.dispatchEvent(new CustomEvent("cw-probabilities", { bubbles: true, detail }));
    draw();
    model.save_changes();
  };
  const ticks = () => rows.slice(0, shown().length).map(({ tick }) => tick);
  const arrows = roving(list, ticks, toggle, signal);

  const drawRow = (parts, dimension, relevance) => {
    const [labels, kinds] = [model.get("labels"), model.get("kinds")];
    const [label, kind] = [labels[dimension] ?? `dimension ${dimension}`, kinds[dimension] ?? ""];
    const words = relevanceWords(relevance);
    parts.row.classList.toggle("cw-off", relevance === null);
    parts.tick.checked = relevance !== null;
    parts.name.textContent = parts.name.title = label;
    parts.mark.className = KINDS[kind] ?? "";
    parts.word.textContent = parts.kind.title = kind;
    parts.number.textContent = words;
    drawBar(parts.bar, relevance, model.get("limit") || largest);
    const effect = relevance === null ? "off" : `${words} for taking out ${model.get("odd_name")}`;
    parts.tick.ariaLabel = [label, kind, effect].filter(Boolean).join(", ");
    const key = `${dimension} ${told}`;
    if (parts.row.dataset.shows === key) return;
    parts.row.dataset.shows = key;
    if (model.get("tops").dims) drawTops(parts, model.get("tops"), sheet.get(), dimension);
  };
  let told = 0; // messages about tiny pictures

  const draw = () => {
    const off = model.get("off");
    const now = shown();
    const { relevances } = without(products, off, model.get("odd"));
    head.draw();
    const end = relevanceWords(model.get("limit") || largest).replace("+", "");
    sides.textContent = `against ← ±${end} → for`;
    sides.hidden = !order.length;
    lines(message, model.get("message"));
    panel.classList.toggle("cw-empty", model.get("message").length > 0);
    el.dataset.agent = model.get("agent");
    el.toggleAttribute("data-kinds", model.get("kinds").some(Boolean));
    el.toggleAttribute("data-tops", Boolean(model.get("tops").dims?.length));
    el.style.setProperty("--cw-count", model.get("count"));
    list.ariaLabel = model.get("alt") || model.get("title");
    while (rows.length < now.length) rows.push(addRow(list));
    rows.forEach((parts, index) => {
      parts.row.hidden = index >= now.length;
      if (!parts.row.hidden) drawRow(parts, now[index], relevances[now[index]]);
    });
    arrows.place(arrows.at());
    drawMore(order, off);
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, signal);
  const sheet = sheetOf(model, () => {
    told += 1;
    redraw();
  });
  const take = perMessage(() => {
    products = productsOf(model.get("products"));
    arrange();
    redraw();
  });
  for (const name of ["products", "odd", "order"]) model.on(`change:${name}`, take);
  model.on("change:tops", sheet.take);
  const names = ["agent", "labels", "kinds", "odd_name", "off", "limit", "count", "opened", "message", "title", "notes", "reading", "alt"];
  for (const name of names) model.on(`change:${name}`, redraw);
  arrange();
  sheet.take();
  return () => {
    closing.abort();
    sheet.get()?.close?.();
  };
};

export default { render };
