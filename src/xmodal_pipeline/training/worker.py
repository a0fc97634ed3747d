"""What torchrun starts, once per device: `python -m xmodal_pipeline.training.worker FOLDER`."""

import logging
import os
import sys
import threading
from pathlib import Path

from xmodal_pipeline.training.order import Order
from xmodal_pipeline.training.process import train


def main(folder: Path) -> None:
    """Take part in the training that an order describes, as the process that torchrun says this is."""
    threading.Thread(target=_end_with_the_launcher, daemon=True).start()
    rank = int(os.environ["RANK"])
    logging.basicConfig(level=logging.INFO if rank == 0 else logging.ERROR, format="%(message)s")
    # Said once, by the process that waits for this one.
    logging.getLogger("xmodal_pipeline.training.batches").setLevel(logging.ERROR)
    order = Order.read(folder)
    train(
        order.config,
        order.prepared(),
        order.state,
        order.identity,
        save_every_s=order.save_every_s,
        process=rank,
    )


def _end_with_the_launcher() -> None:
    """Wait until the pipe from the launching process closes: nobody is left who wants the result."""
    # Not through sys.stdin, whose lock this thread would still hold when the process ends.
    os.read(sys.stdin.fileno(), 1)
    # At once, also from within a collective that waits for another process. States are written whole.
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
