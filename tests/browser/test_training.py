"""A cell that trains the network while its explorer's slider is moved, in a real JupyterLab."""

import pytest

from tests.browser.notebook import PANEL
from tests.browser.test_unit_explorer import ROOT, handle, settle

CELL = """
import torch
import cnnwidgets as cw
torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
    torch.nn.Dropout(0.2), torch.nn.Conv2d(8, 8, 3, padding=1), torch.nn.ReLU(),
)
model = cw.wrap_model(
    net, input_shape=(3, 64, 64), mean=(0.5,) * 3, std=(0.25,) * 3, name="Trained"
)
explorer = cw.UnitExplorer(model, layer="4", unit=1)
explorer
"""
TRAIN = """
import time
optimizer, steps, end = torch.optim.SGD(net.train().parameters(), lr=0.01), 0, time.monotonic() + 4
while time.monotonic() < end:
    optimizer.zero_grad()
    net(torch.rand(4, 3, 64, 64)).square().mean().backward()
    optimizer.step()
    steps += 1
"""
NOW = "cw.graph.Twin(net).fingerprint()"
SHOWN = "explorer.result.provenance.weights"


@pytest.fixture
def trained(lab, chromium):
    """An explorer at rest on unit 1 of a small network with batch norm and dropout."""
    name = lab.write("training.ipynb", [CELL])
    with lab.open(chromium, name, size=(1400, 1000)) as notebook:
        notebook.run_all()
        settle(notebook)
        yield notebook
        assert notebook.errors == []


def test_the_slider_is_served_when_the_training_ends_and_follows_the_new_weights(trained):
    assert trained.ask(SHOWN) == trained.ask(NOW)
    before = trained.ask(SHOWN)
    start = f"code => void {PANEL}.sessionContext.session.kernel.requestExecute({{ code }})"
    trained.evaluate(start, TRAIN)
    handle(trained).focus()
    trained.page.keyboard.press("ArrowRight")
    trained.wait_text(f"{ROOT} .cw-status", "a cell is running")
    trained.wait_text(f"{ROOT} .cw-status", "unit 2")
    settle(trained)
    assert trained.ask("steps") > 5 and trained.ask("explorer.result.units[0][0]") == 2
    assert trained.ask("[net.training, explorer.error]") == [True, ""]
    trained.page.keyboard.press("ArrowRight")
    settle(trained)
    assert trained.ask("explorer.result.units[0][0]") == 3
    assert trained.ask(SHOWN) == trained.ask(NOW) != before
