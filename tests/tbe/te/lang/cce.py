"""The calls of the static tensor DSL, with its rules: equal shapes and types, and the types that the chip takes."""

import math

from te.tensor import Tensor, indices, offset, place
from te.tvm import Const

soc = "Ascend910"
built = {}

NUMBERS = ("float16", "float32", "int32")
FLOATS = ("float16", "float32")
HALF = ("float16",)
ON_310 = ("vexp", "vlog", "vcmp", "vsel", "floor", "ceil", "round")


def check(call, dtype, types):
    allowed = HALF if soc == "Ascend310" and call in ON_310 else types
    if soc == "Ascend310" and call == "trunc":
        allowed = ()
    if dtype not in allowed:
        raise RuntimeError(f"te.lang.cce.{call} is not supported {dtype} on {soc}")


def unary(call, types, f):
    def run(x):
        check(call, x.dtype, types)
        return Tensor(x.shape, x.dtype, map(f, x.data))

    return run


def binary(call, types, f):
    def run(a, b):
        check(call, a.dtype, types)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), (call, a.shape, b.shape, a.dtype, b.dtype)
        return Tensor(a.shape, a.dtype, map(f, a.data, b.data))

    return run


def scalar(call, types, f):
    def run(x, s):
        check(call, x.dtype, types)
        assert isinstance(s, Const) and s.dtype == x.dtype
        return Tensor(x.shape, x.dtype, (f(v, s.value) for v in x.data))

    return run


def divided(a, b):
    if b == 0:
        return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def exponential(x):
    return math.inf if x > 89 else math.exp(x)


def logarithm(x):
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


vadd = binary("vadd", NUMBERS, lambda a, b: a + b)
vsub = binary("vsub", NUMBERS, lambda a, b: a - b)
vmul = binary("vmul", NUMBERS, lambda a, b: a * b)
vdiv = binary("vdiv", FLOATS, divided)
vmax = binary("vmax", NUMBERS, max)
vmin = binary("vmin", NUMBERS, min)
vadds = scalar("vadds", NUMBERS, lambda a, b: a + b)
vmuls = scalar("vmuls", NUMBERS, lambda a, b: a * b)
vmaxs = scalar("vmaxs", NUMBERS, max)
vmins = scalar("vmins", NUMBERS, min)
vabs = unary("vabs", FLOATS, abs)
vexp = unary("vexp", FLOATS, exponential)
vlog = unary("vlog", FLOATS, logarithm)
vsqrt = unary("vsqrt", FLOATS, lambda x: math.sqrt(x) if x >= 0 else math.nan)
vrelu = unary("vrelu", HALF, lambda x: max(x, 0))


def to_int(call, f):
    def run(x):
        check(call, x.dtype, FLOATS)
        return Tensor(x.shape, "int32", (max(-(2**31), min(2**31 - 1, f(v))) for v in x.data))

    return run


floor = to_int("floor", math.floor)
ceil = to_int("ceil", math.ceil)
trunc = to_int("trunc", math.trunc)
# Python rounds ties to even as the chip does.
globals()["round"] = to_int("round", lambda v, nearest=round: nearest(v))

CASTS = {("float16", "float32"), ("float32", "float16"), ("int32", "float32"), ("int32", "float16"), ("float16", "int32"), ("float32", "int32")}


def cast_to(x, dtype):
    if x.dtype == dtype:
        return x
    assert (x.dtype, dtype) in CASTS, (x.dtype, dtype)
    data = x.data if dtype != "int32" else [max(-(2**31), min(2**31 - 1, math.trunc(v))) for v in x.data]
    return Tensor(x.shape, dtype, data, x.format)


def broadcast(x, shape):
    shape = tuple(shape)
    if isinstance(x, Const):
        assert x.dtype in NUMBERS
        return Tensor(shape, x.dtype, [x.value] * math.prod(shape))
    source = (1,) * (len(shape) - len(x.shape)) + x.shape
    assert len(source) == len(shape) and all(a in (1, b) for a, b in zip(source, shape)), (x.shape, shape)
    return Tensor(shape, x.dtype, (x.data[offset(source, [i if e > 1 else 0 for i, e in zip(at, source)])] for at in indices(shape)))


def vcmp(a, b, operation="lt", mode="bool"):
    check("vcmp", a.dtype, FLOATS)
    assert mode == "bool" and (a.shape, a.dtype) == (b.shape, b.dtype)
    compare = {
        "eq": lambda x, y: x == y,
        "ne": lambda x, y: x != y,
        "lt": lambda x, y: x < y,
        "le": lambda x, y: x <= y,
    }[operation]
    return Tensor(a.shape, "bool", map(compare, a.data, b.data))


def vsel(condition, a, b):
    check("vsel", a.dtype, FLOATS)
    assert condition.dtype == "bool" and condition.shape == a.shape == b.shape and a.dtype == b.dtype
    return Tensor(a.shape, a.dtype, (x if c else y for c, x, y in zip(condition.data, a.data, b.data)))


def vlogic(a, b=None, operation="logic_and"):
    assert a.dtype == "bool" and (b is None or (b.dtype == "bool" and a.shape == b.shape))
    if operation == "logic_not":
        return Tensor(a.shape, "bool", (not v for v in a.data))
    join = {"logic_and": lambda x, y: x and y, "logic_or": lambda x, y: x or y}[operation]
    return Tensor(a.shape, "bool", map(join, a.data, b.data))


def reduction(call, f):
    def run(x, axis, keepdims=False, priority_flag=False):
        check(call, x.dtype, NUMBERS)
        assert axis == sorted(set(axis)) and all(0 <= a < len(x.shape) for a in axis), axis
        kept = [1 if d in axis else e for d, e in enumerate(x.shape)]
        groups = {}
        for i, at in enumerate(indices(x.shape)):
            groups.setdefault(offset(kept, [0 if d in axis else k for d, k in enumerate(at)]), []).append(x.data[i])
        # Along the last axis f32 is folded in half precision, unless the flag asks for more.
        in_half = call in ("reduce_max", "reduce_min") and x.dtype == "float32" and len(x.shape) - 1 in axis and not priority_flag
        data = [f(groups[g]) for g in sorted(groups)]
        if in_half:
            data = Tensor([len(data)], "float16", data).data
        shape = kept if keepdims else [e for d, e in enumerate(x.shape) if d not in axis] or [1]
        return Tensor(shape, x.dtype, data)

    return run


sum = reduction("sum", lambda values: math.fsum(values))
reduce_max = reduction("reduce_max", max)
reduce_min = reduction("reduce_min", min)
reduce_prod = reduction("reduce_prod", math.prod)


def matmul(a, b, trans_a=False, trans_b=False, format_a="ND", format_b="ND", dst_dtype="float16", tensor_bias=None):
    """Blocks of FRACTAL_NZ stand column by column: a flag that is not set means a transposed matrix."""
    assert a.dtype == b.dtype == "float16" and dst_dtype in FLOATS
    assert a.format == format_a == "FRACTAL_NZ" and b.format == format_b == "FRACTAL_NZ"

    def matrix(x, is_transposed):
        n1, m1, m0, n0 = x.shape
        at = lambda m, n: x.data[offset(x.shape, place("FRACTAL_NZ", None, (m, n)))]
        rows = [[at(m, n) for n in range(n1 * n0)] for m in range(m1 * m0)]
        return [list(column) for column in zip(*rows)] if is_transposed else rows

    left, right = matrix(a, not trans_a), matrix(b, not trans_b)
    assert len(left[0]) == len(right), "the matrices do not fit"
    assert tensor_bias is None or tensor_bias.shape == (len(right[0]),)
    bias = tensor_bias.data if tensor_bias else [0] * len(right[0])
    shape = (len(right[0]) // 16, len(left) // 16, 16, 16)
    data = [0] * math.prod(shape)
    for m, row in enumerate(left):
        for n in range(len(right[0])):
            total = math.fsum(v * right[k][n] for k, v in enumerate(row) if v != 0)
            data[offset(shape, place("FRACTAL_NZ", None, (m, n)))] = total + bias[n]
    return Tensor(shape, dst_dtype, data, "FRACTAL_NZ")


def conv(x, w, para):
    assert x.dtype == w.dtype == "float16" and x.format == "NC1HWC0" and w.format == "FRACTAL_Z"
    n, c1, h, width, _ = x.shape
    kh, kw = para["filter_h"], para["filter_w"]
    assert w.shape[0] == c1 * kh * kw and w.shape[2:] == (16, 16)
    (top, bottom), (left, right) = para["pad_h"], para["pad_w"]
    span_h, span_w = (kh - 1) * para["dilate_h"] + 1, (kw - 1) * para["dilate_w"] + 1
    oh, ow = (h + top + bottom - span_h) // para["stride_h"] + 1, (width + left + right - span_w) // para["stride_w"] + 1
    outputs = w.shape[1] * 16
    bias = para["bias_tensor"]
    assert bias is None or bias.shape == (outputs,)
    shape = (n, w.shape[1], oh * ow, 16)
    data = []
    for b, m1, o, m0 in indices(shape):
        total = bias.data[m1 * 16 + m0] if bias else 0
        for k, (ch, ky, kx, c0) in enumerate(indices((c1, kh, kw, 16))):
            y = (o // ow) * para["stride_h"] + ky * para["dilate_h"] - top
            z = (o % ow) * para["stride_w"] + kx * para["dilate_w"] - left
            if 0 <= y < h and 0 <= z < width:
                weight = w.data[offset(w.shape, ((ch * kh + ky) * kw + kx, m1, m0, c0))]
                if weight != 0:
                    total += x.data[offset(x.shape, (b, ch, y, z, c0))] * weight
        data.append(total)
    return Tensor(shape, "float16", data, "NC1HWC0")


def cce_build_code(schedule, config):
    assert schedule is not None and config["tensor_list"] and config["name"]
    built[config["name"]] = config["tensor_list"]
