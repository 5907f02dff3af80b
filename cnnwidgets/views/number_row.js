// Numbers over their labels. The elements stay; an update only writes words.

const TIGHT = ["", "°"]; // units that follow their number without a space

const addNumber = (list) => {
  const pair = make(list, "div", "cw-number");
  make(pair, "dt");
  const number = make(pair, "dd");
  make(number, "b");
  make(number, "span");
};

const render = ({ model, el }) => {
  const closing = new AbortController();
  el.classList.add("cw-view", "cw-number-row");
  ownGround(el, closing.signal);
  const group = make(el, "div");
  const list = make(group, "dl", "cw-numbers");
  group.setAttribute("role", "group");
  let drawn = 0;
  const draw = () => {
    const numbers = model.get("numbers");
    group.ariaLabel = model.get("alt");
    list.style.setProperty("--cw-count", Math.max(1, numbers.length));
    list.style.setProperty("--cw-half", Math.max(1, Math.ceil(numbers.length / 2)));
    while (list.children.length < numbers.length) addNumber(list);
    [...list.children].forEach((pair, index) => {
      pair.hidden = index >= numbers.length;
      if (pair.hidden) return;
      const { value, unit = "", label, title = "" } = numbers[index];
      const [name, number] = pair.children;
      const [figure, measure] = number.children;
      name.textContent = label;
      figure.textContent = value;
      measure.textContent = TIGHT.includes(unit) ? unit : `\u2009${unit}`;
      pair.title = title || label;
      number.ariaDescription = title || null;
    });
    el.dataset.drawn = ++drawn;
  };
  const redraw = perFrame(draw, closing.signal);
  for (const name of ["numbers", "alt"]) model.on(`change:${name}`, redraw);
  redraw();
  return () => closing.abort();
};

export default { render };
