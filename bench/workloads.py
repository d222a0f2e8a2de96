# SPDX-License-Identifier: Apache-2.0
"""What Snug and its peers are compared on: same model, batch, optimizer and learning rate on both sides."""
import dataclasses


@dataclasses.dataclass
class Workload:
    snug: str  # the name that `snug bench` knows it by
    model: str  # the peers' model (bench/peers/models.py)
    batch: int
    optimizer: str
    sample: tuple  # images [h, w, c], series [t, c], rows [c], texts [t]
    classes: int = 10  # 0: the sample itself is the target; of texts the tokens
    zoo: str = ""  # as `snug train --model` has it; empty: as `snug bench`
    rate: str = ""  # learning rate; empty: 0.001, with momentum 0.02
    gentle_rate: str = ""  # while losses are compared, where rounding would soon be seen
    small: str = ""  # of the same family, to compare losses with
    tokens: bool = False  # a text
    frozen: int = 0  # layers of Snug's list that stay; negative: all but the last
    peer: tuple = ()  # more arguments of the peers
    slow: bool = False  # runs only when it is named, or with --long

    def __post_init__(self):
        self.zoo = self.zoo or self.snug
        self.rate = self.rate or {"momentum": "0.02"}.get(self.optimizer, "0.001")


MNIST, CIFAR, VISION = (28, 28, 1), (32, 32, 3), (96, 96, 3)

WORKLOADS = {
    "mlp-1": Workload("mlp", "mlp", 1, "adam", MNIST),
    "mlp-16": Workload("mlp", "mlp", 16, "adam", MNIST),
    "mlp-64": Workload("mlp", "mlp", 64, "adam", MNIST),
    "lenet": Workload("lenet", "lenet", 64, "momentum", MNIST, rate="0.005"),
    "cnn": Workload("cnn", "cnn", 64, "adam", MNIST),
    "resnet8": Workload("resnet8", "resnet8", 32, "adam", CIFAR),
    "dscnn": Workload("dscnn", "dscnn", 32, "adam", (49, 10, 1), 12),
    "mobilenetv1-0.25": Workload("mobilenetv1-0.25", "mobilenetv1", 32, "momentum", VISION, 2,
                                 zoo="mobilenetv1:width=0.25", gentle_rate="2e-5"),
    "mobilenetv2": Workload("mobilenetv2", "mobilenetv2", 16, "momentum", VISION, gentle_rate="2e-5"),
    "mobilenetv2-head": Workload("mobilenetv2-head", "mobilenetv2", 16, "momentum", VISION, zoo="mobilenetv2",
                                 rate="0.0005", frozen=-2, peer=("--head",)),
    "resnet18": Workload("resnet18", "resnet18", 32, "momentum", CIFAR, gentle_rate="0.002"),
    "autoencoder": Workload("autoencoder", "autoencoder", 512, "adam", (640,), 0),
    "lstm": Workload("lstm", "lstm", 32, "adam", (64, 16)),
    "gpt": Workload("gpt", "gpt", 12, "adamw", (64,), 65, tokens=True),
    "gpt2-124M": Workload("gpt2", "gpt2", 4, "adamw", (64,), 50257, small="gpt2:layers=2", tokens=True, slow=True),
    "gpt2-124M-256": Workload("gpt2-256", "gpt2", 1, "adamw", (256,), 50257, small="gpt2:layers=2",
                              tokens=True, peer=("--context", "256"), slow=True),
}
