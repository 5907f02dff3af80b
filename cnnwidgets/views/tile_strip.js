// Small pictures in a row. The elements stay, and keep their size while their tiles are not there.

const LOW = "(max-height: 760px)"; // windows in which every strip is folded

const paintHalf = (canvas, frame, window, scratch) => {
  const context = canvas.getContext("2d");
  const place = placement(window, canvas.width, canvas.height);
  context.fillStyle = GREY;
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (!frame.data) return;
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(decode(frame, scratch), ...place.rect(frame.box));
};

const addPlace = (box, pairs) => {
  const item = make(box, "div", "cw-tile");
  item.setAttribute("role", "option");
  const pair = make(item, "div", "cw-pair");
  const canvases = (pairs ? ["crop", "seen"] : ["seen"]).map((half) => [half, make(pair, "canvas")]);
  const reason = make(pair, "div", "cw-reason");
  const words = make(item, "div", "cw-tile-words");
  const [value, name, beyond] = ["b", "span", "i"].map((tag) => make(words, tag));
  const below = make(item, "div", "cw-below");
  const [switches, note] = ["cw-switches", "cw-note"].map((style) => make(below, "div", style));
  return { item, pair, canvases, reason, value, name, beyond, switches, note };
};

const drawSwitches = (box, switches) => {
  const known = switches.join();
  if (box.dataset.known === known) return;
  box.dataset.known = known;
  box.replaceChildren();
  for (const [word, on] of switches) make(box, "span", on ? "cw-on" : "", word);
};

// Where the strip can be folded the caption is a button that opens it; what the reader chose stays.
const folding = (model, row, el, box, signal) => {
  const low = matchMedia(LOW);
  const foldable = () => model.get("folds") || low.matches;
  const draw = () => {
    const folded = foldable() && !model.get("opened");
    el.toggleAttribute("data-folded", folded);
    box.inert = folded;
    if (!foldable()) {
      for (const name of ["role", "tabindex", "aria-expanded"]) row.removeAttribute(name);
      return;
    }
    row.setAttribute("role", "button");
    row.tabIndex = 0;
    row.ariaExpanded = String(!folded);
  };
  const turn = () => {
    if (!foldable()) return false;
    model.set("opened", !model.get("opened"));
    model.save_changes();
    return true;
  };
  model.on("change:opened", draw);
  low.addEventListener("change", draw, { signal });
  row.addEventListener("click", turn, { signal });
  takeKeys(row, (event) => {
    const ours = (event.key === "Enter" || event.key === " ") && turn();
    if (ours) event.preventDefault();
    return ours;
  }, signal);
  draw();
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  const [count, pairs] = [model.get("places"), model.get("pairs")];
  el.classList.add("cw-view", "cw-tile-strip", pairs ? "cw-pairs" : "cw-single");
  ownGround(el, signal);
  const head = caption(model, el);
  const legend = make(head.extra, "span");
  const panel = make(el, "div", "cw-tiles-panel");
  const box = make(panel, "div", "cw-tiles");
  const message = make(panel, "div", "cw-message");
  const foot = make(panel, "div", "cw-foot");
  const scratch = document.createElement("canvas");
  const places = Array.from({ length: count }, () => addPlace(box, pairs));
  const tile = (index) => model.get(`tile_${index + 1}`);
  const painted = [];
  let drawn = 0;
  box.setAttribute("role", "listbox");
  box.style.setProperty("--cw-places", count);
  box.style.setProperty("--cw-half", Math.ceil(count / 2));

  const filled = () => places.filter((_, index) => "name" in tile(index)).map(({ item }) => item);
  const choose = (index) => emit(model, "chosen", { index: places.findIndex(({ item }) => item === filled()[index]) });
  const keys = roving(box, filled, choose, signal);

  const drawTile = (place, index) => {
    const { item, pair, canvases } = place;
    const shown = tile(index);
    const named = "name" in shown;
    const there = shown.window?.length > 0;
    item.classList.toggle("cw-void", !there);
    item.ariaSelected = String(named && index === model.get("selected"));
    item.ariaLabel = shown.alt ?? "";
    item.ariaHidden = named ? null : "true";
    if (!named) item.removeAttribute("tabindex");
    for (const name of ["value", "name", "note"]) place[name].textContent = shown[name] ?? "";
    place.beyond.textContent = shown.beyond ? "▫" : "";
    drawSwitches(place.switches, shown.switches ?? []);
    place.reason.textContent = shown.message ?? "";
    item.title = named ? shown.message || [shown.name, shown.value].filter(Boolean).join(" · ") : "";
    const side = Math.round(pair.getBoundingClientRect().width * devicePixelRatio);
    const before = painted[index];
    if (!there || !side || (before?.shown === shown && before.side === side)) return;
    painted[index] = { shown, side };
    for (const [half, canvas] of canvases) {
      canvas.width = canvas.height = side;
      paintHalf(canvas, shown[half], shown.window, scratch);
    }
  };

  const draw = () => {
    head.draw();
    legend.textContent = model.get("legend");
    legend.hidden = !legend.textContent;
    lines(message, model.get("message"));
    lines(foot, model.get("foot"));
    panel.classList.toggle("cw-empty", model.get("message").length > 0);
    el.toggleAttribute("data-old", model.get("stale"));
    box.ariaLabel = model.get("alt");
    places.forEach(drawTile);
    if (!box.contains(document.activeElement)) {
      const current = places[model.get("selected")]?.item;
      keys.place(Math.max(0, filled().indexOf(current)));
    }
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, signal);
  folding(model, el.querySelector(".cw-caption"), el, box, signal);
  const resized = new ResizeObserver(redraw);
  resized.observe(box);
  const names = ["selected", "stale", "message", "legend", "foot", "title", "notes", "reading", "alt"];
  for (const name of names) model.on(`change:${name}`, redraw);
  for (let index = 1; index <= count; index++) model.on(`change:tile_${index}`, redraw);
  return () => {
    closing.abort();
    resized.disconnect();
  };
};

export default { render };
