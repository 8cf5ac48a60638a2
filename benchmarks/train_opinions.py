"""Train the readers of opinions that Attune ships, from the public sets in ../shared/data.

    python -m benchmarks.train_opinions en|zh [FOLDER]

writes the weights into workers/engines/weights (or FOLDER); the card beside them says from what and
how good. An hour on two cores.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks import opinion_data as data
from workers.engines import opinions, opinions_zh
from workers.engines.opinions import Recipe

WEIGHTS = Path(__file__).resolve().parents[1] / "workers/engines/weights"


def told(step: int, of: int, measures: dict[str, float]) -> None:
    if step % 100 == 0:
        print(f"{step}/{of} loss {measures['loss']:.3f}", flush=True)


def english(folder: Path, recipe: Recipe | None = None) -> opinions.Opinions:
    """Two trainings from different seeds, whose weights are averaged (Wortsman et al. 2022): they
    begin at the same encoder, so the mean of both is a better reader than either."""
    recipe = recipe or Recipe(
        epochs=6, rate=3e-4, decay=0.85, average=0.998, most_tokens=128, tuned=5
    )
    found, other = (_trained(replace(recipe, seed=seed)) for seed in (1, 0))
    with torch.no_grad():
        theirs = dict(other.network.named_parameters())
        for name, parameter in found.network.named_parameters():
            parameter.lerp_(theirs[name], 0.5)
    calibrate(found)
    found.save(folder / "opinions-en")
    (folder / "opinions-en" / "held.json").write_text(f'{{"amazon_fold": {data.HELD}}}\n')
    return found


def _trained(recipe: Recipe) -> opinions.Opinions:
    with torch.autocast("cpu", torch.bfloat16):  # half the time where the CPU has it
        return opinions.train(data.english(), recipe=recipe, heard=told)


def calibrate(found: opinions.Opinions) -> None:
    """The temperature of the feeling, on the development set of SST-2: two classes, so the neutral
    one is left out of it."""
    rows = data.sst2("dev")
    read = found.read([t for t, _ in rows])
    chances = np.log(np.maximum(np.array([o.feeling for o in read])[:, [0, 2]], 1e-9))
    found.temperature = opinions.fit_temperature(chances, np.array([y for _, y in rows]))


def chinese(folder: Path) -> opinions_zh.ChineseOpinions:
    """From the four fifths of the split; a twentieth of those choose mix and temperature."""
    rows, train, _ = data.shopping()
    held = np.random.default_rng(0).permutation(train)[: len(train) // 20]
    kept = np.setdiff1d(train, held)
    labels = np.array([rows[i][1] for i in kept])
    found = opinions_zh.train([rows[i][0] for i in kept], labels, heard=told)
    texts, wanted = [rows[i][0] for i in held], np.array([rows[i][1] for i in held])
    linear = np.array([found.linear.score(t)[0] for t in texts])
    network = found.network_scores(texts)
    right = {
        mix: ((network + mix * linear > 0) == wanted).mean() for mix in (0.5, 1.0, 2.0, 3.0, 4.0)
    }
    found.mix = max(right, key=lambda mix: right[mix])
    score = network + found.mix * linear
    both = np.stack([np.zeros_like(score), score], 1)
    found.temperature = opinions.fit_temperature(both, wanted)
    print({mix: round(float(share), 4) for mix, share in right.items()}, found.temperature)
    found.save(folder / "opinions-zh")
    return found


if __name__ == "__main__":
    began = time.time()
    where = Path(sys.argv[2]) if len(sys.argv) > 2 else WEIGHTS
    {"en": english, "zh": chinese}[sys.argv[1]](where)
    print(f"{time.time() - began:.0f} s")
