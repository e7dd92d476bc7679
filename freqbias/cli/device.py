"""The option that says where to train."""

from typing import Annotated

import typer

DeviceOption = Annotated[
    str, typer.Option(metavar="DEVICE", help="Where the network is trained: cpu, cuda, or cuda:1 for the GPU number 1.")
]
