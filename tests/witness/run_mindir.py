"""Loads MindIR models with MindSpore and computes them, one after the other: run_mindir.py FOLDER...

Each folder holds model.mindir and input_0.npy, input_1.npy, ... in the order of the model's inputs; output_0.npy, ... are
written beside them. One line of JSON per folder says what went wrong, or null.
"""

import glob
import json
import os
import sys

import mindspore
import numpy as np
from mindspore import Tensor, nn

mindspore.set_context(mode=mindspore.GRAPH_MODE)
mindspore.set_device("CPU")


def flat(result):
    if isinstance(result, (tuple, list)):
        return [element for r in result for element in flat(r)]
    return [result.asnumpy() if hasattr(result, "asnumpy") else np.asarray(result)]


def run(folder):
    graph = nn.GraphCell(mindspore.load(os.path.join(folder, "model.mindir")))
    count = len(glob.glob(os.path.join(folder, "input_*.npy")))
    inputs = [Tensor(np.load(os.path.join(folder, f"input_{k}.npy"))) for k in range(count)]
    for k, result in enumerate(flat(graph(*inputs))):
        np.save(os.path.join(folder, f"output_{k}.npy"), result)


for folder in sys.argv[1:]:
    try:
        run(folder)
        problem = None
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith("-")]
        problem = " | ".join(lines[:3])[:500] or repr(error)
    print("result: " + json.dumps(problem), flush=True)
