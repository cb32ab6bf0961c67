"""Chapter 3's first pieces: clocks, sums, linear regression."""

from __future__ import annotations

import time

import numpy as np

from ...autograd.modes import no_grad
from ...tensor import matmul, normal
from ...utils import data


class Timer:
    """A clock that keeps its times: it runs from when it is made, or started again."""

    def __init__(self):
        self.times: list[float] = []
        self.start()

    def start(self) -> None:
        """Start again."""
        self.tik = time.time()

    def stop(self) -> float:
        """Keep the seconds since the start, and return them."""
        self.times.append(time.time() - self.tik)
        return self.times[-1]

    def avg(self) -> float:
        """The mean of the times."""
        return sum(self.times) / len(self.times)

    def sum(self) -> float:
        """All times together."""
        return sum(self.times)

    def cumsum(self) -> list[float]:
        """The running sums of the times."""
        return np.array(self.times).cumsum().tolist()


class Accumulator:
    """n running sums."""

    def __init__(self, n: int):
        self.data = [0.0] * n

    def add(self, *args) -> None:
        """Add a number to each sum."""
        self.data = [total + float(new) for total, new in zip(self.data, args)]

    def reset(self) -> None:
        """All sums to zero."""
        self.data = [0.0] * len(self.data)

    def __getitem__(self, index):
        return self.data[index]


def synthetic_data(w, b, num_examples: int):
    """Features (num_examples, len(w)) drawn from N(0, 1), and labels X w + b with noise of deviation 0.01, as a column."""
    X = normal(0, 1, (num_examples, len(w)))
    y = matmul(X, w) + b
    y += normal(0, 0.01, y.shape)
    return X, y.reshape((-1, 1))


def linreg(X, w, b):
    """The linear model X w + b."""
    return matmul(X, w) + b


def squared_loss(y_hat, y):
    """Half the squared differences, element by element."""
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def sgd(params, lr: float, batch_size: int) -> None:
    """A step of stochastic gradient descent on a batch's summed loss; gradients are zero after it."""
    with no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def load_array(data_arrays, batch_size: int, is_train: bool = True):
    """A loader of batches of tensors, shuffled for training."""
    return data.DataLoader(data.TensorDataset(*data_arrays), batch_size, shuffle=is_train)
