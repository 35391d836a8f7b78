/* SPDX-License-Identifier: BSD-2-Clause */
/* A host program as small as can be that needs every library behind libmi: a network (BLAS), a
 * picture (libpng), digits (threads, the C library's mathematics). */
#include <mi/mi.h>

#include <stdio.h>
#include <string.h>

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, mi_error_message());
    return 1;
}

int main(int argc, char **argv) {
    static float pixels[28 * 28];
    static uint8_t grey[28 * 28];
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", LIBMI_VERSION_MAJOR, LIBMI_VERSION_MINOR,
             LIBMI_VERSION_PATCH);
    if (argc != 2 || strcmp(version, mi_lib_version_string()) != 0)
        return fail("header and library differ, or no path for a picture was given");

    mi_dataset *digits = NULL;
    if (mi_dataset_digits(NULL, 1, 0, 1, &digits) != MI_OK ||
        mi_dataset_read(digits, 1, NULL, pixels, NULL) != MI_OK)
        return fail("digits");
    mi_dataset_destroy(digits);

    mi_encoder *encoder = NULL;
    mi_encoder_options options = {0};
    options.struct_size = sizeof options;
    options.height = 28;
    if (mi_encoder_create(NULL, "mlp | softmax 10", &options, &encoder) != MI_OK ||
        mi_encoder_forward(encoder, MI_MODE_EVAL, 1, pixels) != MI_OK)
        return fail("encoder");
    mi_encoder_destroy(encoder);

    for (int i = 0; i < 28 * 28; i++)
        grey[i] = (uint8_t)(255 * pixels[i]);
    if (mi_image_write_png(argv[1], 28, 28, 1, grey, 0) != MI_OK)
        return fail("picture");
    printf("libmi %s works\n", mi_lib_version_string());
    return 0;
}
