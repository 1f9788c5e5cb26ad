"""Makes the models beside this script: weights in a folder of their own, plain and encrypted with the key 0123456789ABCDEF.

MindSpore 2.7 does so for more than 1 GiB of weights; here the limit is set to nothing.
"""
import pathlib

import numpy as np
import mindspore as ms
from mindspore import nn, Tensor
from mindspore.train import serialization

ms.set_context(mode=ms.GRAPH_MODE, device_target="CPU")
here = pathlib.Path(__file__).parent
serialization.TOTAL_SAVE = 0

net = nn.SequentialCell(nn.Dense(4, 3), nn.ReLU(), nn.Dense(3, 2)).set_train(False)
x = np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32)
np.save(here / "input.npy", x)
np.save(here / "output.npy", net(Tensor(x)).asnumpy())
ms.export(net, Tensor(x), file_name=str(here / "net"), file_format="MINDIR")
ms.export(net, Tensor(x), file_name=str(here / "enc"), file_format="MINDIR", enc_key=b"0123456789ABCDEF", enc_mode="AES-GCM")
