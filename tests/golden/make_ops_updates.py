# SPDX-License-Identifier: Apache-2.0
"""Makes ops_updates.safetensors: LAMB written out, Adafactor by PyTorch. See golden.py."""
import torch

from golden import add, normal, save

LR = 0.125


def lamb(words, shape, **attrs):
    beta1, beta2, epsilon = attrs.get("beta1", 0.9), attrs.get("beta2", 0.999), attrs.get("epsilon", 1e-6)
    w, g, m, v = normal(*shape), normal(*shape), normal(*shape), normal(*shape).abs()
    hyper = torch.tensor([LR, 1 - beta1**2, 1 - beta2**2, 0], dtype=torch.float32).double()
    m2 = beta1 * m + (1 - beta1) * g
    v2 = beta2 * v + (1 - beta2) * g * g
    u = m2 / hyper[1] / ((v2 / hyper[2]).sqrt() + epsilon) + attrs.get("weight_decay", 0) * w
    trust = w.norm() / u.norm() if w.norm() > 0 and u.norm() > 0 else 1.0
    add(f"lamb_update:{words}", [w, g, m, v, hyper], [w - LR * trust * u, m2, v2], "00000", **attrs)


def adafactor(words, shape, **attrs):
    """The second step of two."""
    w = torch.nn.Parameter(normal(*shape))
    optimizer = torch.optim.Adafactor([w], lr=LR, eps=(None, 1e-3), weight_decay=attrs.get("weight_decay", 0),
                                      d=attrs.get("clip_rms", 1.0))
    w.grad = normal(*shape)
    optimizer.step()
    with torch.no_grad():
        w.copy_(w.float().double())
    state = optimizer.state[w]
    names = ["row_var", "col_var"] if len(shape) > 1 else ["variance"]
    for n in names:
        state[n].copy_(state[n].float().double())
    w.grad = normal(*shape)

    def moments():
        found = [state[n].detach().clone().reshape(-1) for n in names]
        return found if len(shape) > 1 else [found[0], found[0].mean().reshape(1)]

    before = [w.detach().clone(), w.grad.clone(), *moments()]
    hyper = torch.tensor([LR, 1, 1, 2.0**-0.8], dtype=torch.float64)
    optimizer.step()
    # PyTorch's least root is that of double here
    add(f"adafactor_update:{words}", before + [hyper], [w, *moments()], "00000", **attrs)


def average(words, decay, shape):
    """Exponential moving average of weights, as torch.optim.swa_utils has it."""
    kept, w = normal(*shape), normal(*shape)
    mean = torch.nn.Parameter(kept.clone())
    torch.optim.swa_utils.get_ema_multi_avg_fn(decay)([mean], [w], None)
    add(f"average_update:{words}", [kept, w, torch.tensor(1 - decay, dtype=torch.float64)], [mean], "000")


lamb("plain", (9, 5))
lamb("decay", (9, 5), weight_decay=0.1, beta1=0.8, beta2=0.99)
lamb("vector", (13,))
adafactor("matrix", (9, 5))
adafactor("decay", (9, 5), weight_decay=0.1)
adafactor("vector", (13,))
average("slow", 0.984375, (9, 5))
average("fast", 0.25, (13,))
save(__file__)
