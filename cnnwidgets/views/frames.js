// Pixels that came from the kernel, and where they lie on a canvas of device pixels.

const GREY = "#808080";

// How the window sits in the square: one scale for both axes, the rest is letterbox.
const placement = ([top, left, bottom, right], width, height) => {
  const scale = Math.min(width / (right - left), height / (bottom - top));
  const x0 = (width - scale * (right - left)) / 2 - scale * left;
  const y0 = (height - scale * (bottom - top)) / 2 - scale * top;
  return {
    scale,
    x: (x) => x0 + scale * x,
    y: (y) => y0 + scale * y,
    back: (x, y) => [(y - y0) / scale, (x - x0) / scale],
    rect: ([t, l, b, r]) => [x0 + scale * l, y0 + scale * t, scale * (r - l), scale * (b - t)],
  };
};

// Raw pixels are ready at once; encoded ones are decoded off the main thread.
const decode = (frame, reused) => {
  const { data, format, width, height } = frame;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (format !== "rgb") return createImageBitmap(new Blob([bytes], { type: `image/${format}` }));
  const pixels = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    pixels[to] = bytes[from];
    pixels[to + 1] = bytes[from + 1];
    pixels[to + 2] = bytes[from + 2];
  }
  reused.width = width;
  reused.height = height;
  reused.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  return reused;
};
