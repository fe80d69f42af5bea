"""The cost of a gradient: differences against backpropagation, for 9 to 1,000,000 weights.

Forward differences need N + 1 forward passes, central differences 2N, backpropagation one forward
and one backward pass. Where a method would take too long (marked ≈), some of its passes are timed
and the rest extrapolated.

    python benchmarks/bench_gradient_cost.py [--quick] [--output DIR]
"""

import argparse

import numpy as np
from options import folder
from threadpoolctl import threadpool_limits

import backprop as bp
from backprop import plotting
from backprop.inspection import GradientCost, gradient_cost
from backprop.layers import Dense, Input, Sigmoid

NETWORKS = ((2, 3, 1), (10, 10, 10), (64, 64, 10), (784, 128, 10), (1000, 500, 500, 500))
BATCH = 32


def cost_of(sizes: tuple[int, ...], max_passes: int) -> GradientCost:
    """The costs for a network without biases, as in the text that asks the question."""
    layers = [part for n in sizes[1:] for part in (Dense(n, use_bias=False), Sigmoid())]
    model = bp.Sequential([Input(sizes[0]), *layers], seed=0, dtype="float64")
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    X, y = rng.random((BATCH, sizes[0])), rng.random((BATCH, sizes[-1]))
    return gradient_cost(model, X, y, max_passes)


def main() -> None:
    """Prints a table for each network, and draws them all if asked to."""
    parser = argparse.ArgumentParser(description="Count and time three ways to a gradient.")
    parser.add_argument("--quick", action="store_true", help="time fewer passes")
    parser.add_argument("--output", type=folder, metavar="DIR", help="folder for the picture")
    options = parser.parse_args()
    costs = []
    with threadpool_limits(limits=1, user_api="blas"):
        for sizes in NETWORKS:
            costs.append(cost_of(sizes, 200 if options.quick else 20_000))
            print(f"{'-'.join(map(str, sizes))} @ {BATCH}", costs[-1], sep="\n", end="\n\n")
    if options.output:
        path = options.output / "gradient_cost.png"
        seconds = {
            cost.method: [other[cost.method].seconds for other in costs]
            for cost in costs[0].methods
        }
        plotting.gradient_costs([cost.n_weights for cost in costs], seconds, path)
        print(f"The picture: {path}")


if __name__ == "__main__":
    main()
