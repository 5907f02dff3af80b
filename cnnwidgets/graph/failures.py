"""What is told of a network whose own code fails, and of one that no pass can be recorded of."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

_SIZES = re.compile(r"shape|size|channel|dimension|height|width|input to conv", re.IGNORECASE)
_OWN_WORDS = (KeyError, UnicodeError)  # whose text is more than a sentence, or needs more than one


def failure(error: Exception, network: str, where: str, picture: Tensor) -> Exception:
    """Give an error of the same kind that says where in a network it happened, and with what.

    Parameters
    ----------
    error : what the network's code raised.
    where : the part that was running, or "".
    picture : [1, C, H, W], which the network was given.
    """
    kind = type(error)
    said = f"{kind.__name__}: {_words(error)}".removesuffix(": ")
    at = f" at {where!r}" if where else ""
    sentence = f"{network} fails{at} on a picture {list(picture.shape)} ({said}){_advice(error)}"
    plain = getattr(builtins, kind.__name__, None) is kind and not issubclass(kind, _OWN_WORDS)
    try:
        return kind(sentence) if plain else RuntimeError(sentence)
    except TypeError:  # it is made of something else than a sentence
        return RuntimeError(sentence)


def _words(error: BaseException) -> str:
    """Give an error's own words, without the lines that follow the first."""
    said = error.args[0] if isinstance(error, KeyError) and error.args else error
    return str(said).strip().partition("\n")[0].rstrip(".")[:300]


def _advice(error: Exception) -> str:
    said = str(error)
    if isinstance(error, TypeError) and "argument" in said:
        return (
            "; networks are run with the picture alone, so give a module whose forward fills in "
            "the rest"
        )
    if isinstance(error, NotImplementedError) and "forward" in said:
        return "; give the part of it that is run with pictures"
    if "Inference tensors" in said:
        return (
            "; torch.inference_mode inside the network hides its calls, so use torch.no_grad there"
        )
    if _SIZES.search(said):
        return "; if it takes pictures of another shape, say so by input_shape in wrap_model"
    return ""


def check_weights(name: str, module: nn.Module) -> None:
    """Refuse networks that no pass can be recorded of.

    Raises
    ------
    TypeError
        It holds TorchScript.
    ValueError
        It has no weights yet, sparse ones, or numbers that torch does not compute with.
    """
    for path, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise TypeError(
                f"{name} holds TorchScript ({path or 'all of it'}), which hides its calls; "
                "give the plain nn.Module it was made from"
            )
        for own, weight in (*part._parameters.items(), *part._buffers.items()):
            if weight is not None:
                _check_weight(name, f"{path}.{own}".removeprefix("."), weight)


def check_number_type(name: str, module: nn.Module, picture: Tensor) -> None:
    """Refuse pictures of another number type than the network's.

    Raises
    ------
    ValueError
        It is another.
    """
    # The first one tells: mixed number types are the network's own affair.
    called, first = next(iter(module.named_parameters()), ("", picture))
    if first.is_floating_point() and first.dtype != picture.dtype:
        raise ValueError(
            f"the picture must be {first.dtype}, as {called!r} of {name}, "
            f"got {picture.dtype}; see preprocess"
        )


def _check_weight(network: str, name: str, weight: Any) -> None:
    if nn.parameter.is_lazy(weight) or weight.is_meta:
        raise ValueError(f"{network} has no weights yet ({name!r} is empty); run or load it first")
    if weight.layout != torch.strided:
        raise ValueError(
            f"{network} holds sparse numbers in {name!r}, which cannot be followed; "
            "give it dense ones, by .to_dense()"
        )
    if weight.is_floating_point() and weight.element_size() == 1:
        raise ValueError(
            f"{network} holds {name!r} as {weight.dtype}, in which torch does not compute; "
            "convert the network, by .float() or .bfloat16()"
        )


def check_finite(network: str, output: Tensor | None, picture: Tensor, module: nn.Module) -> None:
    """Refuse an answer with NaN or infinity, and say where they come from.

    Raises
    ------
    ValueError
        There are some.
    """
    if output is None or bool(torch.isfinite(output).all()):
        return
    state = module.state_dict()  # which may hold what parts keep beside tensors
    broken = not_finite({name: one for name, one in state.items() if isinstance(one, Tensor)})
    if not bool(torch.isfinite(picture).all()):
        cause = "the picture itself holds some"
    elif broken:
        (name, count), *more = broken.items()
        others = f", and more in {len(more)} more of its tensors" * bool(more)
        total = state[name].numel()
        cause = f"its {name!r} holds NaN or infinity in {count} of {total} numbers{others}"
    else:
        cause = "a layer overflows on it"
    raise ValueError(f"{network} answers this picture with NaN or infinity: {cause}")


def not_finite(state: Mapping[str, Tensor]) -> dict[str, int]:
    """Count NaN and infinity in the tensors that hold some, by their names."""
    found = {name: int((~torch.isfinite(tensor)).sum()) for name, tensor in state.items()}
    return {name: count for name, count in found.items() if count}
