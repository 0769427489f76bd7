"""The page Runs: sweeps that are not at their end, with how far each has come."""

import streamlit as st

from kerasface.runs.store import DEFAULT_ROOT, RunError
from kerasface.terminal.errors import told
from kerasface.train.process.background import find_training
from kerasface.train.process.claim import training_process
from kerasface.train.process.folders import resume_command
from kerasface.train.sweep import Sweep, SweptRun, is_done, read_sweep, sweep_names, values_text
from pages.parts.photos import plain
from pages.parts.tables import show_table


def show_sweeps():
    """A line for each sweep that goes on or was left off, its trainings behind it."""
    for name in sweep_names(DEFAULT_ROOT):
        try:
            sweep = read_sweep(DEFAULT_ROOT, name)
            states = {run.name: _state(sweep, run) for run in sweep.runs}
        except RunError as error:
            st.warning(plain(told(error)), icon=":material/warning:")
            continue
        done = sum(state == "done" for state in states.values())
        if done < len(states):
            _show(sweep, states, done)


def _show(sweep: Sweep, states: dict[str, str], done: int):
    process = training_process(DEFAULT_ROOT, sweep.name)
    goes_on = "left off" if process is None else "running"
    label = f"Sweep {plain(sweep.name)}, {goes_on}: {done} of {len(states)} trainings are done"
    with st.expander(label, icon=":material/queue:"):
        show_table(
            [
                {"training": run.name, "settings": values_text(run.values), "state": states[run.name]}
                for run in sweep.runs
            ],
            f"The trainings of the sweep {sweep.name}",
        )
        if process is None:
            st.markdown("Go on with it in a terminal; nothing is trained twice:")
            st.code(resume_command(DEFAULT_ROOT, sweep.name, sweep.kind), language=None, wrap_lines=True)
        else:
            st.page_link("pages/train.py", label="Follow it in Train", icon=":material/model_training:")


def _state(sweep: Sweep, run: SweptRun) -> str:
    if is_done(sweep, run, DEFAULT_ROOT):
        return "done"
    there = find_training(run.name)
    return "waiting" if there is None else "left off" if not there.alive else there.state
