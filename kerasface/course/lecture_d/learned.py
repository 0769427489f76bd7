"""Chapter: what networks learn."""

from kerasface.course.records import Chapter, Choice, Command, Item, Number, page


def size_of_a_filter_picture():
    return 32 * 7 * 7 * 3


LEARNED = Chapter(
    "D",
    "What networks learn",
    (
        Item(
            101,
            "First filters: edges and colours",
            "The first layer sees pixels, so its filters can be drawn as pictures, and leafed through epoch by "
            "epoch of a training. Whatever the task, stripes in many directions and blobs of colour come out, "
            "much like what the first stage of our own seeing answers to.",
            (
                page("inspect", "The filters of a model", view="layers"),
                page("playground", "Filters while they are learned", topic="live-training"),
                Command("kerasface inspect activations IMAGE --model NAME --out DIR --filters", "draws them"),
            ),
            Number(
                "32 filters of 7x7 on RGB: how many numbers does the picture of all filters show?",
                size_of_a_filter_picture,
                "32·49·3 = {answer}.",
                ((1568, "Each pixel of a filter has three colours."),),
            ),
        ),
        Item(
            102,
            "Later layers: parts and concepts",
            "What does a channel deep inside answer to? Look for the photos, and the places in them, that excite it "
            "most, and lead its answer back to the pixels: that is Zeiler and Fergus's deconvolution (2013, "
            "arXiv:1311.2901). Early channels answer to edges, middle ones to textures, late ones to eyes, wheels, "
            "faces. A picture can also be made up to which a channel answers most.",
            (
                Command(
                    "kerasface inspect channel FOLDER --model face_resnet --layer PATH --channel 10 --out DIR",
                    "parts of photos, and what in them excites a channel",
                ),
                page("inspect", "Channels, and what excites them", view="layers"),
                Command(
                    "kerasface inspect activations IMAGE --model NAME --layer PATH --maximize 0 --out DIR",
                    "a made-up picture",
                ),
            ),
            Choice(
                "On the way back through a ReLU the deconvolution lets through ...",
                ("what is positive on the way back", "what was positive on the way there", "everything"),
                0,
                "The gradient asks where the ReLU was open on the way there; guided backpropagation asks both.",
            ),
        ),
    ),
)
