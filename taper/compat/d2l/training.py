"""The training loops of chapters 3 and 6, and what measures a model."""

from __future__ import annotations

from ... import cuda, nn
from ...autograd.modes import no_grad
from ...backends.device import device as Device
from ...optim import SGD, Optimizer
from .basics import Accumulator, Timer
from .images import get_fashion_mnist_labels, show_images
from .pictures import Animator


def accuracy(y_hat, y) -> float:
    """How many predictions are right; y_hat holds classes, or a score for each class."""
    if len(y_hat.shape) > 1 and y_hat.shape[1] > 1:
        y_hat = y_hat.argmax(axis=1)
    return float((y_hat.type(y.dtype) == y).type(y.dtype).sum())


def evaluate_accuracy(net, data_iter) -> float:
    """The share of right predictions over a loader."""
    if isinstance(net, nn.Module):
        net.eval()
    metric = Accumulator(2)
    with no_grad():
        for X, y in data_iter:
            metric.add(accuracy(net(X), y), y.numel())
    return metric[0] / metric[1]


def evaluate_accuracy_gpu(net, data_iter, device=None) -> float:
    """The share of right predictions over a loader, on a device, by default the one of the model's parameters."""
    if isinstance(net, nn.Module):
        net.eval()
        device = device or next(iter(net.parameters())).device
    metric = Accumulator(2)
    with no_grad():
        for X, y in data_iter:
            X = [x.to(device) for x in X] if isinstance(X, list) else X.to(device)
            y = y.to(device)
            metric.add(accuracy(net(X), y), y.numel())
    return metric[0] / metric[1]


def evaluate_loss(net, data_iter, loss) -> float:
    """The mean loss over a loader; `loss` gives one number for each example."""
    metric = Accumulator(2)
    for X, y in data_iter:
        out = net(X)
        l = loss(out, y.reshape(out.shape))
        metric.add(l.sum(), l.numel())
    return metric[0] / metric[1]


def train_epoch_ch3(net, train_iter, loss, updater) -> tuple[float, float]:
    """One pass over the training set: its mean loss and accuracy. updater: an optimizer, or a function of the batch size."""
    if isinstance(net, nn.Module):
        net.train()
    metric = Accumulator(3)
    for X, y in train_iter:
        y_hat = net(X)
        l = loss(y_hat, y)
        if isinstance(updater, Optimizer):
            updater.zero_grad()
            l.mean().backward()
            updater.step()
        else:
            l.sum().backward()
            updater(X.shape[0])
        metric.add(float(l.detach().sum()), accuracy(y_hat, y), y.numel())
    return metric[0] / metric[2], metric[1] / metric[2]


def train_ch3(net, train_iter, test_iter, loss, num_epochs: int, updater) -> None:
    """Train, with growing curves. AssertionError if the result is not what the book's models reach on all of Fashion-MNIST."""
    animator = Animator(
        xlabel="epoch", xlim=[1, num_epochs], ylim=[0.3, 0.9], legend=["train loss", "train acc", "test acc"]
    )
    train_loss = train_acc = test_acc = float("nan")
    for epoch in range(num_epochs):
        train_loss, train_acc = train_epoch_ch3(net, train_iter, loss, updater)
        test_acc = evaluate_accuracy(net, test_iter)
        animator.add(epoch + 1, (train_loss, train_acc, test_acc))
    assert train_loss < 0.5, train_loss
    assert 0.7 < train_acc <= 1, train_acc
    assert 0.7 < test_acc <= 1, test_acc


def predict_ch3(net, test_iter, n: int = 6) -> None:
    """Show n test images with their true and predicted labels."""
    X, y = next(iter(test_iter))
    trues, preds = get_fashion_mnist_labels(y), get_fashion_mnist_labels(net(X).argmax(axis=1))
    titles = [true + "\n" + pred for true, pred in zip(trues, preds)]
    show_images(X[0:n].reshape((n, 28, 28)), 1, n, titles=titles[0:n])


def _first_weights(layer) -> None:
    if type(layer) in (nn.Linear, nn.Conv2d):
        nn.init.xavier_uniform_(layer.weight)


def train_ch6(net, train_iter, test_iter, num_epochs: int, lr: float, device) -> None:
    """Train a network on a device from Xavier's first weights, with growing curves; print how it did and how fast."""
    net.apply(_first_weights)
    print("training on", device)
    net.to(device)
    optimizer = SGD(net.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()
    animator = Animator(xlabel="epoch", xlim=[1, num_epochs], legend=["train loss", "train acc", "test acc"])
    timer, num_batches = Timer(), len(train_iter)
    train_loss = train_acc = test_acc = float("nan")
    metric = Accumulator(3)
    for epoch in range(num_epochs):
        metric.reset()
        net.train()
        for i, (X, y) in enumerate(train_iter):
            timer.start()
            optimizer.zero_grad()
            X, y = X.to(device), y.to(device)
            y_hat = net(X)
            l = loss(y_hat, y)
            l.backward()
            optimizer.step()
            metric.add(l.detach() * X.shape[0], accuracy(y_hat, y), X.shape[0])
            timer.stop()
            train_loss, train_acc = metric[0] / metric[2], metric[1] / metric[2]
            if (i + 1) % max(num_batches // 5, 1) == 0 or i == num_batches - 1:
                animator.add(epoch + (i + 1) / num_batches, (train_loss, train_acc, None))
        test_acc = evaluate_accuracy_gpu(net, test_iter)
        animator.add(epoch + 1, (None, None, test_acc))
    print(f"loss {train_loss:.3f}, train acc {train_acc:.3f}, test acc {test_acc:.3f}")
    print(f"{metric[2] * num_epochs / timer.sum():.1f} examples/sec on {device}")


def try_gpu(i: int = 0) -> Device:
    """The device cuda:i if there is one, else the CPU."""
    return Device(f"cuda:{i}") if cuda.device_count() >= i + 1 else Device("cpu")


def try_all_gpus() -> list[Device]:
    """All GPUs, or the CPU if there are none."""
    return [Device(f"cuda:{i}") for i in range(cuda.device_count())] or [Device("cpu")]
