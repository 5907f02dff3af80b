// The caption of a chart. bqplot draws the figure beside it; that figure gets its words, its Tab
// stop, its keys and its clicks from here.

const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];
const STILL = 4; // px that a click may move; more is a drag, which belongs to bqplot's brush
const EDGE = 8; // px beyond the plot area that still count as its edge
const WORD = 12; // px of the figure above its table, for the word that turns back
const NEAR = 10; // px from a spot at which its words are shown

const colourBar = (model, parent) => {
  const bar = make(parent, "span", "cw-scale");
  const low = make(bar, "span");
  make(bar, "i").style.background = `linear-gradient(90deg, ${RAMP.join(", ")})`;
  const high = make(bar, "span");
  return () => {
    const limits = model.get("limits");
    bar.hidden = limits.length < 2;
    [low.textContent, high.textContent] = limits.length < 2 ? ["", ""] : limits;
  };
};

// The box puts its children in as each of them is ready, the figure often after the caption.
const beside = (el, found, signal) => {
  let parent = null;
  let known = null;
  const look = () => {
    const figure = parent.querySelector(":scope > .bqplot");
    if (!figure || figure === known) return;
    known = figure;
    found(figure);
  };
  const watched = new MutationObserver(look);
  onPage(el, () => {
    if (parent === el.parentElement) return;
    parent = el.parentElement;
    // Outside an explorer the whole chart carries the tokens, not only its caption.
    parent.closest(".cw") ?? parent.classList.add("cw", "cw-alone");
    watched.disconnect();
    watched.observe(parent, { childList: true });
    look();
  }, signal);
  signal.addEventListener("abort", () => watched.disconnect());
};

// Shares of the plot area, from its lower left; null where the pointer is elsewhere.
const placeIn = (figure, event) => {
  const box = figure.querySelector(".plotarea_events")?.getBoundingClientRect();
  if (!box?.width) return null;
  const [x, y] = [event.clientX - box.left, box.bottom - event.clientY];
  const off = Math.max(-x, x - box.width, -y, y - box.height);
  const share = (at, length) => Math.max(0, Math.min(1, at / length));
  return off > EDGE ? null : { x: share(x, box.width), y: share(y, box.height), box };
};

// bqplot takes its size from the screen, where a projector's zoom is already counted, and would be
// zoomed once more: here it is told the size before the zoom.
const unzoom = (figure) => {
  const zoom = () => figure.currentCSSZoom ?? 1;
  const onScreen = figure.getBoundingClientRect.bind(figure);
  figure.getBoundingClientRect = () => {
    const { x, y, width, height } = onScreen();
    return new DOMRect(x, y, width / zoom(), height / zoom());
  };
  if (zoom() !== 1) window.dispatchEvent(new Event("resize"));
};

const listen = (model, figure, signal) => {
  let down = null;
  takeKeys(figure, (event) => {
    const ours = KEYS.includes(event.key) || (event.key === " " && model.get("picks"));
    if (!ours) return false;
    event.preventDefault();
    emit(model, "pressed", { key: event.key });
    return true;
  }, signal);
  // In the capture phase: the brush keeps what it takes from those after it.
  const on = (name, call) => figure.addEventListener(name, call, { capture: true, signal });
  on("pointerdown", (event) => {
    if (event.button) return;
    down = [event.clientX, event.clientY];
  });
  on("pointercancel", () => (down = null));
  on("pointerup", (event) => {
    const moved = down && Math.hypot(event.clientX - down[0], event.clientY - down[1]);
    down = null;
    const place = moved !== null && moved < STILL && placeIn(figure, event);
    if (place) emit(model, "pointed", { x: place.x, y: place.y });
  });
  on("pointermove", (event) => {
    const spots = model.get("spots");
    if (!spots.length) return;
    const place = placeIn(figure, event);
    let [nearest, words] = [NEAR, ""];
    for (const [x, y, name] of place ? spots : []) {
      const far = Math.hypot((x - place.x) * place.box.width, (y - place.y) * place.box.height);
      if (far < nearest) [nearest, words] = [far, name];
    }
    if (figure.title !== words) figure.title = words;
  });
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-chart-caption");
  const head = caption(model, el);
  const drawBar = colourBar(model, head.extra);
  let figure = null;
  const table = numbersInstead(el, {
    around: () => el.parentElement,
    turn: () => {
      model.set("tabled", !model.get("tabled"));
      model.save_changes();
    },
    named: () => [model.get("title"), ...model.get("notes")].join(" "),
    size: () => (figure?.offsetHeight ?? 0) - WORD,
  }, signal);
  let drawn = 0;
  const draw = () => {
    head.draw();
    drawBar();
    if (figure) figure.ariaLabel = model.get("alt");
    table.draw(model.get("tabled"), model.get("heads"), model.get("rows"));
    el.dataset.drawn = ++drawn;
  };
  beside(el, (found) => {
    figure = found;
    figure.setAttribute("role", "img");
    figure.tabIndex = 0;
    unzoom(figure);
    listen(model, figure, signal);
    draw();
  }, signal);
  const redraw = perFrame(draw, signal);
  const names = ["title", "notes", "reading", "alt", "limits", "tabled", "heads", "rows"];
  for (const name of names) model.on(`change:${name}`, redraw);
  draw();
  return () => closing.abort();
};

export default { render };
