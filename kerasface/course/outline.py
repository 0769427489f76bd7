"""The chapters of the course, in the order of the lectures."""

from kerasface.course.lecture_a.convolution import CONVOLUTION
from kerasface.course.lecture_a.homework import HOMEWORK
from kerasface.course.lecture_a.steadying import STEADYING
from kerasface.course.lecture_a.who import WHO
from kerasface.course.lecture_b.alexnet import ALEXNET
from kerasface.course.lecture_b.imagenet import IMAGENET
from kerasface.course.lecture_b.linear import LINEAR
from kerasface.course.lecture_b.neurons import NEURONS
from kerasface.course.lecture_b.sizes import SIZES
from kerasface.course.lecture_c.factors import FACTORS
from kerasface.course.lecture_c.identity import IDENTITY
from kerasface.course.lecture_c.practice import PRACTICE
from kerasface.course.lecture_c.segmentation import SEGMENTATION
from kerasface.course.lecture_d.depth import DEPTH
from kerasface.course.lecture_d.learned import LEARNED
from kerasface.course.lecture_d.recipe import RECIPE
from kerasface.course.records import Chapter

CHAPTERS: tuple[Chapter, ...] = (
    *(WHO, CONVOLUTION, STEADYING, HOMEWORK),
    *(LINEAR, NEURONS, ALEXNET, SIZES, IMAGENET),
    *(FACTORS, PRACTICE, SEGMENTATION, IDENTITY),
    *(RECIPE, DEPTH, LEARNED),
)
