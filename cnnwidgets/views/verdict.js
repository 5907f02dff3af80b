// A sentence of parts. Names of objects come from files, so all of it is text.

const render = ({ model, el }) => {
  const closing = new AbortController();
  el.classList.add("cw-view", "cw-verdict");
  ownGround(el, closing.signal);
  const sentence = make(el, "p");
  let drawn = 0;
  const draw = () => {
    sentence.replaceChildren();
    for (const { text, role } of model.get("parts")) {
      if (role) make(sentence, "b", `cw-says-${role}`, text);
      else sentence.append(text);
    }
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, closing.signal);
  model.on("change:parts", redraw);
  redraw();
  return () => closing.abort();
};

export default { render };
