/* SPDX-License-Identifier: BSD-2-Clause */
/* Every kind of layer. Included wherever something is done for each of them. */
MI__LAYER(conv)
MI__LAYER(bn)
MI__LAYER(ln)
MI__LAYER(relu)
MI__LAYER(leaky)
MI__LAYER(maxpool)
MI__LAYER(avgpool)
MI__LAYER(gap)
MI__LAYER(gmp)
MI__LAYER(dense)
MI__LAYER(residual)
