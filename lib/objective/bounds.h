/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBMI_LIB_BOUNDS_H
#define LIBMI_LIB_BOUNDS_H

/* What a kind of bound is made of. The engine (bound_eval.c) brings it the scores row by row,
 * whatever shape they have: the scores of P in a row (its own pairs) and those of Q (the pairs that
 * it is compared with). The kind adds up what its value needs, and turns scores into gradients. It
 * never sees where they come from or go to, and buffers are `void *` of the precision of the table
 * of kernels, so that each kind is written once. */

#include "../kernel/kernel.h"

#include <mi/bound.h>
#include <mi/bound_info.h>

#include <math.h>

#define MI__SUMS 5
/* At most so many bytes for each column, all threads included. */
#define MI__ROOM_A_SCORE (1 << 20)

/* -- kinds ------------------------------------------------------------------------------------- */

/* The parameters of all kinds; each uses some. */
typedef struct mi__bound_values {
    double diagonal, columns, rate, log_baseline, alpha, tau, shift, offset;
} mi__bound_values;

typedef struct mi__bound_param {
    const char *name, *help;
    double initial, least, most;
    size_t offset; /* in mi__bound_values */
    bool whole;    /* a flag or a count */
} mi__bound_param;

#define MI__PARAM(member, label, initial, least, most, help)                                       \
    { label, help, initial, least, most, offsetof(mi__bound_values, member), false }
#define MI__PARAM_WHOLE(member, label, initial, least, most, help)                                 \
    { label, help, initial, least, most, offsetof(mi__bound_values, member), true }

/* Parameters that several kinds share. */
#define MI__PARAM_DIAGONAL(initial)                                                                \
    MI__PARAM_WHOLE(diagonal, "diagonal", initial, 0, 1,                                           \
                    "1: the pairs of P count as pairs of Q as well; 0: they do not")
#define MI__PARAM_BASELINE                                                                         \
    MI__PARAM(log_baseline, "log-baseline", 0, -1e6, 1e6,                                          \
              "the log baseline where none is given for each row")
#define MI__PARAM_SHIFT                                                                            \
    MI__PARAM_WHOLE(shift, "shift", 1, 0, 1,                                                       \
                    "1: the loss is lowered by 2 ln 2, to 0 at scores of 0")

typedef struct mi__evaluation mi__evaluation;
typedef struct mi__row mi__row;

/* What a kind needs before its rows, and of them. */
enum {
    MI__NEED_LSE = 1,     /* the log-sum-exp of all scores of Q */
    MI__NEED_COLUMNS = 2, /* that of each column */
    MI__NEED_OTHERS = 4,  /* each row with a pair of P must have one of Q */
    MI__NEED_PROOF = 8,   /* may overflow: rows are tried before anything is written */
    MI__NEED_ROOM = 16    /* a number for each score of Q in a row */
};

typedef struct mi__bound_kind {
    const char *name, *summary, *cap, *variance, *citation;
    int32_t side, shapes, traits, params;
    const mi__bound_param *param;
    int32_t needs;                                   /* flags, always */
    int32_t (*needs_too)(const mi__bound_values *v); /* flags by parameters; may be NULL */
    void (*row)(mi__row *row);
    /* From the sums over all rows to the estimate and the loss, and the cap, if there is one. */
    void (*finish)(const mi__evaluation *e, const double *sums, mi_bound_result *result);
    bool paired; /* the scores of Q in a row are those of one other sample, see offset */
} mi__bound_kind;

#define MI__BOUND(name) extern const mi__bound_kind mi__bound_##name;
#include "bound_list.h"
#undef MI__BOUND

enum { MI__ROOM_ENGINE, MI__ROOM_SOURCE, MI__BOUND_ROOMS };

struct mi_bound {
    atomic_int references;
    mi_context *context;
    const mi__bound_kind *kind;
    mi__bound_values values;
    double log_average, next_average; /* of mine: now, and if the evaluation comes to its end */
    int64_t steps;
    struct {
        char *memory;
        int64_t bytes;
    } room[MI__BOUND_ROOMS]; /* kept from one evaluation to the next */
};

/* The bound with one more reference. */
mi_bound *mi__bound_take(mi_bound *bound);

/* The flags of a bound with the values that its parameters have. */
int32_t mi__bound_needs(const mi_bound *bound);

/* At least so many bytes of one of the handle's rooms; what was there is lost. NULL if memory is
 * short. */
char *mi__bound_room(mi_bound *bound, int which, int64_t bytes);

/* Hands out a piece of a room; without one it adds up how much is needed. */
static inline void *mi__take(char *room, int64_t *used, int64_t count, size_t size) {
    void *here = room == NULL ? NULL : room + *used;
    *used += (count * (int64_t)size + 63) / 64 * 64;
    return here;
}

/* -- rows -------------------------------------------------------------------------------------- */

/* Everything that the rows of one evaluation have in common. */
struct mi__evaluation {
    mi_bound *bound;
    mi__bound_values values;
    const mi__kernels *k;
    double pairs, others; /* how many scores of P and Q there are */
    bool extra;           /* the scores of P are among those of Q */
    double most, lse;     /* of all scores of Q, with MI__NEED_LSE */
    double log_average;   /* of mine, this batch included */
    /* Of each column, with MI__NEED_COLUMNS; the first two in the table's precision. */
    void *column_most;
    void *column_share; /* columns / pairs * exp(most - lse); 0 where there is no pair of P */
    double *column_lse, *column_log_count; /* count: how many scores are not masked */
    double *column_sum;                    /* of exp(score - most) */
};

typedef struct mi__piece {
    const void *x; /* [count] scores */
    void *dx;      /* [count] receives gradients; never NULL; may be x */
    int64_t count;
    const void *column_most, *column_share; /* [count], with MI__NEED_COLUMNS */
} mi__piece;

#define MI__PIECES 3

struct mi__row {
    const mi__evaluation *e;
    const mi__kernels *k;
    mi__piece joint;
    const int64_t *columns; /* [joint.count] the columns that the pairs of P are in */
    mi__piece product[MI__PIECES];
    int64_t others;     /* how many scores of Q */
    double joint_least; /* of the scores of P */
    double most;        /* of the scores of Q; -infinity if there are none: exp() of it is 0 */
    double baseline;
    double *room; /* [others], with MI__NEED_ROOM */
    /* What the kind gives back: */
    double sums[MI__SUMS];
    double scale; /* gradients of product pieces are scale * dx; starts as 1 */
    double dbaseline;
    double peak; /* at least the largest gradient, if it may be beyond range */
};

/* The sum of exp(x - row->most) over the scores of Q; their dx become exp(x - row->most). */
double mi__row_exp(mi__row *row);

/* The sum of the scores of P, or of Q. */
double mi__row_joint_sum(const mi__row *row);
double mi__row_product_sum(const mi__row *row);

/* dx = value in all of P, or of Q. */
void mi__row_fill_joint(mi__row *row, double value);
void mi__row_fill_product(mi__row *row, double value);

/* The cap of estimates whose scores of Q include those of P, infinite if they don't: for dv,
 * E f - ln E exp g is at most ln(others / pairs), and the others are at most that. */
double mi__diagonal_cap(const mi__evaluation *e);

static inline double mi__real_get(const mi__kernels *k, const void *x, int64_t i) {
    return k->real == sizeof(float) ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

/* Squares in float64 and sums of 256 in the table's precision stay in range. */
static inline double mi__largest_score(const mi__kernels *k) {
    return k->real == sizeof(float) ? 1e36 : 1e150;
}

static inline void mi__real_put(const mi__kernels *k, void *x, int64_t i, double value) {
    if (k->real == sizeof(float))
        ((float *)x)[i] = (float)value;
    else
        ((double *)x)[i] = value;
}

static inline void *mi__real_at(const mi__kernels *k, const void *x, int64_t i) {
    return (char *)x + i * (int64_t)k->real;
}

/* Evaluations by the kernels of a table, in its precision: io is a mi_bound_vectors_f32 or
 * mi_bound_embeddings_f32, or their twins of f64, which look the same; `type` is its name. */
mi_status mi__bound_vectors(mi_bound *bound, const mi__kernels *k, const void *io, const char *type,
                            mi_bound_result *result);
mi_status mi__bound_embeddings(mi_bound *bound, const mi__kernels *k, const void *io,
                               const char *type, mi_bound_result *result);

/* -- the engine -------------------------------------------------------------------------------- */

/* Room for what is computed of one row at a time; there is one for each thread or so. */
typedef struct mi__part {
    void *x, *dx;                     /* [width] */
    void *column_most, *column_share; /* [width] */
    void *own_x, *own_dx;             /* [own] the scores of P and their gradients */
    void *extra_x, *extra_dx;         /* [own] the same once more, as scores of Q */
    int64_t *columns;                 /* [own] */
    int64_t *index;                   /* [width] */
    double *room;                     /* [width] */
} mi__part;

/* How far a row got. */
enum {
    MI__ROW_FINE = 0,
    MI__ROW_NOT_FINITE, /* a score is NaN or infinite */
    MI__ROW_LONELY,     /* nothing to compare with */
    MI__ROW_OVERFLOW    /* the loss or a gradient is beyond range */
};

/* Where rows come from and go to; each shape of input has one, as the first member of its own. */
typedef struct mi__source mi__source;
struct mi__source {
    int64_t rows, strip; /* in all; how many are worked on together */
    int64_t width, own;  /* the most scores of a row; of them, of P */
    double pairs, others;
    bool gradient;               /* wanted */
    bool direct;                 /* rows are written where the caller will see it */
    bool defers;                 /* multiplies by the scale of a row itself */
    bool square;                 /* rows against columns: the diagonal may count as scores of Q */
    const int64_t *column_count; /* [width] scores in each column, 0: no pair of P; NULL: rows */
    const mi__evaluation *e;     /* set by the engine */
    const void *baseline;
    void *dbaseline;

    /* Makes the scores of rows first..last-1 available; passes their gradients on. May be NULL. */
    void (*begin)(mi__source *s, int64_t first, int64_t last);
    void (*end)(mi__source *s, int64_t first, int64_t last);
    /* The scores of a whole row, for its columns. `part` may be used to hold them. */
    const void *(*whole)(mi__source *s, int64_t row, int64_t first, int64_t count, mi__part *part);
    /* Fills in joint, columns and product; if `out`, so that gradients are written in place. */
    void (*fetch)(mi__source *s, int64_t row, bool out, mi__part *part, mi__row *r);
    /* Afterwards, if `out` was set. May be NULL. */
    void (*deliver)(mi__source *s, int64_t row, mi__part *part, const mi__row *r);
    /* Says what is wrong with a row, and fails. */
    mi_status (*blame)(mi__source *s, int64_t row, int fault);
};

/* Evaluates a bound. Sizes and strides are checked before, values here. */
mi_status mi__bound_run(mi_bound *bound, const mi__kernels *k, mi__source *source,
                        mi_bound_result *result);

/* The log-sum-exp of each column: before the survey; columns first..last-1 of rows first_row..
 * last_row-1, which are there; and what the rows need of it. */
#define MI__COLUMNS 1024 /* are looked at together */
void mi__columns_begin(mi__evaluation *e, const mi__source *s);
void mi__columns_survey(mi__evaluation *e, mi__source *s, mi__part *part, int64_t first_row,
                        int64_t last_row, int64_t first, int64_t last);
void mi__columns_finish(mi__evaluation *e, const mi__source *s);

/* A row as the stretch of columns first..first + own - 1 of P, those before and behind it of Q. */
void mi__row_of_matrix(const mi__evaluation *e, int64_t width, int64_t first, int64_t own,
                       const void *x, void *dx, mi__part *part, mi__row *r);

/* Whether a kind can be asked on a shape, with or without a baseline. */
mi_status mi__bound_check(const mi_bound *bound, int32_t shape, bool baseline,
                          const mi_bound_result *result);

/* The end of an evaluation that succeeded: fills in the caller's report, which may be NULL, and
 * lets the state go on if gradients were wanted. */
void mi__bound_conclude(mi_bound *bound, const mi__source *source, mi_bound_result *result,
                        const mi_bound_result *found);

/* Fails unless all are finite; for a baseline, say. */
mi_status mi__bound_check_finite(const mi__kernels *k, const char *name, int64_t n, const void *x);

/* Completes the counts of a matrix of n rows for the kind; fails if too little is left. */
mi_status mi__bound_count(const mi_bound *bound, mi__source *source, int64_t n);

/* What is wrong with a row whose scores are finite. */
mi_status mi__bound_fault(const mi_bound *bound, int fault, int64_t row);

#endif
