#include "examples/ch06/bands.hpp"
#include "examples/ch06/page.hpp"
#include "examples/ch06/sections.hpp"

namespace ch06 {

report::Job chapter() {
  return {
      .name = "chapter6",
      .sections =
          {{.id = "6.1.3",
            .title = "SGD, and why it zig-zags",
            .covers = {"6.1.2", "6.1.3"},
            .about =
                "Goes down f(x, y) = x²/20 + y² with SGD, 30 steps at rate 0.95 from (−7, 2), beside a map of the\n"
                "steepest descent. The valley is steep across and almost flat along, so the path swings from side to\n"
                "side. Checks the path against the book's and against its closed form.",
            .run = sgd},
           {.id = "6.1.4",
            .title = "Momentum and NAG",
            .covers = {"6.1.4"},
            .about = "The same valley with Momentum and NAG (Nesterov), and a valley in one dimension, g(x) = x⁴/20 − "
                     "x²/2 +\n"
                     "0.3x, whose local minimum both leave and SGD does not.",
            .run = momentum},
           {.id = "6.1.5",
            .title = "AdaGrad, RMSProp and AdaDelta",
            .covers = {"6.1.5"},
            .about =
                "The valley with a rate for each parameter: AdaGrad's steps only shrink, RMSProp forgets old slopes,\n"
                "AdaDelta does without a rate and begins with tiny steps.",
            .run = adagrad},
           {.id = "6.1.6",
            .title = "Adam, and all paths together",
            .covers = {"6.1.6"},
            .about = "The valley with Adam; then four paths side by side, on one map, and on the surface in three "
                     "dimensions.",
            .run = adam},
           {.id = "6.1.7",
            .title = "Which optimizer? Seven of them at nine rates",
            .covers = {"6.1.7"},
            .about = "Trains the network of 6.1.8 for 200 iterations with each optimizer at each rate, and shows the "
                     "loss as a\n"
                     "heat map. For the first seed only.",
            .needs_data = true,
            .run = which_optimizer},
           {.id = "6.1.8",
            .title = "Four optimizers on MNIST",
            .covers = {"6.1.8"},
            .about = "SGD, Momentum, AdaGrad and Adam train 784-100-100-100-100-10 (ReLU, He) on the same 2000 batches "
                     "of 128\n"
                     "from the same weights. With --data, on any data set in MNIST's form.",
            .needs_data = true,
            .run = optimizers_mnist},
           {.id = "6.2.1",
            .title = "Weights that are all equal",
            .covers = {"6.2.1"},
            .about = "Trains 784-30-30-10 with all weights 0.01 at first and with He's. With equal weights all units "
                     "of a layer\n"
                     "stay equal: the number of different ones is counted, and the weights are shown.",
            .needs_data = true,
            .run = equal_weights},
           {.id = "6.2.3",
            .title = "Distribution of activations and gradients",
            .covers = {"6.2.2", "6.2.3"},
            .about = "Sends N(0, 1) through five layers of 100 units: histograms of the activations, and of the "
                     "gradients on\n"
                     "their way back, for sigmoid, tanh and ReLU with weights of std 1, 0.01, Xavier and He.",
            .run = activation_histograms},
           {.id = "6.2.4",
            .title = "First weights on MNIST",
            .covers = {"6.2.4"},
            .about = "The network and batches of 6.1.8 with SGD and first weights of std 0.01, Xavier and He.",
            .needs_data = true,
            .run = weights_mnist},
           {.id = "6.3.1",
            .title = "Batch normalization as a graph",
            .covers = {"6.3.1"},
            .about =
                "Records a batch-normalization step and draws its tape, forward and backward; checks its gradients of\n"
                "first and second order against differences.",
            .run = batch_norm_graph},
           {.id = "6.3.2",
            .title = "The effect of batch normalization",
            .covers = {"6.3.2"},
            .about =
                "784-100×5-10 on 1,000 samples, with and without batch normalization, over 16 standard deviations of "
                "the\n"
                "first weights. Where the plain net leaves the finite numbers, says where that arose, and goes on.",
            .needs_data = true,
            .run = batch_norm},
           {.id = "6.4.2",
            .title = "Overfitting and weight decay",
            .covers = {"6.4.1", "6.4.2"},
            .about = "784-100×6-10 learns 300 samples, without weight decay and with λ = 0.1, and is tested on all of "
                     "the test\n"
                     "set. Decay narrows the gap between the two accuracies.",
            .needs_data = true,
            .run = weight_decay},
           {.id = "6.4.3",
            .title = "Dropout",
            .covers = {"6.4.3"},
            .about = "The network of 6.4.2 without dropout, with p = 0.15 and 0.2 in the book's form, and inverted; "
                     "and five\n"
                     "nets averaged beside one.",
            .needs_data = true,
            .run = dropout},
           {.id = "6.5",
            .title = "Random search for hyper-parameters",
            .covers = {"6.5.1", "6.5.2", "6.5.3"},
            .about =
                "A fifth of 500 samples is held out for validation; 100 trials with learning rate and weight decay "
                "drawn\n"
                "on a log scale, ranked; then a second, narrower round. The trials are kept in trials_seed*.tsv; an\n"
                "interrupted search goes on from there.",
            .needs_data = true,
            .run = search},
           {.id = "gradients",
            .title = "Gradients of the chapter's networks, checked layer by layer",
            .covers = {"gradients"},
            .about = "What backward gives for elements of every parameter, against differences of the loss, in f64.",
            .needs_data = true,
            .run = gradient_check}},
      .bands = bands(),
      .languages = {english(), korean()},
      .excerpts = excerpts(),
  };
}

}  // namespace ch06
