"""Checks and runs ONNX models, one per line of JSON on standard input: {"model": PATH, "inputs": {NAME: VALUE} or null}.

Answers with a line each: {"check": what onnx.checker says or null, "run": why ONNX Runtime gave nothing or null,
"outputs": [VALUE]}. A VALUE is {"dtype", "shape", "data": base64 of the elements, "parts": [VALUE] for sequences}.
"""

import base64
import json
import sys

import numpy as np
import onnx
import onnxruntime

DTYPES = {
    "f16": np.float16, "f32": np.float32, "f64": np.float64, "bool": np.bool_,
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
}
NAMES = {np.dtype(t): name for name, t in DTYPES.items()}


class Uncarried(Exception):
    pass


def decode(value):
    if value is None:
        return None
    if "parts" in value:
        return [decode(v) for v in value["parts"]]
    if value["dtype"] not in DTYPES:
        raise Uncarried(f"numpy has no {value['dtype']}")
    return np.frombuffer(base64.b64decode(value["data"]), DTYPES[value["dtype"]]).reshape(value["shape"])


def encode(value):
    if value is None:
        return None
    if isinstance(value, list):
        return {"parts": [encode(v) for v in value]}
    value = np.asarray(value)
    if value.dtype not in NAMES:
        raise Uncarried(f"numpy gave {value.dtype}")
    return {"dtype": NAMES[value.dtype], "shape": value.shape, "data": base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()}


def run(model, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    feeds = {name: decode(value) for name, value in inputs.items()}
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return [encode(v) for v in session.run(None, feeds)]


def answer(request):
    result = {"check": None, "run": None, "outputs": []}
    try:
        onnx.checker.check_model(request["model"], full_check=True)
    except Exception as e:
        result["check"] = f"{type(e).__name__}: {e}"
        return result
    if request["inputs"] is None:
        return result
    try:
        result["outputs"] = run(request["model"], request["inputs"])
    except Exception as e:
        result["run"] = f"{type(e).__name__}: {e}"
    return result


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
