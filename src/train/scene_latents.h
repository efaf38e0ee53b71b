/* scene_latents: the code that the demo model's VAE is taught.
 *
 * Rather than let the VAE invent a latent space, training prescribes one that a small transformer
 * predicts well and that noise hardly harms: for each cell of 8x8 pixels and four frames (the first
 * latent: one frame)
 *   0..2    mean colour of the background alone      3, 4   its brightness change across and down
 *   5..7    colour of the nearest object, fading with distance
 *   8..11   distance to the edge of its coloured part at the four quarters of the cell
 *   12..15  how that distance changes from the first to the last of the four frames
 * each shifted and scaled to mean 0 and deviation 1 over random scenes. The decoder is trained to
 * draw pictures from it, the encoder to find it in pictures. */
#ifndef DANAUS_TRAIN_SCENE_LATENTS_H
#define DANAUS_TRAIN_SCENE_LATENTS_H

#include "train/scenes.h"

enum { SCENE_LATENTS = 21, LATENT_CHANNELS = 16, LATENT_GROUND_CHANNELS = 5 };

/* Channels 0..4 of every latent of a background: out [5,h/8,w/8]; w, h multiples of 8. */
void scene_ground_latent(int background, int w, int h, float *out);

/* Channels 5..15 of latent number `latent` of a clip that begins at frame `start` of the scene:
 * out [11,h/8,w/8]. */
void scene_object_latent(const struct scene *scene, int start, int latent, int w, int h,
                         float *out);

#endif
