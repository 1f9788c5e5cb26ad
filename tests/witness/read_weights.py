"""What MindSpore and NumPy find in files of weights, as JSON; or files that they write.

read_weights.py mindspore|numpy FILE...        a list of tensors per file: name, dtype, shape, sha256 of the elements
read_weights.py write CKPT NPZ COMPRESSED_NPZ  writes the same tensors to all three and lists them
"""

import hashlib
import json
import sys

import numpy as np

NAMES = {"int": "i", "uint": "u", "float": "f"}


def short(dtype):
    """float32 -> f32."""
    name = str(dtype)
    if name in ("bool", "bool_"):
        return "bool"
    if name in ("bfloat16", "void16", "|V2"):
        return "bf16"
    kind = name.rstrip("0123456789")
    return NAMES[kind] + name[len(kind) :]


def entry(name, array):
    data = np.ascontiguousarray(array).tobytes()
    return {"name": name, "dtype": short(array.dtype), "shape": list(array.shape), "sha256": hashlib.sha256(data).hexdigest()}


def with_mindspore(path):
    import mindspore as ms

    kind = "safetensors" if path.endswith(".safetensors") else "ckpt"
    loaded = ms.load_checkpoint(path, format=kind)
    return [{"name": k, "text": v} if isinstance(v, str) else entry(k, v.asnumpy()) for k, v in loaded.items()]


def with_numpy(path):
    with np.load(path) as archive:
        return [entry(k, archive[k]) for k in archive.files]


def write(checkpoint, archive, packed):
    import mindspore as ms

    rng = np.random.default_rng(1)
    arrays = {
        "conv.weight": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "half": rng.standard_normal(5).astype(np.float16),
        "steps": np.asarray(7, np.int32),
        "mask": np.asarray([True, False]),
        "big": np.asarray([2**40], np.int64),
    }
    ms.save_checkpoint([{"name": k, "data": ms.Tensor(v)} for k, v in arrays.items()], checkpoint, crc_check=True)
    np.savez(archive, **arrays)
    np.savez_compressed(packed, **arrays)
    return [entry(k, v) for k, v in arrays.items()]


def main(mode, *paths):
    if mode == "write":
        return write(*paths)
    return [(with_mindspore if mode == "mindspore" else with_numpy)(p) for p in paths]


print(json.dumps(main(*sys.argv[1:])))
