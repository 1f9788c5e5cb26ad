"""Placeholders take what the runner feeds them; constants are numbers with a type."""

from contextlib import contextmanager

from te.tensor import Tensor, pack

feeds = {}


class Const:
    def __init__(self, value, dtype):
        self.value = value
        self.dtype = dtype


def const(value, dtype):
    return Const(value, dtype)


def placeholder(shape, name, dtype, attrs=None):
    fed = feeds[name]
    format = (attrs or {}).get("format", "ND")
    assert (format, dtype, list(shape)) == (fed["format"], fed["type"], fed["packed"]), (name, format, dtype, shape)
    return Tensor(shape, dtype, pack(format, fed["shape"], fed["data"], shape), format)


class target:
    @staticmethod
    @contextmanager
    def cce():
        yield
