"""Trains a small convolutional net on scikit-learn's bundled digits (8x8 grey images) and saves it for Sinter.

Run with Python 3.11, mindspore==2.7.0, scikit-learn and numpy: `python examples/digits/train.py`.
Writes, beside this file, digits.mindir, digits.ckpt, digits.onnx, and of a dozen test images images.npy f32[12,1,8,8],
labels.npy i64[12] and logits.npy f32[12,10], the outputs that MindSpore computes for them.
"""

import os
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 20
SAMPLES = 12
HERE = Path(__file__).resolve().parent


class DigitsNet(nn.Cell):
    """Two convolutions, each with batch normalisation, and a dense layer: f32[n,1,8,8] to logits f32[n,10]."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, pad_mode="pad", padding=1)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, pad_mode="pad", padding=1)
        self.norm2 = nn.BatchNorm2d(32)
        self.pool = nn.MaxPool2d(2, 2)
        self.relu = nn.ReLU()
        self.flatten = nn.Flatten()
        self.dense = nn.Dense(32 * 2 * 2, 10)

    def construct(self, x):
        x = self.pool(self.relu(self.norm1(self.conv1(x))))
        x = self.pool(self.relu(self.norm2(self.conv2(x))))
        return self.dense(self.flatten(x))


def split_digits():
    """Images scaled to 0..1, as (train images, test images, train labels, test labels)."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[:, None]
    return train_test_split(images, digits.target.astype(np.int32), test_size=0.2, random_state=SEED, stratify=digits.target)


def train(net, images, labels, epochs=12, batch=32):
    loss = nn.CrossEntropyLoss()
    optimizer = nn.Adam(net.trainable_params(), learning_rate=2e-3)
    step = ms.value_and_grad(lambda x, y: loss(net(x), y), None, optimizer.parameters)
    order = np.random.default_rng(SEED)
    net.set_train(True)
    for epoch in range(epochs):
        total = 0.0
        for rows in np.array_split(order.permutation(len(images)), len(images) // batch):
            value, gradients = step(ms.Tensor(images[rows]), ms.Tensor(labels[rows]))
            optimizer(gradients)
            total += float(value) * len(rows)
        print(f"epoch {epoch + 1}: loss {total / len(images):.4f}")
    net.set_train(False)


def choose_samples(labels):
    """Rows of the test set: each digit once, then the first ones not taken yet."""
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(10)]
    rest = [row for row in range(len(labels)) if row not in first]
    return sorted(first + rest[: SAMPLES - len(first)])


def main():
    ms.set_seed(SEED)
    np.random.seed(SEED)
    ms.set_device("CPU")
    train_images, test_images, train_labels, test_labels = split_digits()
    net = DigitsNet()
    train(net, train_images, train_labels)
    right = np.argmax(net(ms.Tensor(test_images)).asnumpy(), axis=1) == test_labels
    print(f"test: {right.sum()} of {len(right)} right")

    rows = choose_samples(test_labels)
    images = np.ascontiguousarray(test_images[rows])
    np.save(HERE / "images.npy", images)
    np.save(HERE / "labels.npy", test_labels[rows].astype(np.int64))
    np.save(HERE / "logits.npy", net(ms.Tensor(images)).asnumpy())

    ms.save_checkpoint(net, str(HERE / "digits.ckpt"))
    any_batch = ms.Tensor(shape=[None, 1, 8, 8], dtype=ms.float32)
    ms.export(net, any_batch, file_name=str(HERE / "digits"), file_format="MINDIR")
    ms.export(net, ms.Tensor(images), file_name=str(HERE / "digits"), file_format="ONNX")
    for name in ("digits.mindir", "digits.ckpt", "digits.onnx"):
        os.chmod(HERE / name, 0o644)


if __name__ == "__main__":
    main()
