"""A first study for a farm that has none: a small classifier in two variants, measured where the farm is."""

import streamlit as st

from dashboard import actions, data
from dashboard.doing import asks_for
from dashboard.plain_text import as_plain
from orchestrator import protocols
from orchestrator.catalog import NewBuild
from orchestrator.demo import MODEL_NAME, demo_variants
from orchestrator.errors import PifarmError
from orchestrator.studies import Submission

HERE = "this-host"
VARIANTS = ("onnx", "int8")  # two are a comparison, and soon measured


def offer_first_study(*, has_devices: bool) -> None:
    """The offer, and what follows where it is taken."""
    where = "on the devices of this farm" if has_devices else "on this machine"
    if not asks_for(f"Measure a small classifier {where}", key="first-study", icon=":material/rocket_launch:"):
        return
    with st.status("Preparing", expanded=True) as status:
        try:
            study = _queue(has_devices=has_devices)
        except PifarmError as error:
            status.update(label="Not queued", state="error")
            st.error(as_plain(error), icon=":material/error:")
            return
    st.switch_page("views/studies.py", query_params={"study": str(study)})


def _queue(*, has_devices: bool) -> int:
    builds = [
        NewBuild(
            path=variant.path,
            label=variant.label,
            metrics={"accuracy": variant.accuracy},
            is_baseline=variant.is_baseline,
        )
        for variant in demo_variants()
        if variant.label in VARIANTS
    ]
    actions.add_model(MODEL_NAME, builds)
    if not has_devices:
        actions.add_this_machine(HERE, _tell)
    preset = protocols.preset("demo")
    submission = Submission(
        model=MODEL_NAME,
        protocol=preset.protocol,
        blocks=preset.blocks,
        bundle_hash=data.bundle_hash(),
        variants=VARIANTS,
    )
    return actions.submit_study(submission)


def _tell(step: str, detail: str) -> None:
    st.markdown(as_plain(f"{step}: {detail}" if detail else step))
