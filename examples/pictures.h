/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_PICTURES_H
#define EXAMPLES_PICTURES_H

#include <mi/cluster.h>

/* Draws what the selected head does with a labelled set, into a directory:
 *
 *   clusters.png   a row a cluster: the images that it is surest of, its number at the left
 *   confusion.png  how many images of each class (columns) are in each cluster (rows)
 *
 * Rows stand in the order of the classes that the clusters match best. */
int draw_result(const char *directory, mi_cluster *cluster, const mi_dataset *set, int side,
                int classes);

#endif
