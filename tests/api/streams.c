/* SPDX-License-Identifier: BSD-2-Clause */
/* A host may have closed its standard streams, and whatever happens, nothing is printed. */
#include "../unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDE 8

static char folder[] = "/tmp/libmi-streams-XXXXXX";
static char picture[64], weights[64];

static void make_folder(void) {
    memcpy(folder, "/tmp/libmi-streams-XXXXXX", sizeof folder);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(picture, sizeof picture, "%s/a.png", folder);
    snprintf(weights, sizeof weights, "%s/a.safetensors", folder);
}

static void remove_folder(void) {
    unlink(picture);
    unlink(weights);
    ck_assert_msg(rmdir(folder) == 0, "%s: %s", folder, strerror(errno));
}

/* Success and failure in every part that might be tempted to say something. */
static bool use_everything(void) {
    bool fine = true;
    uint8_t pixels[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (uint8_t)(i * 4);
    mi_dataset *dataset = NULL;
    mi_encoder *encoder = NULL;
    mi_encoder_options options = {.struct_size = sizeof options, .height = SIDE};
    fine &= mi_image_write_png(picture, SIDE, SIDE, 1, pixels, 0) == MI_OK;
    fine &= mi_image_write_png("/no-such-place/a.png", SIDE, SIDE, 1, pixels, 0) == MI_E_IO;
    fine &= mi_dataset_open_idx(NULL, picture, NULL, &dataset) == MI_E_FORMAT;
    fine &= mi_dataset_open(NULL, "/no-such-place", MI_SPLIT_TRAIN, &dataset) == MI_E_IO;
    fine &= mi_encoder_create(NULL, "nonsense", NULL, &encoder) == MI_E_FORMAT;
    fine &= mi_encoder_create(NULL, "conv 4, bn, relu, gap | softmax 3", &options, &encoder) ==
            MI_OK;
    float x[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++)
        x[i] = NAN;
    fine &= mi_encoder_forward(encoder, MI_MODE_EVAL, 1, x) == MI_E_NUMERIC;
    fine &= mi_encoder_save(encoder, weights) == MI_OK;
    fine &= mi_encoder_load(encoder, weights) == MI_OK;
    fine &= mi_encoder_load(encoder, picture) == MI_E_FORMAT;
    mi_encoder_destroy(encoder);
    return fine;
}

static int wait_for(pid_t child) {
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the child ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static bool begins_with(const char *path, const char *magic, size_t length) {
    char head[16] = {0};
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t got = fread(head, 1, length, file);
    fclose(file);
    return got == length && memcmp(head, magic, length) == 0;
}

/* Files that are opened now get the numbers 0 to 2: they must still come out right. */
START_TEST(all_streams_closed) {
    make_folder();
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        _exit(use_everything() ? 0 : 1);
    }
    ck_assert_int_eq(wait_for(child), 0);
    ck_assert(begins_with(picture, "\x89PNG\r\n\x1a\n", 8));
    struct stat st;
    ck_assert(stat(weights, &st) == 0 && st.st_size > 100);
    remove_folder();
}
END_TEST

START_TEST(nothing_is_printed) {
    make_folder();
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        bool fine = use_everything();
        fflush(NULL);
        _exit(fine ? 0 : 1);
    }
    close(ends[1]);
    char text[256] = {0};
    ssize_t length = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    int status = wait_for(child);
    ck_assert_msg(length == 0, "printed: %s", text);
    ck_assert_int_eq(status, 0);
    remove_folder();
}
END_TEST

UNIT_MAIN("streams", all_streams_closed, nothing_is_printed)
