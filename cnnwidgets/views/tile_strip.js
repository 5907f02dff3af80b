// Nine pairs of pictures. The elements stay, and keep their size while their tiles are not there.

const PLACES = 9;
const LOW = "(max-height: 760px)"; // windows in which the strip is folded

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

const addPlace = (box) => {
  const item = make(box, "div", "cw-tile");
  item.setAttribute("role", "option");
  const pair = make(item, "div", "cw-pair");
  const canvases = [make(pair, "canvas"), make(pair, "canvas")];
  const words = make(item, "div", "cw-tile-words");
  return { item, pair, canvases, value: make(words, "b"), name: make(words, "span"), beyond: make(words, "i") };
};

// In a low window the caption is a button that opens the strip; what the reader chose stays.
const folding = (row, el, box, signal) => {
  const low = matchMedia(LOW);
  let open = false;
  const draw = () => {
    const folded = low.matches && !open;
    el.toggleAttribute("data-folded", folded);
    box.inert = folded;
    if (!low.matches) {
      for (const name of ["role", "tabindex", "aria-expanded"]) row.removeAttribute(name);
      return;
    }
    row.setAttribute("role", "button");
    row.tabIndex = 0;
    row.ariaExpanded = String(!folded);
  };
  const turn = () => {
    if (!low.matches) return false;
    open = !open;
    draw();
    return true;
  };
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
  el.classList.add("cw-view", "cw-tile-strip");
  ownGround(el, signal);
  const head = caption(model, el);
  const legend = make(head.extra, "span");
  const panel = make(el, "div", "cw-tiles-panel");
  const box = make(panel, "div", "cw-tiles");
  const message = make(panel, "div", "cw-message");
  const scratch = document.createElement("canvas");
  const places = Array.from({ length: PLACES }, () => addPlace(box));
  const tile = (index) => model.get(`tile_${index + 1}`);
  const painted = [];
  let drawn = 0;
  box.setAttribute("role", "listbox");

  const filled = () => places.filter((_, index) => tile(index).window).map(({ item }) => item);
  const choose = (index) => emit(model, "chosen", { index: places.findIndex(({ item }) => item === filled()[index]) });
  const keys = roving(box, filled, choose, signal);

  const drawTile = ({ item, pair, canvases, value, name, beyond }, index) => {
    const shown = tile(index);
    const there = Boolean(shown.window);
    item.classList.toggle("cw-void", !there);
    item.ariaSelected = String(there && index === model.get("selected"));
    item.ariaLabel = shown.alt ?? "";
    item.ariaHidden = there ? null : "true";
    if (!there) item.removeAttribute("tabindex");
    value.textContent = shown.value ?? "";
    name.textContent = shown.name ?? "";
    beyond.textContent = shown.beyond ? "▫" : "";
    item.title = there ? [shown.name, shown.value].join(" · ") : "";
    const side = Math.round(pair.getBoundingClientRect().width * devicePixelRatio);
    const before = painted[index];
    if (!there || !side || (before?.shown === shown && before.side === side)) return;
    painted[index] = { shown, side };
    canvases.forEach((canvas, half) => {
      canvas.width = canvas.height = side;
      paintHalf(canvas, half ? shown.seen : shown.crop, shown.window, scratch);
    });
  };

  const draw = () => {
    head.draw();
    legend.textContent = model.get("legend");
    legend.hidden = !legend.textContent;
    lines(message, model.get("message"));
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
  folding(el.querySelector(".cw-caption"), el, box, signal);
  const resized = new ResizeObserver(redraw);
  resized.observe(box);
  const names = ["selected", "stale", "message", "legend", "title", "notes", "reading", "alt"];
  for (const name of names) model.on(`change:${name}`, redraw);
  for (let index = 1; index <= PLACES; index++) model.on(`change:tile_${index}`, redraw);
  return () => {
    closing.abort();
    resized.disconnect();
  };
};

export default { render };
