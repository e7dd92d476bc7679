"""Command lines that say nothing, or the wrong thing."""

from bad_spectra import good
from case import SOLVE, Case, folder, problem

FILES = {"problem.toml": problem(), "s.nc": good, "taken": "mine", "place": folder, "device.nc": folder}


def option(message, *words: str, **options) -> Case:
    return Case(f"option {' '.join(words)[:80]}", message, FILES, words, **options)


def change(text: str, *message: str) -> Case:
    return option(message, *SOLVE, "--set", text)


CASES = [
    option(("No such command 'slove'", "solve"), "slove"),
    option(("--bogus",), "--bogus"),
    option(("\\udce9.toml", "UTF-8"), "solve", "\udce9.toml", "--out", "out/s.nc", ranks=True),
    option(("out\\udce9.nc", "UTF-8"), "solve", "problem.toml", "--out", "out\udce9.nc"),
    option(("PROBLEM.toml",), "solve"),
    option(("--out",), "solve", "problem.toml"),
    option(("--out",), "solve", "problem.toml", "--out"),
    option(("--bogus",), *SOLVE, "--bogus", ranks=True),
    option(("--ou",), "solve", "problem.toml", "--ou", "out"),
    option(("other.toml",), "solve", "problem.toml", "other.toml", "--out", "out"),
    option(("--set",), *SOLVE, "--set"),
    option(("is a folder",), "solve", "", "--out", "out"),
    option(("--checkpoint-every", "valid number"), *SOLVE, "--checkpoint-every", "soon"),
    option(("--checkpoint-every", "greater than or equal to 0"), *SOLVE, "--checkpoint-every", "-1"),
    option(("--checkpoint-every", "greater than or equal to 0"), *SOLVE, "--checkpoint-every", "nan"),
    option(("--memory", "much"), *SOLVE, "--memory", "much", ranks=True),
    option(("--memory", "0"), *SOLVE, "--memory", "0"),
    option(("--memory", "-1GiB"), *SOLVE, "--memory", "-1GiB"),
    option(("--memory", "8Gib8"), *SOLVE, "--memory", "8Gib8"),
    option(("1 bytes are free",), *SOLVE, "--memory", "1B"),
    option(("--memory", "nan"), *SOLVE, "--memory", "nan"),
    option(("--budget", "soon"), "run", "problem.toml", "--out", "out", "--budget", "soon"),
    option(("--budget", "-5"), "run", "problem.toml", "--out", "out", "--budget", "-5"),
    option(("--budget", "inf"), "run", "problem.toml", "--out", "out", "--budget", "inf"),
    option(("--style", "loud"), "run", "problem.toml", "--out", "out", "--style", "loud"),
    option(("--style", "loud"), "study", "problem.toml", "--out", "out", "--style", "loud"),
    option(("--fail-above", "speed"), "run", "problem.toml", "--out", "out", "--fail-above", "speed=1"),
    option(("--fail-above", "at least 0"), "run", "problem.toml", "--out", "out", "--fail-above", "network_vs_pde=nan"),
    option(("--fail-above", "at least 0"), "run", "problem.toml", "--out", "out", "--fail-above", "network_vs_pde=-1"),
    option(("--fail-above",), "run", "problem.toml", "--out", "out", "--fail-above", "network_vs_pde"),
    option(("--device", "quantum"), "train", "problem.toml", "--out", "out/n.nc", "--device", "quantum"),
    option(("--device", "cuda:99"), "train", "problem.toml", "--out", "out/n.nc", "--device", "cuda:99"),
    option(("--device", "quantum"), "run", "problem.toml", "--out", "out", "--device", "quantum"),
    option(("--jobs",), "study", "problem.toml", "--out", "out", "--vary", "network.width=200,400", "--jobs", "-3"),
    option(("--jobs",), "study", "problem.toml", "--out", "out", "--vary", "network.width=200,400", "--jobs", "many"),
    option(("--vary",), "study", "problem.toml", "--out", "out", "--vary", "=1,2"),
    option(("--vary",), "study", "problem.toml", "--out", "out", "--vary", ""),
    option(("network.width", "400"), "study", "problem.toml", "--out", "out", "--vary", "network.width=400,400"),
    option(("nothing is varied",), "study", "problem.toml", "--out", "out"),
    option(("--out", "--picture"), "export", "s.nc"),
    option((".vtkhdf",), "export", "s.nc", "--out", "out/s.vtu"),
    option(("s.exe",), "export", "s.nc", "--picture", "out/s.exe"),
    option(("--time", "picture"), "export", "s.nc", "--out", "out/s.vtkhdf", "--time", "3"),
    option(("time 1e+99",), "export", "s.nc", "--picture", "out/s.png", "--time", "1e99"),
    option(("time -1",), "export", "s.nc", "--picture", "out/s.png", "--time", "-1"),
    option(("time nan",), "export", "s.nc", "--picture", "out/s.png", "--time", "nan"),
    option(("--time", "valid number"), "export", "s.nc", "--picture", "out/s.png", "--time", "noon"),
    option(("--picture", "problem file"), "mesh", "s.nc", "--picture", "p.png"),
    option(("p.exe",), "mesh", "problem.toml", "--picture", "p.exe"),
    option(("m.exe",), "mesh", "problem.toml", "--convert", "m.exe"),
    # Places where nothing can be written
    *(
        option((where, why), command, "problem.toml", "--out", place, ranks=command == "solve" and place == "place")
        for command in ("solve", "kernel", "train")
        for place, where, why in (
            ("place", "place", "is a folder"),
            ("taken/x.nc", "taken/x.nc", "is no folder"),
            ("/proc/x.nc", "/proc/x.nc", "cannot be written"),
        )
    ),
    option(("taken",), "run", "problem.toml", "--out", "taken"),
    option(("taken/out",), "run", "problem.toml", "--out", "taken/out"),
    option(("taken",), "study", "problem.toml", "--out", "taken", "--vary", "network.width=200,400"),
    option(("taken", "no folder"), "compare", "s.nc", "s.nc", "--out", "taken"),
    option(("place.vtkhdf", "is a folder"), "export", "s.nc", "--out", "place.vtkhdf"),
    option(("place", "is a folder"), "mesh", "problem.toml", "--convert", "place.vtu"),
    option(("taken/s.png",), "export", "s.nc", "--picture", "taken/s.png"),
    option(("a" * 40, "too long"), "solve", "problem.toml", "--out", "a" * 300),
    option(("null",), "solve", "problem.toml", "--out", "a\0b"),
    # Changes
    change("network.width", "--set network.width", "KEY=VALUE"),
    change("=3", "--set =3", "KEY=VALUE"),
    change("", "--set", "KEY=VALUE"),
    change("network.widht=3", "network.widht: unknown key", "did you mean width?"),
    change("network.width=", "network.width = ''"),
    change("network.width=a b", "network.width = 'a b'"),
    change("network..width=3", "network.: unknown key"),
    change(".=3", "unknown key"),
    change("network.width.x=3", "width is not a table"),
    change("network=3", "network"),
    change("network.width=[[[[[[", "network.width = '[[[[[['"),
    change("network.width=" + "[" * 50_000, "network.width"),
    change("a." * 5_000 + "a=1", "unknown key"),
    change("network.width=" + "9" * 5_000, "network.width"),
    change("network.width=400\nnetwork.widht=3", "network.width"),
    change("network.width=nan", "network.width = nan"),
    change("network.width=1e400", "network.width = inf"),
    change("training.seeds=99999999999999999999", "training.seeds"),
]
FILES["place.vtkhdf"] = FILES["place.vtu"] = folder
