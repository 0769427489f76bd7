"""Where the modules of version 0.1 are now. An import of an old one says so; this goes with version 0.3."""

# The room, and what came into it: by its old name, and its name there where that is another one.
_ROOMS = """
tasks: verify=verification identify=identification recognise=recognition segment=segmentation enroll=enrollment
    importing likeness cluster=clustering export
reports: error_report=error_rates plotting.document population.report=population
terminal: words errors streams
files: locks replacement
images: image_headers=headers image_values=values
losses: segmentation_losses=pixels
train.process: train.background train.processes train.claim train.following train.folders
train.engine: train.loop train.session train.optimizers train.schedules train.find_lr train.frozen train.snapshots
    train.stopping
train.classification: train.classify=training train.defaults train.prepare=data train.stages train.judging
    train.card train.records train.report
train.metric_learning: train.metric=training train.metric_recipe=recipe train.metric_data=data
    train.metric_stages=stages train.metric_judging=judging train.metric_card=card train.metric_report=report
    train.metric_head=head train.metric_watch=watch
train.segmentation: train.segment=training train.segment_recipe=recipe train.segment_data=data
    train.segment_stages=stages train.segment_card=card train.segment_report=report
inspection.layers: inspection.activations inspection.filters inspection.maximisation=maximization inspection.depth
    inspection.top_crops inspection.mosaics
inspection.attribution: inspection.activation_maps inspection.gradients inspection.perturbation
    inspection.faithfulness inspection.sanity inspection.relus inspection.match inspection.overlays
    inspection.regions inspection.targets inspection.watched
inspection.cost: inspection.arithmetic inspection.calculators inspection.comparison inspection.multiply_adds
    inspection.receptive_field inspection.worked
inspection.maps: inspection.embedding_map inspection.map_sources=sources inspection.label_errors
inspection.teaching: inspection.basics inspection.kernel_places inspection.dropped_maps
    inspection.factorised=factorized
data.cache: data.store data.image_cache=images data.features data.crops data.embeddings
data.masks: data.mask_augmentation=augmentation data.mask_batches=batches data.mask_cache=cache
tasks.measuring: data.trials=identities data.mask_trials=masks data.class_trials=classes
evaluation: evaluation.labelled_pairs=labeled_pairs
gallery: gallery.matching=search
gallery.changes: gallery.editing gallery.merging gallery.reembedding gallery.transfer gallery.unlocking
gallery.sealing: gallery.integrity
gallery.sqlite: gallery.schema
faces.rates: faces.operating_points faces.classifier_points faces.cohorts
"""


def new_place(name: str) -> str | None:
    """Returns where a module of version 0.1 is now; `None` where it never was, or is where it was.

    Args:
        name: Without `kerasface.`, such as `"verify"`.

    Example:
        >>> new_place("verify")
        'tasks.verification'
    """
    for line in _ROOMS.replace("\n    ", " ").strip().splitlines():
        room, _, modules = line.partition(": ")
        for old, _, new in (module.partition("=") for module in modules.split()):
            if old == name:
                return f"{room}.{new or old.rpartition('.')[2]}"
    return None


class OldNames:
    """A finder behind all others: what nobody has found may be an old name."""

    @staticmethod
    def find_spec(name: str, path=None, target=None) -> None:
        if name.startswith("kerasface.") and (place := new_place(name.removeprefix("kerasface."))):
            raise ModuleNotFoundError(f"{name} is kerasface.{place} since version 0.2.", name=name)
