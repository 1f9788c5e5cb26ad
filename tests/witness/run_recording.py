"""Runs recordings of networks with MindSpore's own primitives: run_recording.py RECORDING.json FOLDER

The folder has the parameters by name in weights.npz and the input in input.npy, whose batch may be another one than the
recorded; the first output goes to output.npy.
"""

import json
import os
import sys

import numpy as np

os.environ["GLOG_v"] = "3"
import mindspore
from mindspore import Tensor
from mindspore.ops import operations as P

mindspore.set_context(mode=mindspore.PYNATIVE_MODE, device_target="CPU")


def plane(values):
    return tuple(values[-2:])


def conv(a):
    pad = tuple(a["pad_list"]) if a["pad_mode"] == "pad" else 0
    window = {"stride": plane(a["stride"]), "dilation": plane(a["dilation"])}
    return P.Conv2D(a["out_channel"], tuple(a["kernel_size"]), pad_mode=a["pad_mode"], pad=pad, group=a["group"], **window)


def pool(primitive):
    return lambda a: primitive(plane(a["ksize"]), plane(a["strides"]), a["padding"].lower())


made = {
    "AvgPool": pool(P.AvgPool),
    "BatchNorm": lambda a: P.BatchNorm(is_training=False, epsilon=a["epsilon"]),
    "Concat": lambda a: P.Concat(a["axis"]),
    "Conv2D": conv,
    "MatMul": lambda a: P.MatMul(a["transpose_a"], a["transpose_b"]),
    "MaxPool": pool(P.MaxPool),
    "Pad": lambda a: P.Pad(tuple(map(tuple, a["paddings"]))),
    "ReduceMean": lambda a: P.ReduceMean(a["keep_dims"]),
    "Softmax": lambda a: P.Softmax(tuple(a["axis"])),
    "TensorAdd": lambda a: P.Add(),
}


def main(recording, folder):
    with open(recording, encoding="utf8") as file:
        recorded = json.load(file)
    weights = np.load(os.path.join(folder, "weights.npz"))
    image = np.load(os.path.join(folder, "input.npy"))
    values = {}

    def value(reference):
        if isinstance(reference, list):
            return tuple(value(r) for r in reference)
        if "param" in reference:
            return Tensor(weights[reference["param"]])
        if "node" in reference:
            found = values[reference["node"]]
            return found[reference["out"]] if isinstance(found, tuple) else found
        return Tensor(image) if "input" in reference else reference["value"]

    batch = recorded["inputs"][0][0][0]
    for node in recorded["nodes"]:
        inputs = [value(r) for r in node["inputs"]]
        if node["op"] == "Reshape" and inputs[1][0] == batch:
            inputs[1] = (image.shape[0], *inputs[1][1:])
        primitive = made[node["op"]](node["attrs"]) if node["op"] in made else getattr(P, node["op"])()
        values[node["id"]] = primitive(*inputs)
    np.save(os.path.join(folder, "output.npy"), value(recorded["output_refs"][0]).asnumpy())


main(*sys.argv[1:])
