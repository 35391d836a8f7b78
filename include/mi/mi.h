/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_MI_H
#define LIBMI_MI_H

/** @file
 * All of libmi. Include it as <mi/mi.h>, or single headers as <mi/iic.h>.
 *
 *     tier 1, on your buffers:  iic.h  bound.h  bound_info.h  prior.h  assign.h  score.h
 *                               samples.h  entropy.h  estimate.h  random.h  nearest.h
 *     tier 2, networks:         dataset.h -> pairs.h -> encoder.h -> optimizer.h
 *                               cluster.h joins them; mine.h is a critic and a bound;
 *                               probe.h scores features; image.h for pictures
 *     below both:               base.h  status.h  context.h  version.h
 */

#include "version.h"
#include "status.h"
#include "context.h"
#include "iic.h"
#include "bound.h"
#include "bound_info.h"
#include "prior.h"
#include "assign.h"
#include "score.h"
#include "samples.h"
#include "entropy.h"
#include "estimate.h"
#include "random.h"
#include "dataset.h"
#include "pairs.h"
#include "encoder.h"
#include "optimizer.h"
#include "cluster.h"
#include "infomax.h"
#include "mine.h"
#include "probe.h"
#include "nearest.h"
#include "image.h"

#endif
