"""Recipes that hand the network to another runtime's converter, where that is installed: beside pifarm, or on the PATH
in an environment of its own.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from orchestrator.variants.graphs import in_one_file
from orchestrator.variants.recipe import UNABLE, Made, RecipeRefused

TIME_LIMIT_S: Final = 1800.0


def to_ncnn(parent: Path, folder: Path) -> Made:
    """A .param and a .bin file by pnnx; ncnn has no batch, so inputs lose their first axis."""
    tool = _tool("pnnx", "pip install 'pifarm[torch]'")
    own = folder / parent.name  # pnnx writes beside its input, and reads weights from one file only
    if in_one_file(parent, own) == parent:
        shutil.copy(parent, own)
    _convert("pnnx", folder, [tool, str(own)])
    made = folder / f"{parent.stem.replace('-', '_')}.ncnn.param"
    param = made if made.exists() else next(folder.glob("*.ncnn.param"), None)
    if param is None or not param.with_suffix(".bin").exists():
        why = "it does not know an operator of the network"
        raise RecipeRefused(f"ncnn: pnnx ended without an .ncnn.param file; {why}; {UNABLE}")
    return Made(main=param, tools={"pnnx": _version("pnnx", tool)}, notes=("weights are stored in half precision",))


def to_litert(parent: Path, folder: Path) -> Made:
    """A .tflite file in single precision by onnx2tf; images become channels-last."""
    tool = _tool("onnx2tf", "pipx install onnx2tf (it wants versions of packages that pifarm does not have)")
    _convert("onnx2tf", folder, [tool, "-i", str(parent), "-o", str(folder / "out"), "--non_verbose"])
    made = next((folder / "out").glob("*_float32.tflite"), None)
    if made is None:
        raise RecipeRefused(f"litert: onnx2tf ended without a _float32.tflite file; {UNABLE}")
    return Made(main=made, tools={"onnx2tf": _version("onnx2tf", tool)}, notes=("its layout is channels-last",))


def to_openvino(parent: Path, folder: Path) -> Made:
    """An .xml and a .bin file, weights in single precision."""
    try:
        import openvino
    except ImportError as error:
        raise RecipeRefused("openvino: it is not installed; run: pip install 'pifarm[runtimes]'") from error
    main = folder / f"{parent.stem}.xml"
    model = openvino.Core().read_model(str(parent))  # convert_model would send usage data
    openvino.save_model(model, str(main), compress_to_fp16=False)
    return Made(main=main, tools={"openvino": str(openvino.__version__)})


def _tool(name: str, remedy: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise RecipeRefused(f"its converter {name} is not installed; run: {remedy}")
    return found


def _version(package: str, tool: str) -> str:
    """What the Python of the tool's own environment says of its package."""
    python = Path(tool).resolve().with_name("python")
    ask = [str(python), "-I", "-c", "import sys; from importlib import metadata; print(metadata.version(sys.argv[1]))"]
    try:
        done = subprocess.run([*ask, package], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _convert(name: str, folder: Path, command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT_S, check=False
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        told = " ".join(words[-3:])[-400:]
        raise RecipeRefused(f"{name} ended with exit code {done.returncode}: {told}; {UNABLE}")
