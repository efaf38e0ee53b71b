/* media_color: see media_color.h
 *
 * Weights in 1/65536. Y: 219/255 of the luma weights, Cb: 112/255 of (B - luma) / (1 - 0.0722),
 * Cr: 112/255 of (R - luma) / (1 - 0.2126). Each chroma row sums to 0, the luma row to 56284 =
 * 65536 * 219 / 255, so greys have no tint and white is exactly 235. */
#include "store/media_color.h"

enum {
    Y_R = 11966, Y_G = 40254, Y_B = 4064,
    CB_R = -6596, CB_G = -22188, CB_B = 28784,
    CR_R = 28784, CR_G = -26145, CR_B = -2639,
};

static void luma_row(uint8_t *y, const uint8_t *rgb, int width)
{
    for (int x = 0; x < width; x++, rgb += 3)
        y[x] = (uint8_t)(16 + ((Y_R * rgb[0] + Y_G * rgb[1] + Y_B * rgb[2] + 32768) >> 16));
}

/* One chroma row from two rows of pixels. Horizontally 1 2 1 round the left column of the pair
 * (the picture's edge is repeated), vertically the mean: the weights sum to 8. */
static void chroma_row(uint8_t *cb, uint8_t *cr, const uint8_t *upper, const uint8_t *lower,
                       int width)
{
    for (int x = 0; x < width; x += 2) {
        int left = (x > 0 ? x - 1 : 0) * 3, middle = x * 3, right = middle + 3;
        int sum[3];
        for (int c = 0; c < 3; c++)
            sum[c] = upper[left + c] + 2 * upper[middle + c] + upper[right + c] + lower[left + c] +
                     2 * lower[middle + c] + lower[right + c];
        int b = CB_R * sum[0] + CB_G * sum[1] + CB_B * sum[2];
        int r = CR_R * sum[0] + CR_G * sum[1] + CR_B * sum[2];
        cb[x / 2] = (uint8_t)(128 + ((b + (1 << 18)) >> 19));
        cr[x / 2] = (uint8_t)(128 + ((r + (1 << 18)) >> 19));
    }
}

void media_rgb_to_yuv420(uint8_t *const planes[3], const int strides[3], const uint8_t *rgb,
                         int width, int height)
{
    int64_t pitch = (int64_t)width * 3;
    for (int64_t row = 0; row < height; row++)
        luma_row(planes[0] + row * strides[0], rgb + row * pitch, width);
    for (int64_t row = 0; row < height / 2; row++) {
        const uint8_t *upper = rgb + 2 * row * pitch;
        chroma_row(planes[1] + row * strides[1], planes[2] + row * strides[2], upper,
                   upper + pitch, width);
    }
}

/* The weights give 8 bits from 8; 65535 is 257 times 255, and 10 bits are 4 times 8. */
static int ten_bits(int64_t weighted, int64_t offset, int64_t samples)
{
    const int64_t unit = INT64_C(65536) * 257 * samples;
    return (int)((4 * (weighted + offset * unit) + unit / 2) / unit);
}

static void luma_row_10(uint16_t *y, const uint16_t *rgb, int width)
{
    for (int x = 0; x < width; x++, rgb += 3)
        y[x] = (uint16_t)ten_bits((int64_t)Y_R * rgb[0] + (int64_t)Y_G * rgb[1] +
                                  (int64_t)Y_B * rgb[2], 16, 1);
}

static void chroma_row_10(uint16_t *cb, uint16_t *cr, const uint16_t *rgb, int width)
{
    for (int x = 0; x < width; x += 2) {
        int left = (x > 0 ? x - 1 : 0) * 3, middle = x * 3, right = middle + 3;
        int64_t sum[3];
        for (int c = 0; c < 3; c++)
            sum[c] = (int64_t)rgb[left + c] + 2 * rgb[middle + c] + rgb[right + c];
        cb[x / 2] = (uint16_t)ten_bits(CB_R * sum[0] + CB_G * sum[1] + CB_B * sum[2], 128, 4);
        cr[x / 2] = (uint16_t)ten_bits(CR_R * sum[0] + CR_G * sum[1] + CR_B * sum[2], 128, 4);
    }
}

void media_rgb48_to_yuv422p10(uint8_t *const planes[3], const int strides[3], const uint16_t *rgb48,
                              int width, int height)
{
    for (int64_t row = 0; row < height; row++) {
        const uint16_t *from = rgb48 + row * width * 3;
        luma_row_10((uint16_t *)(planes[0] + row * strides[0]), from, width);
        chroma_row_10((uint16_t *)(planes[1] + row * strides[1]),
                      (uint16_t *)(planes[2] + row * strides[2]), from, width);
    }
}
