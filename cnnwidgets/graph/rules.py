"""The rules of the deconvnet family: three switches that tell how a rectifier and a pool reverse.

References
----------
.. [1] M. D. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014,
   arXiv:1311.2901 (deconvnet).
.. [2] K. Simonyan, A. Vedaldi, A. Zisserman, "Deep inside convolutional networks", 2013,
   arXiv:1312.6034 (saliency).
.. [3] A. Mahendran, A. Vedaldi, "Salient deconvolutional networks", ECCV 2016 (the grid of rules;
   DeSaliNet has the rectifier of guided backpropagation, arXiv:1412.6806).
"""

from typing import NamedTuple


class Rule(NamedTuple):
    """How the reverse walk treats what is not linear.

    ``mask``: a rectifier lets pass only where it was active. ``switch``: a max pool sends the value
    to the place of its maximum (else to the window's centre). ``rectify``: a rectifier also
    rectifies what comes back.
    """

    mask: bool
    switch: bool
    rectify: bool


SALIENCY = Rule(mask=True, switch=True, rectify=False)
DECONVNET = Rule(mask=False, switch=True, rectify=True)
GUIDED = Rule(mask=True, switch=True, rectify=True)

RULES = {
    "deconvnet": DECONVNET,
    "saliency": SALIENCY,
    "guided": GUIDED,
    "FTF": Rule(mask=False, switch=True, rectify=False),
    "FFT": Rule(mask=False, switch=False, rectify=True),
    "TFF": Rule(mask=True, switch=False, rectify=False),
    "TFT": Rule(mask=True, switch=False, rectify=True),
    "FFF": Rule(mask=False, switch=False, rectify=False),
}
"""All eight [3]_. Those without a name have their letters: mask, switch, rectify, true or false.

The last four are the first four without the switches.
"""


def named_rule(rule: str | Rule) -> Rule:
    """Give the rule of a name, one of `RULES`; a `Rule` stays itself.

    Raises
    ------
    ValueError
        The name is none of these.
    """
    if isinstance(rule, Rule):
        return rule
    if rule not in RULES:
        names = ", ".join(repr(name) for name in RULES)
        raise ValueError(
            f"rule must be one of {names} or a Rule(mask, switch, rectify), got {rule!r}"
        )
    return RULES[rule]


def rule_name(rule: Rule) -> str:
    """Give the name of a rule, one of `RULES`."""
    return next(name for name, switches in RULES.items() if switches == rule)
