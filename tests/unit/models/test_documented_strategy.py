"""The strategy that `docs/how-to/new-strategy.md` writes is one: its code, as it stands on the page."""

import re
from pathlib import Path

import torch

from xmodal_pipeline.models.backbone import BackboneSpec
from xmodal_pipeline.params import variants

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "new-strategy.md"


def test_the_page_writes_a_strategy_whose_gate_weighs_the_modalities(monkeypatch):
    model_code, params_code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    params = vars(variants) | {"__name__": variants.__name__}
    exec(params_code, params)
    monkeypatch.setattr(variants, "GatedParams", params["GatedParams"], raising=False)
    written = {"__name__": "gated"}
    exec(model_code, written)
    spec = BackboneSpec("test_resnet", False, 64, False, rgb_bands=3, uv_bands=2)
    torch.manual_seed(0)
    model = written["Gated"](params["GatedParams"](), spec)
    torch.nn.init.zeros_(model.gate.weight)
    torch.nn.init.zeros_(model.gate.bias)
    found = model(torch.randn(2, 3, 64, 64), torch.randn(2, 2, 64, 64), alone=True)
    rgb, uv = found.features["rgb"], found.features["uv"]
    torch.testing.assert_close(found.features["joint"], (rgb + uv) / 2)
    torch.testing.assert_close(found.alone["uv"], uv / 2)
    assert not torch.allclose(rgb, uv)
