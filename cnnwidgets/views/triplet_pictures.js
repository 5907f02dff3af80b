// The pictures of a triplet: all three are drawn at once, and then the clock starts.

const paintWhole = (canvas, picture, frame) => {
  const { width, height } = canvas.getBoundingClientRect();
  if (!width || !height) return; // not on the page yet; its size will be told
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  const place = placement(frame.box, canvas.width, canvas.height);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, ...place.rect(frame.box));
};

// `shown` is called when they are there: what belongs to them is drawn in the same frame.
const pictures = (model, places, shown, signal) => {
  const scratch = document.createElement("canvas");
  const known = places.map(() => ({ frame: null, picture: null }));
  let painted = null; // {trial, at}
  let loaded = null; // trial
  let ticket = 0;
  signal.addEventListener("abort", () => known.forEach(({ picture }) => picture?.close()));
  const paint = () => {
    places.forEach(({ canvas, word }, index) => {
      const { frame, picture } = known[index];
      canvas.hidden = !picture;
      word.hidden = Boolean(picture);
      if (picture) paintWhole(canvas, picture, frame);
    });
  };
  const load = async (slot, frame) => {
    if (slot.frame === frame) return;
    let picture = null;
    if (frame.data) {
      const decoded = await decode(frame, scratch);
      // Raw pixels stand on the canvas that the next picture needs.
      picture = decoded === scratch ? await createImageBitmap(scratch) : decoded;
    }
    return { frame, picture };
  };
  const take = async () => {
    const mine = ++ticket;
    const trial = model.get("trial");
    if (painted?.trial !== trial) painted = null;
    try {
      const fresh = [];
      for (const [index, slot] of known.entries()) {
        fresh.push(await load(slot, model.get(`picture_${index + 1}`)));
      }
      if (mine !== ticket || signal.aborted) return fresh.forEach((one) => one?.picture?.close());
      fresh.forEach((one, index) => {
        if (!one) return;
        known[index].picture?.close();
        known[index] = one;
      });
    } catch (error) {
      if (mine !== ticket) return;
      console.error("cnnwidgets: a picture could not be decoded.", error);
      for (const slot of known) slot.picture = slot.frame = null; // their names do
    }
    loaded = trial;
    shown();
    paint();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      if (mine === ticket) painted ??= { trial, at: performance.now() };
    }));
  };
  const since = (trial) => (painted?.trial === trial ? painted.at : null);
  return { take, paint, since, ready: () => loaded === model.get("trial") };
};
