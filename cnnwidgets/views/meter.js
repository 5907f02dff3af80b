// One bar on a fixed scale. Its words stand in the caption of the picture beside it.

const render = ({ model, el }) => {
  const closing = new AbortController();
  el.classList.add("cw-view", "cw-meter");
  ownGround(el, closing.signal);
  const track = make(el, "div", "cw-meter-track");
  const fill = make(track, "i", "cw-meter-fill");
  const mark = make(track, "i", "cw-meter-peak");
  track.setAttribute("role", "meter");
  let drawn = 0;
  const draw = () => {
    const [value, top, peak] = ["value", "top", "peak"].map((name) => model.get(name));
    const within = (number) => Math.max(0, Math.min(number, top));
    const share = (number) => `${(100 * within(number)) / top}%`;
    fill.style.height = share(value ?? 0);
    mark.hidden = peak === null;
    mark.style.bottom = share(peak ?? 0);
    track.dataset.end = value > top ? "beyond" : value < 0 ? "below" : "";
    track.title = model.get("reading");
    track.ariaLabel = model.get("alt");
    track.ariaValueMin = "0";
    track.ariaValueMax = String(top);
    track.ariaValueNow = value === null ? null : String(within(value));
    track.ariaValueText = model.get("reading") || null;
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, closing.signal);
  for (const name of ["value", "top", "peak", "reading", "alt"]) model.on(`change:${name}`, redraw);
  redraw();
  return () => closing.abort();
};

export default { render };
