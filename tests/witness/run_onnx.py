"""Runs an ONNX model on one input with ONNX Runtime, on one thread: run_onnx.py MODEL INPUT.npy OUTPUT.npy [VARIED.onnx]

Where VARIED.onnx is named, the model's fills (ConstantOfShape) are first replaced by normal or uniform numbers, seeded by
their names, and a final softmax is removed, so that every channel and every logit differs; that model is written and run.
"""

import sys
import zlib

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper


def weight(name, shape):
    random = np.random.default_rng(zlib.crc32(name.encode()))
    fan_in = int(np.prod(shape[1:]))
    if fan_in > 1:
        return random.standard_normal(shape, np.float32) * np.float32((2 / fan_in) ** 0.5)
    return random.uniform(0.5, 1.5, shape).astype(np.float32)


def vary(source, target):
    model = onnx.load(source)
    graph = model.graph
    shapes = {t.name: tuple(int(n) for n in numpy_helper.to_array(t)) for t in graph.initializer if t.data_type == 7}
    fills = [n for n in graph.node if n.op_type == "ConstantOfShape" and n.input[0] in shapes]
    for n in fills:
        graph.initializer.append(numpy_helper.from_array(weight(n.output[0], shapes[n.input[0]]), n.output[0]))
        graph.node.remove(n)
    if graph.node[-1].op_type == "Softmax":
        softmax = graph.node.pop()
        graph.node[-1].output[0] = softmax.output[0]
    onnx.save(model, target)


def main(model, source, target, varied=None):
    if varied:
        vary(model, varied)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(varied or model, options, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {session.get_inputs()[0].name: np.load(source)})
    np.save(target, result)


main(*sys.argv[1:])
