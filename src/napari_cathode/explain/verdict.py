"""What the scores allow one to say, in words."""

from __future__ import annotations

from typing import Any

from .parameters import MODEL_NAMES

LEAST_R2 = 0.05
"""A smaller part of the variation than this is called nothing, however certain it is."""

MOST_CHANCE = 0.05
"""Largest one-sided probability of chance at which a model is said to explain something."""

FEW_PARTICLES = 150
"""With fewer, a relation that accounts for a tenth of the variation is easily missed."""


def verdict(target: str, scores: dict[str, Any]) -> dict[str, Any]:
    """Say whether the model explains the target, and how firm that is.

    Parameters
    ----------
    target : str
        Column that is explained.
    scores : dict
        ``model``, ``models`` (scores of each candidate) and ``random_folds``, ``blocked_folds`` of the chosen one.

    Returns
    -------
    dict
        ``explains`` : bool; ``firm`` : bool, whether no other division of the particles, other model or left-out
        region says otherwise; ``text`` : str.
    """
    found = scores["random_folds"]
    explains = found["r2_mean"] >= LEAST_R2 and found["p_value"] <= MOST_CHANCE
    doubts = _doubts(explains, scores)
    text = _explained(target, found, scores["blocked_folds"]) if explains else _unexplained(target, found)
    if doubts:
        text += f" This is not firm: {'; '.join(doubts)}."
        if found["particles"] < 2 * FEW_PARTICLES:
            text += f" With {found['particles']} particles the answer hangs on the settings; measure more of them."
    elif not explains and found["particles"] < FEW_PARTICLES:
        text += f" With only {found['particles']} particles a weak relation is easily missed."
    if not explains:
        text += " The attributions describe the model, not the electrode, and should not be read as causes."
    return {"explains": explains, "firm": not doubts, "text": text}


def _explained(target: str, found: dict[str, Any], blocked: dict[str, Any] | None) -> str:
    r2 = found["r2_mean"]
    part = "a small part" if r2 < 0.2 else "a part" if r2 < 0.5 else "much" if r2 < 0.8 else "most"
    text = (
        f"These properties explain {part} of {target}: R² {_number(r2)} (95 % interval {_number(found['r2_low'])} to "
        f"{_number(found['r2_high'])}), {100 * r2:.0f} % of its variation, among {found['particles']} particles, each "
        f"predicted by models that never saw it"
    )
    if blocked is not None:
        text += f"; R² {_number(blocked['r2_mean'])} where whole regions were left out"
    return f"{text}; {_errors(found)}."


def _unexplained(target: str, found: dict[str, Any]) -> str:
    r2 = found["r2_mean"]
    between = f"R² {_number(r2)}, 95 % interval {_number(found['r2_low'])} to {_number(found['r2_high'])}"
    why = (
        f"held-out predictions are no better than guessing the mean ({between})"
        if r2 <= 0
        else f"on held-out particles the lead over guessing the mean is too small or too uncertain ({between})"
    )
    return f"Nothing of {target} is explained by these properties: {why}; {_errors(found)}."


def _errors(found: dict[str, Any]) -> str:
    return (
        f"a held-out prediction is off by {found['mae_mean']:.3g} on average, guessing the mean by "
        f"{found['baseline_mae']:.3g}"
    )


def _doubts(explains: bool, scores: dict[str, Any]) -> list[str]:
    """List what speaks against the answer."""
    found, blocked = scores["random_folds"], scores["blocked_folds"]
    doubts = []
    repeats = found["r2_repeats"]
    if min(repeats) < LEAST_R2 <= max(repeats):
        doubts.append(
            f"from one division of the particles to the next, R² goes from {_number(min(repeats))} to "
            f"{_number(max(repeats))}"
        )
    elif explains and found["r2_low"] < LEAST_R2:
        doubts.append(f"its interval reaches down to R² {_number(found['r2_low'])}")
    for key, other in scores["models"].items():
        says = other["r2_mean"] >= LEAST_R2 and other["p_value"] <= MOST_CHANCE
        if key != scores["model"] and says != explains:
            doubts.append(f"{MODEL_NAMES[key]} reaches R² {_number(other['r2_mean'])}")
    if explains and blocked is not None and blocked["r2_mean"] < LEAST_R2:
        doubts.append(
            f"where whole regions were left out, R² is {_number(blocked['r2_mean'])}, so what was learnt may hold only "
            "near the particles that it was learnt from"
        )
    return doubts


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
