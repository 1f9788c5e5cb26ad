"""Checks ONNX models and runs them with ONNX Runtime, one after the other: run_onnx_models.py FOLDER...

Each folder holds model.onnx and input_0.npy, input_1.npy, ... in the order of the model's inputs; output_0.npy, ... are
written beside them. One line of JSON per folder says what went wrong, or null.
"""

import glob
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime


def run(folder):
    path = os.path.join(folder, "model.onnx")
    onnx.checker.check_model(path, full_check=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {i.name: np.load(os.path.join(folder, f"input_{k}.npy")) for k, i in enumerate(session.get_inputs())}
    for k, result in enumerate(session.run(None, inputs)):
        np.save(os.path.join(folder, f"output_{k}.npy"), result)


for folder in sys.argv[1:]:
    try:
        run(folder)
        print("null", flush=True)
    except Exception as e:  # whatever it is, the test that asked reports it
        print(json.dumps(f"{type(e).__name__}: {e}"), flush=True)
