/* conv_shapes: the strides and pads that convolutions of the autoencoder have, for tests. */
#ifndef DANAUS_TESTS_KERNELS_CONV_SHAPES_H
#define DANAUS_TESTS_KERNELS_CONV_SHAPES_H

/* struct conv_args: strides, then pads top, bottom, left, right; corners */
#define SAME                                                                                       \
    {                                                                                              \
        1, 1, 1, 1, 1, 1, 1, false                                                                 \
    }
#define NONE                                                                                       \
    {                                                                                              \
        1, 1, 1, 0, 0, 0, 0, false                                                                 \
    }
#define HALF                                                                                       \
    {                                                                                              \
        1, 2, 2, 0, 1, 0, 1, false                                                                 \
    }
#define CORNERS                                                                                    \
    {                                                                                              \
        1, 1, 1, 1, 1, 1, 1, true                                                                  \
    }

#endif
