"""The temperature of probabilities: the divisor of scores that makes them calibrated."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["best_temperature"]

#: Between which temperatures the best one is looked for.
_RANGE = (0.25, 8.0)


def best_temperature(loss: Callable[[float], float]) -> float:
    """Return the temperature of the least loss.

    Parameters
    ----------
    loss
        Gives the negative log probability of what is true when scores are multiplied by a number,
        the inverse of the temperature. It is convex, and has one minimum.

    Returns
    -------
    float
        From 0.25 to 8.

    Examples
    --------
    >>> best_temperature(lambda inverse: (inverse - 0.5) ** 2)
    2.0
    """
    low, high = (1 / t for t in reversed(_RANGE))
    golden = (5**0.5 - 1) / 2
    # Golden sections: one of the two places between the bounds is one of the next two.
    one, two = high - golden * (high - low), low + golden * (high - low)
    of_one, of_two = loss(one), loss(two)
    while high - low > 1e-4:
        if of_one < of_two:
            high, two, of_two = two, one, of_one
            one = high - golden * (high - low)
            of_one = loss(one)
        else:
            low, one, of_one = one, two, of_two
            two = low + golden * (high - low)
            of_two = loss(two)
    return round(2 / (low + high), 3)
