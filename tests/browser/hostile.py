"""Names that try to run: one for each place that a page could take for more than words."""

NAMES = [
    '<img src=x onerror="window.hurt=1">',
    '"><script>window.hurt=2</script>',
    "' onmouseover='window.hurt=3' tabindex='0' onfocus='window.hurt=3",
    "javascript:window.hurt=4",
    "{{7*7}} ${window.hurt=5}",
    "</style><script>window.hurt=6</script>",
    "</title></textarea><svg onload=window.hurt=7>",
    r"$\href{javascript:window.hurt=8}{x}$",
    r"\(\class{hurt}{x}\) $$x^2$$",
    "[x](javascript:window.hurt=9) <b>bold</b>",
    "=cmd|' /C calc'!A0",
    "\N{RIGHT-TO-LEFT OVERRIDE}exe.gpj ../../x",
    "</script><script>window.hurt=10</script>",
    "a\nb\0c <iframe srcdoc='<script>parent.hurt=11</script>'>",
]
"""They are no names of files: those are `FILES`."""

FILES = [name for name in NAMES if not {"/", "\0", "\n"} & {*name}]

SETUP = f"""
import os
from pathlib import Path
import numpy as np
import torch
from PIL import Image
from torch import nn
import cnnwidgets as cw
from cnnwidgets.data.sittings import Answer, SittingLog
from safetensors.torch import save_file

NAMES, FILES = {NAMES!r}, {FILES!r}
SIGNS = ["a", "$x^2$", "<u>"]

class Blunt(nn.Module):  # fails on demand, with markup in what it says
    def forward(self, x):
        if cw.hurting:
            raise RuntimeError(NAMES[0] + NAMES[7])
        return x

def network(seed=0):
    torch.manual_seed(seed)
    body = nn.Sequential()
    for name, part in (("<i onclick=hurt=12>", nn.Conv2d(3, 8, 5)), ("act", nn.ReLU()),
                       (NAMES[7].replace(".", ""), nn.Conv2d(8, 12, 3)), ("$$act$$", nn.ReLU()),
                       ("blunt", Blunt()), ("pool", nn.AdaptiveAvgPool2d(1)),
                       ("flat", nn.Flatten()), ("head", nn.Linear(12, len(NAMES)))):
        body.add_module(name, part)
    return body.eval()

cw.hurting = False
made = dict(input_shape=(3, 48, 48), mean=(0.5,) * 3, std=(0.25,) * 3)
model = cw.wrap_model(network(), labels=NAMES, name=NAMES[7] + NAMES[0], **made)
folder = Path("hostile")
(folder / "pictures").mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(0)
for name in FILES:
    pixels = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "pictures" / (name + ".png"))
CATEGORIES = [FILES[0], FILES[1], NAMES[7], NAMES[8]]
for name in (one for one in CATEGORIES for _ in range(3)):
    (folder / "kinds" / name).mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "kinds" / name / (str(rng.integers(1 << 40)) + ".png"))
(folder / "pictures" / (FILES[0] + FILES[4] + ".jpg")).write_bytes(b"no picture")
for seed, name in enumerate(FILES[:3]):
    (folder / "weights").mkdir(exist_ok=True)
    save_file(network(seed).state_dict(), folder / "weights" / (name + ".safetensors"))
images = cw.load_images(folder / "pictures")
"""

CELLS = [
    SETUP,
    'units = cw.UnitExplorer(model, images, checkpoints=folder / "weights", unit=3)\nunits',
    "tuning = cw.TuningExplorer(model)\ntuning",
    """
features = {name: rng.random((len(NAMES), 4)) for name in NAMES[:2]}
stepper = cw.TripletStepper(features, NAMES, people=None, sittings=folder / FILES[0], seed=0)
stepper
""",
    """
kinds = cw.load_images(folder / "kinds")
features = {name: rng.random((len(kinds), 4)) for name in NAMES[7:9]}
pictured = cw.TripletStepper(features, kinds, people=None, sittings=None, seed=0)
pictured.wanted = CATEGORIES[0]
pictured.next()
pictured
""",
    """
log = SittingLog(folder / "class", set_id=stepper._parties.objects.set_id, names=NAMES)
for shown in ((0, 1, 2), (3, 4, 5), (0, 7, 6), (2, 9, 11)):
    log.record(Answer(shown, shown[2], 900))
text = log.path.read_text().replace(log.id, NAMES[7].replace(chr(92), chr(92) * 2))
log.path.rename(folder / "class" / ("sitting-" + FILES[0] + ".jsonl"))
(folder / "class" / ("sitting-" + FILES[0] + ".jsonl")).write_text(text)
(folder / "class" / ("sitting-" + FILES[4] + ".jsonl")).write_text(NAMES[0])
features = {name: rng.random((len(NAMES), 4)) for name in NAMES[:2]}
board = cw.ClassBoard(folder / "class", features, NAMES, people=None)
board
""",
    """
late, spoiled = cw.load_images(folder / "pictures"), folder / "pictures" / (FILES[0] + ".png")
spoiled.write_bytes(b"spoiled")  # after it was found to be a picture
lost = cw.UnitExplorer(model, late, picture=late.names.index(FILES[0]), layer="act", unit=0)
lost
""",
    "display(units.cite(), model, images, units.checkpoints, board.cite(), stepper.sitting.others)",
    "from cnnwidgets.cli import main\nmain(['doctor'])\nprint(NAMES, images.left_out)",
    "units.wait(60)\nunits.top_nine.wait(60)\nunits.top_nine.result.to_frame().assign(n=NAMES[0])",
]
