// A line of text under its label. It is given with Enter, also the same again.

const render = ({ model, el }) => {
  const closing = new AbortController();
  const { signal } = closing;
  el.classList.add("cw-view", "cw-entry");
  ownGround(el, signal);
  const label = make(el, "label");
  const title = make(label, "span");
  const input = make(label, "input");
  Object.assign(input, { type: "text", spellcheck: false, autocomplete: "off" });
  let drawn = 0;
  let written = "";
  const handle = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return false;
    emit(model, "entered", { text: input.value });
    event.preventDefault();
    return true;
  };
  takeKeys(input, handle, signal);
  const draw = () => {
    title.textContent = model.get("title");
    input.placeholder = input.title = model.get("example");
    if (written !== model.get("text")) input.value = written = model.get("text"); // else the reader's
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, signal);
  for (const name of ["title", "example", "text"]) model.on(`change:${name}`, redraw);
  redraw();
  return () => closing.abort();
};

export default { render };
