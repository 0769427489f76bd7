"""The command line: parse, call the library, print. Nothing heavy is imported before a command needs it."""

import click

from kerasface import __version__
from kerasface.cli.app import app
from kerasface.cli.embedders.commands import embedders
from kerasface.cli.embedders.measuring import calibrate, compare
from kerasface.cli.evaluation.commands import evaluate
from kerasface.cli.evaluation.pairs import verification
from kerasface.cli.evaluation.people import identification, population
from kerasface.cli.gallery import cluster, enroll
from kerasface.cli.identify import identify
from kerasface.cli.inspection.activations import activations
from kerasface.cli.inspection.attribution import attribution, match
from kerasface.cli.inspection.channel import channel
from kerasface.cli.inspection.commands import inspect
from kerasface.cli.inspection.map import map_command
from kerasface.cli.models import doctor, export, models, sample
from kerasface.cli.password import password
from kerasface.cli.people.commands import people
from kerasface.cli.people.edits import delete, merge, split, unmerge
from kerasface.cli.people.files import export_people, import_people
from kerasface.cli.people.photos import photos as photos_of_person
from kerasface.cli.people.reembedding import reembed
from kerasface.cli.people.thumbnails import thumbnails
from kerasface.cli.photos import detect, embed, verify
from kerasface.cli.prediction import predict
from kerasface.cli.runs import edits as edits_of_runs
from kerasface.cli.runs.commands import runs
from kerasface.cli.runs.comparing import compare as compare_runs
from kerasface.cli.segment import segment
from kerasface.cli.serve import keys, serve
from kerasface.cli.unlock import unlock
from kerasface.train.__main__ import Program, train

_EPILOG = (
    "Exit codes: 0 done, 1 refused or some files unusable, 2 called wrongly, 70 a fault of KerasFace, 130 Ctrl-C. "
    "KERASFACE_DEBUG=1 shows the traceback behind an error."
)
# Options of version 0.1 and what they are called now; both are understood.
_OLD_WORDS = {"maximise": "maximize", "beside": "compare"}
_SETTINGS = {"help_option_names": ["-h", "--help"], "token_normalize_func": lambda word: _OLD_WORDS.get(word, word)}


@click.group(cls=Program, context_settings=_SETTINGS, epilog=_EPILOG)
@click.version_option(__version__, prog_name="kerasface")
def main() -> None:
    """Train, verify, recognise and explain faces on your own machine."""


_COMMANDS = (
    *(verify, detect, embed, predict, segment),
    *(enroll, identify, people, cluster, unlock),
    *(train, runs, evaluate, embedders, export, sample, models, inspect, app, serve, keys, doctor, password),
)
for command in _COMMANDS:
    main.add_command(command)
for command in (photos_of_person, merge, unmerge, split, delete, export_people, import_people, reembed, thumbnails):
    people.add_command(command)
for command in (compare_runs, edits_of_runs.rename, edits_of_runs.delete):
    runs.add_command(command)
for command in (calibrate, compare):
    embedders.add_command(command)
for command in (verification, identification, population):
    evaluate.add_command(command)
for command in (attribution, match, activations, channel, map_command):
    inspect.add_command(command)
