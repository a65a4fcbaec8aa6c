"""Recipes that hand the network to another runtime's converter, where that is installed."""

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

from orchestrator.variants.recipe import Made, RecipeRefused

TIME_LIMIT_S: Final = 1800.0


def to_ncnn(parent: Path, folder: Path) -> Made:
    """A .param and a .bin file by pnnx; ncnn has no batch, so inputs lose their first axis."""
    _convert("pnnx", folder, [_tool("pnnx", "'pifarm[torch]'"), str(shutil.copy(parent, folder / parent.name))])
    made = folder / f"{parent.stem.replace('-', '_')}.ncnn.param"
    param = made if made.exists() else next(folder.glob("*.ncnn.param"), None)
    if param is None or not param.with_suffix(".bin").exists():
        raise RecipeRefused("ncnn: pnnx ended without an .ncnn.param file; it does not know an operator of the network")
    return Made(main=param, tools={"pnnx": metadata.version("pnnx")}, notes=("weights are stored in half precision",))


def to_litert(parent: Path, folder: Path) -> Made:
    """A .tflite file in single precision by onnx2tf; inputs become channels-last."""
    command = [_tool("onnx2tf", "onnx2tf"), "-i", str(parent), "-o", str(folder / "out"), "--non_verbose"]
    _convert("onnx2tf", folder, command)
    made = next((folder / "out").glob("*_float32.tflite"), None)
    if made is None:
        raise RecipeRefused("litert: onnx2tf ended without a _float32.tflite file")
    return Made(main=made, tools={"onnx2tf": metadata.version("onnx2tf")}, notes=("its layout is channels-last",))


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


def _tool(name: str, package: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        raise RecipeRefused(f"its converter {name} is not installed; run: pip install {package}")
    return found


def _convert(name: str, folder: Path, command: list[str]) -> None:
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT_S, check=False
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise RecipeRefused(f"{name} ended with exit code {done.returncode}: {' '.join(words[-3:])[-400:]}")
