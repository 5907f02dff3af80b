// The picture: what one message changes is drawn in one frame; a late decode never wins.

const TRAITS = ["frame", "window", "extent", "overlay", "strength", "marks", "smooth", "message"];
const WORDS = ["title", "notes", "reading", "alt", "limits", "adjustable", "tag", "grid", "position"];
const HAND_RESTS = 600; // ms; until then arrow keys go on from the last key, not from the kernel

const snapshot = (model) => Object.fromEntries(TRAITS.map((name) => [name, model.get(name)]));

const whole = ({ window, extent, frame }) =>
  window.length ? window : extent.length ? [0, 0, ...extent] : frame.box;

const paint = (canvas, { picture, state, window, px }, scratch) => {
  const context = canvas.getContext("2d");
  const place = placement(window, canvas.width, canvas.height);
  context.fillStyle = GREY;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.save();
  context.beginPath();
  context.rect(...place.rect(window));
  context.clip();
  context.imageSmoothingEnabled = state.smooth;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, ...place.rect(state.frame.box));
  if (state.extent.length) paintHatch(context, window, state.extent, place, px);
  if (state.overlay.data) paintOverlay(context, state.overlay, state.strength, place, scratch);
  for (const mark of state.marks) paintMark(context, mark, window, place, px);
  context.restore();
  return place;
};

// The map's colour bar with its two ends, and the reader's strength of the map.
const legend = (model, parent) => {
  const bar = make(parent, "span", "cw-scale");
  const low = make(bar, "span");
  const ramp = make(bar, "i");
  const high = make(bar, "span");
  const stops = [0, 32, 64, 96, 128, 160, 192, 224, 255].map(colourAt);
  ramp.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
  const label = make(parent, "label", "cw-strength", "map");
  const range = make(label, "input");
  const share = make(label, "span");
  Object.assign(range, { type: "range", min: 0, max: 100, step: 1, ariaLabel: "strength of the map" });
  range.addEventListener("input", () => model.set("strength", range.value / 100));
  range.addEventListener("change", () => model.save_changes());
  const draw = () => {
    const limits = model.get("limits");
    bar.hidden = limits.length < 2;
    [low.textContent, high.textContent] = limits.length < 2 ? ["", ""] : limits;
    label.hidden = !model.get("adjustable");
    range.value = Math.round(100 * model.get("strength"));
    range.style.setProperty("--cw-share", `${range.value}%`);
    share.textContent = `${range.value}\u2009%`;
  };
  return { range, draw };
};

// Positions of the grid, by pointer and by arrow keys.
const positions = (model, frame, where, signal) => {
  let cursor = null;
  let typed = 0;
  let before = null;
  const choose = (position) => emit(model, "chosen", { position });
  const clamp = ([row, column]) => {
    const { rows, columns } = model.get("grid");
    return [Math.max(0, Math.min(rows - 1, row)), Math.max(0, Math.min(columns - 1, column))];
  };
  const point = (event) => {
    const { start, jump } = model.get("grid");
    const at = where(event);
    if (!at || !start) return;
    const position = clamp(at.map((value, axis) => Math.round((value - start[axis]) / jump[axis])));
    if (typed && `${position}` === `${cursor}` && event.type === "pointermove") return;
    cursor = position;
    typed = performance.now();
    choose(cursor);
  };
  frame.addEventListener("pointerdown", (event) => {
    if (event.button || !model.get("grid").rows) return;
    event.preventDefault();
    frame.focus({ preventScroll: true });
    if (event.pointerType !== "touch") frame.setPointerCapture(event.pointerId);
    point(event);
  }, { signal });
  frame.addEventListener("pointermove", (event) => {
    if (frame.hasPointerCapture(event.pointerId)) point(event);
  }, { signal });
  frame.addEventListener("focus", () => {
    const position = model.get("position");
    before = position.length ? position : null;
  }, { signal });
  model.on("change:grid", () => (before = null));
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const handle = (event) => {
    const { rows, columns } = model.get("grid");
    if (!rows) return false;
    const step = steps[event.key];
    if (step) {
      const resting = performance.now() - typed > HAND_RESTS || !cursor;
      const from = resting ? model.get("position") : cursor;
      const far = event.shiftKey ? 4 : 1;
      cursor = clamp(step.map((by, axis) => (from[axis] ?? [rows >> 1, columns >> 1][axis]) + far * by));
      typed = performance.now();
      choose(cursor);
    } else if (event.key === "Enter") {
      cursor = null;
      choose(null);
    } else if (event.key === "Escape") {
      cursor = before && clamp(before);
      choose(cursor);
    } else return false;
    event.preventDefault();
    return true;
  };
  takeKeys(frame, handle, signal);
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-picture");
  ownGround(el, signal);
  const head = caption(model, el);
  const frame = make(el, "div", "cw-frame");
  const canvas = make(frame, "canvas");
  const message = make(frame, "div", "cw-message");
  const tag = make(frame, "span", "cw-tag");
  const scratch = { map: document.createElement("canvas"), raw: document.createElement("canvas") };
  let shown = { picture: null, state: snapshot(model), ticket: 0 };
  let asked = { frame: null, picture: null, ticket: 0 };
  let place = null;
  let drawn = 0;
  let fresh = false;
  let waiting = 0;

  const drawWords = () => {
    head.draw();
    scale.draw();
    frame.ariaLabel = model.get("alt");
    const choice = Boolean(model.get("grid").rows) && !model.get("message").length;
    frame.setAttribute("role", choice ? "application" : "img");
    choice ? (frame.tabIndex = 0) : frame.removeAttribute("tabindex");
    const words = model.get("tag");
    tag.textContent = words;
    if (words) {
      waiting ||= setTimeout(() => (tag.hidden = false), 150);
    } else {
      clearTimeout(waiting);
      waiting = 0;
      tag.hidden = true;
    }
  };

  const draw = () => {
    const { picture, state } = shown;
    lines(message, state.message);
    frame.classList.toggle("cw-empty", state.message.length > 0);
    if (picture && canvas.width && !state.message.length) {
      const px = canvas.width / frame.clientWidth;
      place = paint(canvas, { picture, state, window: whole(state), px }, scratch.map);
    }
    el.dataset.drawn = ++drawn;
    if (fresh) el.dispatchEvent(new CustomEvent("cw-drawn", { bubbles: true }));
    fresh = false;
  };
  const rewrite = perFrame(() => {
    drawWords();
    el.dataset.drawn = ++drawn;
  }, signal);

  // A message's other traits wait for its pixels, so that marks never run ahead of the picture.
  const take = async () => {
    const state = snapshot(model);
    if (state.frame !== asked.frame) {
      const picture = state.frame.data ? decode(state.frame, scratch.raw) : null;
      asked = { frame: state.frame, picture, ticket: asked.ticket + 1 };
    }
    const { ticket } = asked;
    try {
      const picture = await asked.picture;
      if (ticket < shown.ticket || signal.aborted) return void picture?.close?.();
      if (shown.picture !== picture) shown.picture?.close?.();
      fresh ||= state.strength === shown.state.strength; // else the reader moved it
      shown = { picture, state, ticket };
      // Pixels are drawn as they come: waiting for the next frame would only make them late.
      drawWords();
      draw();
    } catch (error) {
      console.error("cnnwidgets: a frame could not be decoded.", error);
    }
  };

  const scale = legend(model, head.extra);
  takeKeys(scale.range, (event) => /^(Arrow|Page|Home|End)/.test(event.key), signal);
  positions(model, frame, (event) => {
    const box = frame.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * canvas.width;
    const y = ((event.clientY - box.top) / box.height) * canvas.height;
    return place?.back(x, y);
  }, signal);
  const resized = new ResizeObserver(([entry]) => {
    const size = entry.devicePixelContentBoxSize?.[0];
    const ratio = globalThis.devicePixelRatio;
    canvas.width = size ? size.inlineSize : Math.round(frame.clientWidth * ratio);
    canvas.height = size ? size.blockSize : Math.round(frame.clientHeight * ratio);
    drawWords();
    draw();
  });
  try {
    resized.observe(frame, { box: "device-pixel-content-box" });
  } catch {
    resized.observe(frame);
  }
  const changed = perMessage(take);
  for (const name of TRAITS) model.on(`change:${name}`, changed);
  for (const name of WORDS) model.on(`change:${name}`, rewrite);
  take();
  return () => {
    closing.abort();
    resized.disconnect();
    clearTimeout(waiting);
    shown.picture?.close?.();
  };
};

export default { render };
