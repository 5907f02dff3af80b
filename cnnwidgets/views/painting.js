// Drawing over a picture; `place` is where it lies on the canvas, see frames.js.

const COLOURS = Uint8Array.from(VIRIDIS.match(/../g), (pair) => parseInt(pair, 16));
const HATCH = 8; // px between the lines over what lies outside the picture

const colourAt = (value) => `rgb(${COLOURS.slice(3 * value, 3 * value + 3).join(" ")})`;

const paintOverlay = (context, overlay, strength, place, reused) => {
  const { data, rows, columns, start, jump } = overlay;
  const pixels = new Uint8ClampedArray(4 * rows * columns);
  for (let cell = 0; cell < rows * columns; cell++) {
    const value = data.getUint8(cell);
    pixels.set(COLOURS.subarray(3 * value, 3 * value + 3), 4 * cell);
    pixels[4 * cell + 3] = 255 * strength * (value / 255) ** OVERLAY_POWER;
  }
  reused.width = columns;
  reused.height = rows;
  reused.getContext("2d").putImageData(new ImageData(pixels, columns, rows), 0, 0);
  const top = start[0] - jump[0] / 2;
  const left = start[1] - jump[1] / 2;
  const box = [top, left, top + rows * jump[0], left + columns * jump[1]];
  context.imageSmoothingEnabled = false;
  context.drawImage(reused, ...place.rect(box));
};

const paintHatch = (context, window, extent, place, px) => {
  const area = new Path2D();
  area.rect(...place.rect(window));
  area.rect(...place.rect([0, 0, ...extent]));
  const inside = new Path2D();
  inside.rect(...place.rect(window));
  context.save();
  context.clip(inside);
  context.clip(area, "evenodd");
  context.fillStyle = GREY;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  context.strokeStyle = "rgb(255 255 255 / 0.35)";
  context.lineWidth = 1.25 * px;
  context.beginPath();
  const { width, height } = context.canvas;
  for (let x = -height; x < width; x += HATCH * Math.SQRT2 * px) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
};

// A frame is white inside black, so it holds on any photograph. Where it leaves the window it is
// drawn at the edge, faintly: the box goes on there.
const paintFrame = (context, box, window, place, px, white) => {
  const [x, y, w, h] = place.rect(window);
  const [l, t, dx, dy] = place.rect(box);
  const inset = (white / 2 + 0.75) * px;
  const left = Math.max(l, x + inset);
  const top = Math.max(t, y + inset);
  const right = Math.min(l + dx, x + w - inset);
  const bottom = Math.min(t + dy, y + h - inset);
  const sides = [
    [left, top, right, top, box[0] < window[0]],
    [right, top, right, bottom, box[3] > window[3]],
    [right, bottom, left, bottom, box[2] > window[2]],
    [left, bottom, left, top, box[1] < window[1]],
  ];
  context.lineCap = "square";
  for (const [colour, width] of [["0 0 0", white + 1.5], ["255 255 255", white]]) {
    for (const [x1, y1, x2, y2, beyond] of sides) {
      const opacity = (width === white ? 1 : 0.55) * (beyond ? 0.4 : 1);
      context.strokeStyle = `rgb(${colour} / ${opacity})`;
      context.lineWidth = width * px;
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
      context.stroke();
    }
  }
};

const paintDots = (context, box, place, px) => {
  context.save();
  context.lineCap = "round";
  context.setLineDash([0, 5 * px]);
  for (const [colour, width] of [["rgb(0 0 0 / 0.4)", 3], ["rgb(255 255 255 / 0.95)", 1.75]]) {
    context.strokeStyle = colour;
    context.lineWidth = width * px;
    context.strokeRect(...place.rect(box));
  }
  context.restore();
};

const paintMark = (context, { kind, box }, window, place, px) => {
  if (kind === "free") paintDots(context, box, place, px);
  else paintFrame(context, box, window, place, px, kind === "field" ? 2 : 1.5);
};
