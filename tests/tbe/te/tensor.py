"""Tensors: a shape, a type, and elements in row-major order, each rounded to the type."""

import math
import struct


def rounded(value, dtype):
    if dtype == "bool":
        return bool(value)
    if dtype == "int32":
        return (int(value) + 2**31) % 2**32 - 2**31
    code = {"float16": "e", "float32": "f"}[dtype]
    try:
        return struct.unpack(code, struct.pack(code, value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def count(shape):
    return math.prod(shape)


class Tensor:
    def __init__(self, shape, dtype, data, format="ND"):
        self.shape = tuple(shape)
        self.dtype = dtype
        self.format = format
        self.data = [rounded(v, dtype) for v in data]
        assert all(isinstance(d, int) and d > 0 for d in self.shape) and 1 <= len(self.shape) <= 8, self.shape
        assert len(self.data) == count(self.shape), (self.shape, len(self.data))


def indices(shape):
    """Every index of a shape, the last axis fastest."""
    at = [0] * len(shape)
    for _ in range(count(shape)):
        yield tuple(at)
        for d in reversed(range(len(shape))):
            at[d] += 1
            if at[d] < shape[d]:
                break
            at[d] = 0


def offset(shape, at):
    result = 0
    for extent, i in zip(shape, at):
        result = result * extent + i
    return result


def place(format, shape, at):
    """The index in a layout, of 16 by 16 blocks, of the element `at` of a tensor of `shape`."""
    if format == "FRACTAL_NZ":
        return (at[1] // 16, at[0] // 16, at[0] % 16, at[1] % 16)
    if format == "NC1HWC0":
        return (at[0], at[1] // 16, at[2], at[3], at[1] % 16)
    if format == "FRACTAL_Z":
        return (((at[1] // 16) * shape[2] + at[2]) * shape[3] + at[3], at[0] // 16, at[0] % 16, at[1] % 16)
    return at


def pack(format, shape, data, packed):
    """The elements of a tensor of `shape` in a layout of shape `packed`; what is beyond its end is zero."""
    if format == "ND":
        return list(data) + [0] * (count(packed) - len(data))
    result = [0] * count(packed)
    for i, at in enumerate(indices(shape)):
        result[offset(packed, place(format, shape, at))] = data[i]
    return result


def unpack(format, shape, data, packed):
    """The elements of a tensor of `shape` that lies in a layout of shape `packed`."""
    if format == "ND":
        return data[: count(shape)]
    return [data[offset(packed, place(format, shape, at))] for at in indices(shape)]
