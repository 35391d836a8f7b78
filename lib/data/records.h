/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_RECORDS_H
#define LIBMI_LIB_RECORDS_H

/* Files that are nothing but records of one size: of each image first some bytes of labels, then
 * its planes of red, green and blue. */

#include "dataset.h"

typedef struct mi__record {
    int32_t side;
    int32_t label_bytes; /* the last of them is the label */
    int32_t classes;     /* labels are below that */
    bool by_columns;     /* a plane is written column by column */
} mi__record;

#define MI__RECORD_FILES 5 /* at most */

/* Fills an empty set with the images of all files, one after the other. */
mi_status mi__records_read(mi_dataset *set, const mi__record *record, int32_t files,
                           char (*paths)[MI__PATH]);

/* Labels for the images of a set: a byte each, in 1 to `classes`, which become 0 to classes - 1. */
mi_status mi__records_read_labels(mi_dataset *set, int32_t classes, const char *path);

/* The formats, from paths of files. `fine`: of CIFAR-100. labels: may be NULL */
mi_status mi__cifar_read(mi_context *context, bool fine, int32_t files, char (*paths)[MI__PATH],
                         mi_dataset **out);
mi_status mi__stl_read(mi_context *context, char (*images)[MI__PATH], const char *labels,
                       mi_dataset **out);

/* Whether a directory has a file of theirs. */
bool mi__is_cifar(const char *path);
bool mi__is_stl(const char *path);

#endif
