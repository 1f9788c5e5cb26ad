from te.tensor import Tensor


def auto_schedule(results):
    for r in results if isinstance(results, list) else [results]:
        assert isinstance(r, Tensor)
    return object()
