"""A network as the calls of one forward pass: recording, names, fields, reversal, replay."""

from cnnwidgets.graph.capture import capture
from cnnwidgets.graph.failures import check_weights
from cnnwidgets.graph.fields import Field
from cnnwidgets.graph.identity import identity
from cnnwidgets.graph.inside import visit_inside
from cnnwidgets.graph.naming import closest_name
from cnnwidgets.graph.read_out import ReadOut
from cnnwidgets.graph.recording import record
from cnnwidgets.graph.records import Layer, Record, StaleRecordError
from cnnwidgets.graph.replay import run_from
from cnnwidgets.graph.reversal import reverse
from cnnwidgets.graph.rules import DECONVNET, GUIDED, RULES, SALIENCY, Rule, named_rule, rule_name
from cnnwidgets.graph.structure import COMPILED, unwrapped
from cnnwidgets.graph.twin import Twin
from cnnwidgets.graph.visit import any_size, derived, place_bound, reachable, visit

__all__ = [
    "COMPILED",
    "DECONVNET",
    "GUIDED",
    "RULES",
    "SALIENCY",
    "Field",
    "Layer",
    "ReadOut",
    "Record",
    "Rule",
    "StaleRecordError",
    "Twin",
    "any_size",
    "capture",
    "check_weights",
    "closest_name",
    "derived",
    "identity",
    "named_rule",
    "place_bound",
    "reachable",
    "record",
    "reverse",
    "rule_name",
    "run_from",
    "unwrapped",
    "visit",
    "visit_inside",
]
