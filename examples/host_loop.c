/* SPDX-License-Identifier: BSD-2-Clause */
/* A host with its own networks, optimizer and loop. It asks libmi for one thing: a bound on mutual
 * information, and its gradient. The data are correlated Gaussians, so that the truth is known. */
#include "options.h"

#include <mi/bound.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 256, DIM = 2, IN = DIM + 1, HIDDEN = 32, CODE = 16, ROW = IN + CODE };
static const double rho = 0.8;

/* A row of weights for each hidden unit, from its inputs (x, 1) and to each number of the code,
 * with the unit's tanh in between. There is one encoder for x and one for y. */
typedef struct encoder {
    float w[HIDDEN][ROW], dw[HIDDEN][ROW], mean[HIDDEN][ROW], square[HIDDEN][ROW];
    float in[BATCH][IN], hidden[BATCH][HIDDEN], code[BATCH][CODE], dcode[BATCH][CODE];
} encoder;

static double normal(uint64_t *state) { /* splitmix64, then Box and Muller */
    double u[2];
    for (int i = 0; i < 2; i++) {
        uint64_t z = *state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        u[i] = ((double)((z ^ z >> 31) >> 12) + 0.5) * 0x1p-52;
    }
    return sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]);
}

static void forward(encoder *e) {
    memset(e->code, 0, sizeof e->code);
    for (int s = 0; s < BATCH; s++)
        for (int h = 0; h < HIDDEN; h++) {
            float sum = 0;
            for (int i = 0; i < IN; i++)
                sum += e->w[h][i] * e->in[s][i];
            e->hidden[s][h] = tanhf(sum);
            for (int c = 0; c < CODE; c++)
                e->code[s][c] += e->w[h][IN + c] * e->hidden[s][h];
        }
}

/* Backward from dcode, and a step of Adam. */
static void learn(encoder *e, long long step, double rate) {
    memset(e->dw, 0, sizeof e->dw);
    for (int s = 0; s < BATCH; s++)
        for (int h = 0; h < HIDDEN; h++) {
            float y = e->hidden[s][h], dy = 0;
            for (int c = 0; c < CODE; c++) {
                e->dw[h][IN + c] += e->dcode[s][c] * y;
                dy += e->dcode[s][c] * e->w[h][IN + c];
            }
            for (int i = 0; i < IN; i++)
                e->dw[h][i] += dy * (1 - y * y) * e->in[s][i];
        }
    rate *= sqrt(1 - pow(0.999, (double)step)) / (1 - pow(0.9, (double)step));
    for (int p = 0; p < HIDDEN * ROW; p++) {
        int h = p / ROW, k = p % ROW;
        e->mean[h][k] += 0.1F * (e->dw[h][k] - e->mean[h][k]);
        e->square[h][k] += 0.001F * (e->dw[h][k] * e->dw[h][k] - e->square[h][k]);
        e->w[h][k] -= (float)(rate * e->mean[h][k] / (sqrt(e->square[h][k]) + 1e-8));
    }
}

/* Draws a batch of pairs, encodes them, and asks for the bound and for both dcode. */
static mi_bound_result evaluate(mi_bound *bound, uint64_t *state, encoder *x, encoder *y) {
    for (int i = 0; i < BATCH * IN; i++) {
        double a = normal(state), b = rho * a + sqrt(1 - rho * rho) * normal(state);
        x->in[i / IN][i % IN] = i % IN < DIM ? (float)a : 1;
        y->in[i / IN][i % IN] = i % IN < DIM ? (float)b : 1;
    }
    forward(x);
    forward(y);
    mi_bound_result result = {.struct_size = sizeof result};
    mi_bound_embeddings_f32 io = {.struct_size = sizeof io, .n = BATCH, .d = CODE};
    io.u = x->code[0], io.du = x->dcode[0], io.v = y->code[0], io.dv = y->dcode[0];
    need(mi_bound_eval_embeddings_f32(bound, &io, &result), "bound");
    return result;
}

int main(int argc, char **argv) {
    static long long seed = 1, steps = 1000;
    static const option options[] = {
        {"seed", OPTION_INTEGER, &seed, 0, 1e15, "of data and weights"},
        {"steps", OPTION_INTEGER, &steps, 0, 1e6, "batches to learn from"},
        {NULL, OPTION_FLAG, NULL, 0, 0, NULL},
    };
    options_parse("host_loop", "Estimates mutual information that is known.", options, argc, argv);
    static encoder x, y;
    uint64_t state = (uint64_t)seed;
    for (int p = 0; p < 2 * HIDDEN * ROW; p++)
        (p % 2 == 0 ? &x : &y)->w[p / 2 / ROW][p / 2 % ROW] = (float)(0.3 * normal(&state));
    mi_bound *infonce, *dv;
    need(mi_bound_create(NULL, "infonce", &infonce), "infonce");
    need(mi_bound_set(infonce, "columns", 0.5), "columns"); /* else each row's offset is free */
    need(mi_bound_create(NULL, "dv", &dv), "dv");
    for (long long step = 1; step <= steps; step++) {
        double rate = 0.02 * (1 - (double)step / (double)steps);
        mi_bound_result result = evaluate(infonce, &state, &x, &y);
        learn(&x, step, rate);
        learn(&y, step, rate);
        if (step % 100 == 0)
            fprintf(stderr, "step %lld: estimate %.3f nats\n", step, result.estimate);
    }
    double truth = -0.5 * DIM * log(1 - rho * rho), sum = 0, other = 0;
    for (int i = 0; i < 100; i++) { /* on new data */
        sum += evaluate(infonce, &state, &x, &y).estimate / 100;
        other += evaluate(dv, &state, &x, &y).estimate / 100;
    }
    printf("New data: infonce says %.3f nats, dv %.3f; the truth is %.3f.\n", sum, other, truth);
    printf("{\"truth\": %.4f, \"infonce\": %.4f, \"dv\": %.4f, \"cap\": %.4f}\n", truth, sum, other,
           evaluate(infonce, &state, &x, &y).cap);
    mi_bound_destroy(infonce);
    mi_bound_destroy(dv);
    return fflush(stdout) == 0 ? 0 : 1;
}
