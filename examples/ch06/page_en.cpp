// The page in English. {{NAME|FORMAT}} is a number from the results.

#include "examples/ch06/page.hpp"

namespace ch06 {

report::PageText english() {
  return {
      .language = "en",
      .title = "Techniques for learning",
      .introduction =
          "Chapter 6 of <cite>Deep Learning from Scratch</cite>, reproduced in C++ with Thalweg: each section with its "
          "formula, the heart of its program, what came out, and what to see in it.",
      .how_to_read =
          "Numbers are means over the seeds that each section names. Under a number stands the band of the book's own "
          "programs, the smallest and the largest of a few runs; ✓ says that ours lies in it, widened on each side by "
          "its own width and by at least 5 % (.01 for accuracies), ✗ that it does not. Where the few runs of a band "
          "proved too few, below it stands what ten seeds of the book's program give; a number outside the band but "
          "within these stays ✗, and does not make the run end with status 1.",
      .contents = "Contents",
      .ours = "ours",
      .band = "the book’s band",
      .ten_seeds = "ten seeds",
      .inside = "inside the book's band",
      .outside = "outside the book's band",
      .verdict = "{} of {} numbers that the book has a band for lie inside it.",
      .failed = "Failed.",
      .not_run = "Not run.",
      .source = "Source",
      .run_with = "Seeds {}; data: {}; threads: {}; {:.1f} s.",
      .incomplete = "This section was interrupted: some of its seeds are missing.",
      .sections =
          {{.id = "6.1.3",
            .title = "SGD, and why it zig-zags",
            .idea = "Stochastic gradient descent takes a step against the gradient <i>g</i>, its length set by the "
                    "learning rate <i>η</i>. On the valley <i>f</i>(<i>x</i>, <i>y</i>) = <i>x</i>²/20 + <i>y</i>² the "
                    "slope is steep across and almost flat along: it hardly ever points to the minimum at (0, 0).",
            .formula = "<i>W</i> ← <i>W</i> − <i>ηg</i>",
            .seen = "The arrows on the left nearly all point across the valley. SGD follows them: {{steps that cross "
                    "the valley, of 30|.0f}} of its 30 steps jump to the other side, while along the valley it creeps "
                    "from −7 to {{SGD, x after 30|.3f}}. At this rate the path has a closed form, <i>x</i> = "
                    "−7·0.905<sup>t</sup> and <i>y</i> = 2·(−0.9)<sup>t</sup>; the program is {{distance from the "
                    "closed form|.1e}} away from it. A larger rate than 1 would make the swings grow."},
           {.id = "6.1.4",
            .title = "Momentum and NAG",
            .idea = "Momentum gives the point a velocity <i>v</i>, as of a ball that rolls: slopes that agree add up, "
                    "slopes that alternate cancel. Nesterov's accelerated gradient (NAG) looks at the slope where the "
                    "ball is about to be.",
            .formula = "<i>v</i> ← <i>αv</i> − <i>ηg</i>, &nbsp; <i>W</i> ← <i>W</i> + <i>v</i> &emsp; (NAG: <i>W</i> "
                       "← <i>W</i> + <i>αv</i> − <i>ηg</i> with the new <i>v</i>)",
            .seen = "Momentum swings wide and overshoots along the valley, to <i>x</i> = {{Momentum, x after 30|.3f}} "
                    "after 30 steps; NAG brakes earlier and is at {{NAG, x after 30|.3f}}. In the valley of one "
                    "dimension all three start at <i>x</i> = 4 with the same rate. SGD stays in the upper minimum, at "
                    "<i>x</i> = {{SGD, ends at x|.2f}} with <i>g</i> = {{SGD, with g(x)|.2f}}; the ball rolls over the "
                    "hill into the lower one, at {{Momentum, ends at x|.2f}} with {{Momentum, with g(x)|.2f}}. That is "
                    "luck as much as merit: with another start it may stop on either side."},
           {.id = "6.1.5",
            .title = "AdaGrad, RMSProp and AdaDelta",
            .idea = "A rate for each parameter: AdaGrad divides by the root of all squared slopes so far, so steep "
                    "directions are slowed down. The sum only grows, so all steps die away in the end; RMSProp forgets "
                    "old slopes instead. AdaDelta also replaces the rate by the size of its own recent steps.",
            .formula = "AdaGrad: <i>h</i> ← <i>h</i> + <i>g</i>², &nbsp; <i>W</i> ← <i>W</i> − <i>ηg</i>/(√<i>h</i> + "
                       "<i>ε</i>) &emsp; RMSProp: <i>h</i> ← <i>ρh</i> + (1 − <i>ρ</i>)<i>g</i>²",
            .seen = "AdaGrad goes straight in: after 30 steps <i>f</i> is {{AdaGrad, f after 30|.1e}}. RMSProp, with a "
                    "gentler rate, is at {{RMSProp, f after 30|.3f}}. AdaDelta has no scale to begin with: its first "
                    "steps are of the order of √<i>ε</i>, so after 30 of them it has hardly left, <i>f</i> = "
                    "{{AdaDelta, f after 30|.2f}}, and it takes {{steps until AdaDelta is below f = 0.1|.0f}} steps to "
                    "come below 0.1. The last panel shows the lengths of the steps."},
           {.id = "6.1.6",
            .title = "Adam, and all paths together",
            .idea = "Adam joins the two ideas: a velocity (the mean of slopes, <i>m</i>) and a rate for each parameter "
                    "(the mean of squares, <i>v</i>), both corrected for having started at zero.",
            .formula = "<i>m</i> ← <i>m</i> + (1 − <i>β</i>₁)(<i>g</i> − <i>m</i>), &nbsp; <i>v</i> ← <i>v</i> + (1 − "
                       "<i>β</i>₂)(<i>g</i>² − <i>v</i>), &nbsp; <i>W</i> ← <i>W</i> − <i>η</i> √(1 − "
                       "<i>β</i>₂<sup>t</sup>)/(1 − <i>β</i>₁<sup>t</sup>) · <i>m</i>/(√<i>v</i> + <i>ε</i>)",
            .seen = "Adam's path is a damped arc, calmer than Momentum's. It is not the fastest here: after 30 steps "
                    "<i>f</i> is {{Adam, f after 30|.3f}} for Adam, {{Momentum, f after 30|.3f}} for Momentum, {{SGD, "
                    "f after 30|.3f}} for SGD and {{AdaGrad, f after 30|.1e}} for AdaGrad. “Adam wins” is no finding "
                    "of this picture; rates were chosen by eye for each."},
           {.id = "6.1.7",
            .title = "Which optimizer? Seven of them at nine rates",
            .idea = "None is best everywhere, and the question cannot be asked without the rate. Each optimizer trains "
                    "the network of the next section for 200 iterations at nine learning rates.",
            .formula = "",
            .seen = "Each row has its own valley of good rates: SGD is best at {{SGD, best rate}}, Momentum at "
                    "{{Momentum, best rate}}, AdaGrad at {{AdaGrad, best rate}}, Adam at {{Adam, best rate}}. At its "
                    "best rate SGD reaches a loss of {{SGD, its loss|.3f}}, Momentum {{Momentum, its loss|.3f}}, "
                    "AdaGrad {{AdaGrad, its loss|.3f}}, RMSProp {{RMSProp, its loss|.3f}} and Adam {{Adam, its "
                    "loss|.3f}}: closer to each other than to the same optimizer at a rate ten times too large or too "
                    "small. How wide the good stretch is differs too: of nine rates {{Adam, rates with a loss below "
                    "0.5|.0f}} serve Adam and {{SGD, rates with a loss below 0.5|.0f}} serve SGD."},
           {.id = "6.1.8",
            .title = "Four optimizers on MNIST",
            .idea = "A network of five layers (784-100-100-100-100-10, ReLU) is trained by four optimizers at their "
                    "usual rates, all from the same weights and on the same 2000 batches of 128.",
            .formula = "",
            .seen = "Over the last hundred iterations the loss is {{SGD, 1900–1999|.3f}} for SGD, {{Momentum, "
                    "1900–1999|.3f}} for Momentum, {{Adam, 1900–1999|.3f}} for Adam and {{AdaGrad, 1900–1999|.3f}} for "
                    "AdaGrad; this order holds for {{seeds with the order AdaGrad, Adam, Momentum, SGD|.0f}} of the "
                    "seeds. On the test set SGD is right for {{SGD, test|.1%}}, AdaGrad for {{AdaGrad, test|.1%}}: the "
                    "three others learn faster than SGD, and end close together."},
           {.id = "6.2.1",
            .title = "Weights that are all equal",
            .idea = "Why not begin with all weights equal? Then all units of a layer compute the same, receive the "
                    "same gradient, and stay equal for ever.",
            .formula = "<i>w</i><sub>ij</sub> = <i>c</i> for all <i>i</i>, <i>j</i> &nbsp;⇒&nbsp; "
                       "∂<i>L</i>/∂<i>w</i><sub>ij</sub> is the same for all units <i>j</i> of a hidden layer",
            .seen = "After 300 steps the first layer still has {{all 0.01, different units, layer 1|.0f}} different "
                    "unit where it could have {{He, different units, layer 1|.0f}}: the net of 30 units is as wide as "
                    "one. It reaches {{all 0.01, test|.1%}} on the test set; the same net with random weights {{He, "
                    "test|.1%}}. On the left, one color for all weights of the second layer."},
           {.id = "6.2.3",
            .title = "Distribution of activations and gradients",
            .idea = "Numbers from N(0, 1) pass through five layers of 100 units. What comes out of each layer, and "
                    "what comes back as gradient, decides whether the layers can learn: values that all stick to the "
                    "ends of a sigmoid have no gradient, values that are all alike say nothing.",
            .formula = "Xavier (as the book has it): variance 1/<i>n</i>, for sigmoid and tanh &emsp; He: variance "
                       "2/<i>n</i>, for ReLU, <i>n</i> units in the layer before",
            .seen =
                "With std 1 the sigmoid sticks to 0 and 1: {{share below .05 or above .95, layer 1|.0%}} of the first "
                "layer's values are within .05 of an end. With std 0.01 tanh loses a factor ten a layer, from {{tanh, "
                "std 0.01, layer 1|.2g}} to {{tanh, std 0.01, layer 5|.2g}}. ReLU keeps its spread with He only: "
                "{{ReLU, He, layer 1|.2f}} in the first and {{ReLU, He, layer 5|.2f}} in the fifth layer, where Xavier "
                "has sunk from {{ReLU, Xavier, layer 1|.2f}} to {{ReLU, Xavier, layer 5|.2f}} and std 1 has exploded "
                "to {{ReLU, std 1, layer 5|.0f}}. The gradients tell the same on their way back: from the fifth layer, "
                "where they have deviation 1, {{sigmoid, std 0.01: gradient, layer 1|.1e}} is left in the first for "
                "sigmoid with std 0.01, {{ReLU, He: gradient, layer 1|.2f}} for ReLU with He."},
           {.id = "6.2.4",
            .title = "First weights on MNIST",
            .idea =
                "The network of 6.1.8 once more, with SGD, from weights of std 0.01, Xavier and He. With He it is the "
                "SGD of 6.1.8 itself, same weights and same batches: where both sections run, it is trained once.",
            .formula = "",
            .seen = "With std 0.01 nothing is learned: the loss stays at {{std 0.01, 1900–1999|.3f}}, that of guessing "
                    "(ln 10 = 2.303), and {{std 0.01, test|.1%}} of the test set is right. Xavier gets away slowly and "
                    "ends at {{Xavier, 1900–1999|.3f}}; He, made for ReLU, ends at {{He, 1900–1999|.3f}}, with {{He, "
                    "test|.1%}} right. Between 400 and 499 Xavier is in the middle of its descent, where seeds lie far "
                    "apart: ours from {{Xavier, 400–499: lowest seed|.2f}} to {{Xavier, 400–499: highest seed|.2f}}. "
                    "The band was measured with seeds 0 to 2 of the book's program; its seeds 0 to 9 give 1.03, 1.06, "
                    "1.00, 0.97, 1.60, 1.33, 1.20, 1.11, 1.08 and 0.90, with a mean of 1.128, so that seeds 0 to 4 of "
                    "the book itself (1.133) would be outside: three seeds are too few for this number. How the "
                    "weights begin decides how fast a deep net learns, and whether it does."},
           {.id = "6.3.1",
            .title = "Batch normalization as a graph",
            .idea =
                "Batch normalization makes each feature of a batch have mean 0 and variance 1, then scales and shifts "
                "it by what is learned. The graph is not drawn by hand: it is the tape that recorded the step, forward "
                "(top) and backward. Orange are inputs and gradients, yellow sums, green what goes element by element.",
            .formula =
                "<i>μ</i> = Σ<i>x</i>/<i>n</i>, &nbsp; <i>σ</i>² = Σ(<i>x</i> − <i>μ</i>)²/<i>n</i>, &nbsp; <i>x̂</i> = "
                "(<i>x</i> − <i>μ</i>)/√(<i>σ</i>² + <i>ε</i>), &nbsp; <i>y</i> = <i>γx̂</i> + <i>β</i>",
            .seen = "The forward part reads mean → variance → normalize → scale and shift. The backward part is short, "
                    "for batch normalization has a gradient rule of its own; it is within {{largest difference of the "
                    "rule from the formula's gradients|.0e}} of what the engine derives step by step. Against "
                    "differences {{elements of gradients checked|.0f}} elements were compared, first and second order: "
                    "the largest relative error is {{largest relative error, first and second order|.0e}}. The batch "
                    "has five samples; with one, x̂ is 0 everywhere and the check is worthless."},
           {.id = "6.3.2",
            .title = "The effect of batch normalization",
            .idea = "A net of six layers learns 1,000 samples for 20 epochs, with batch normalization and without, "
                    "from sixteen scales of first weights.",
            .formula = "",
            .seen =
                "Without batch normalization only scales near 0.2 learn: {{std 0.293, plain|.0%}} at 0.293, {{std "
                "0.158, plain|.0%}} at 0.158, {{std 0.0858, plain|.0%}} at 0.0858 and {{std 0.0136, plain|.1%}} at "
                "0.0136. With it nearly all do: {{std 0.0858, batch norm|.0%}} at 0.0858, {{std 0.0136, batch "
                "norm|.1%}} at 0.0136. It does not forgive everything: at std 1 it has reached {{std 1, batch "
                "norm|.0%}}, and below .001 it becomes noisy. On average {{runs that left the finite numbers|.1f}} of "
                "32 runs of a seed leave the finite numbers; the notes say where that arose, and the run goes on."},
           {.id = "6.4.2",
            .title = "Overfitting and weight decay",
            .idea = "A net of seven layers sees 300 samples only. It learns them by heart, and does worse on what it "
                    "has not seen. Weight decay adds the squares of all weights to the loss.",
            .formula = "<i>L</i> ← <i>L</i> + ½<i>λ</i>Σ<i>W</i>²",
            .seen = "Without decay {{no decay, train|.1%}} of the training samples are right and {{no decay, "
                    "test|.1%}} of the test set: a gap of {{no decay, gap|.3f}}. With <i>λ</i> = 0.1 it is {{decay "
                    "0.1, train|.1%}} and {{decay 0.1, test|.1%}}, a gap of {{decay 0.1, gap|.3f}}. The gap narrows; "
                    "the test accuracy itself does not rise. The penalty begins at {{penalty at first|.1f}}, and the "
                    "total loss ends at {{total loss at the end, decay 0.1|.1f}}, most of it penalty."},
           {.id = "6.4.3",
            .title = "Dropout",
            .idea = "The net of 6.4.2, trained on for 301 epochs. Dropout sets each hidden value to zero with "
                    "probability <i>p</i> while training. The book keeps the others as they are and multiplies by 1 − "
                    "<i>p</i> in testing; today’s “inverted” form divides by 1 − <i>p</i> in training. What it "
                    "imitates is an ensemble: many nets whose answers are averaged.",
            .formula = "training: <i>x</i> · mask, &nbsp; testing: <i>x</i> · (1 − <i>p</i>) &emsp; inverted: <i>x</i> "
                       "· mask/(1 − <i>p</i>), &nbsp; <i>x</i>",
            .seen = "Without dropout the gap is {{no dropout, gap|.3f}}; with p = 0.15 the net gets {{p = 0.15, "
                    "train|.1%}} and {{p = 0.15, test|.1%}}, with p = 0.2 {{p = 0.2, train|.1%}} and {{p = 0.2, "
                    "test|.1%}}, a gap of {{p = 0.2, gap|.3f}}. It has not finished learning by then. The inverted "
                    "form learns faster, for its activations keep their size: {{p = 0.15, inverted, train|.1%}} and "
                    "{{p = 0.15, inverted, test|.1%}}. Five nets without dropout get {{one of five nets, test|.1%}} "
                    "each on average, and {{five nets averaged, test|.1%}} together."},
           {.id = "6.5",
            .title = "Random search for hyper-parameters",
            .idea = "Hyper-parameters must not be chosen on the test set, so a fifth of the 500 training samples is "
                    "held out for validation. Rates and decays are drawn on a log scale, for their order of magnitude "
                    "is what matters; then a second round looks where the first found something.",
            .formula = "<i>η</i> = 10<sup>u</sup>, <i>u</i> uniform in (−6, −2) &emsp; <i>λ</i> = 10<sup>u</sup>, "
                       "<i>u</i> uniform in (−8, −4)",
            .seen = "The best of 100 trials is right for {{best validation accuracy|.1%}} of the validation set, at a "
                    "learning rate of {{its learning rate|.4f}}. {{trials that reach .5|.0f}} trials reach one half, "
                    "the lowest rate among them is {{lowest learning rate among these|.4f}} (all of these are means "
                    "over the seeds). The rate decides: its logarithm correlates with the accuracy by {{correlation of "
                    "accuracy with log learning rate|.2f}}, that of the decay by {{correlation of accuracy with log "
                    "weight decay|.2f}}. The second round draws rates between {{second round, lowest learning "
                    "rate|.4f}} and {{second round, highest learning rate|.4f}} and has a median of {{second round, "
                    "median validation accuracy|.1%}} instead of {{first round, median validation accuracy|.1%}}. The "
                    "best rates lie at the upper end of the range: a next round would look beyond it."},
           {.id = "gradients",
            .title = "Gradients of the chapter’s networks, checked layer by layer",
            .idea =
                "Everything above rests on gradients. Here some elements of every parameter are moved a little, and "
                "the change of the loss is compared with the gradient that backward gives, in double precision.",
            .formula = "∂<i>L</i>/∂<i>w</i> ≈ (8(<i>L</i>(<i>w</i>+<i>h</i>) − <i>L</i>(<i>w</i>−<i>h</i>)) − "
                       "(<i>L</i>(<i>w</i>+2<i>h</i>) − <i>L</i>(<i>w</i>−2<i>h</i>))) / 12<i>h</i>",
            .seen = "The table has the largest relative difference for each parameter and any seed. For the first "
                    "layer of the plain net it is {{affine1.weight, multi-layer|.0e}}. A bias before batch "
                    "normalization has no gradient at all, for the mean takes it out: the difference there is noise, "
                    "{{affine1.bias, with batch norm and decay|.0e}}."}},
  };
}

}  // namespace ch06
