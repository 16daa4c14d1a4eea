"""Losses, normalizations, convolutions and pooling by PyTorch in f64, with the gradients of all their floating inputs: writes torch_references.inc.

    python3 -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python tests/ops/references/torch_references.py

Recorded with torch 2.15.0. A case's gradients are those of sum(result * seed), seed[i] = cos(i + 1).
"""
import math
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
cases = []


def numbers(*shape, seed, low=-2.0, high=2.0):
    """Numbers without a pattern: the fractional parts of multiples of the golden ratio."""
    count = math.prod(shape)
    return torch.tensor([low + (high - low) * ((i + 1 + 0.37 * seed) * 0.6180339887498949 % 1) for i in range(count)]).reshape(shape)


def probabilities(*shape, seed, axis=-1):
    return torch.softmax(numbers(*shape, seed=seed), axis)


def case(name, function, *inputs, constants=()):
    """`constants`: further inputs, by which PyTorch takes no gradient."""
    tensors = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs] + list(constants)
    result = function(*tensors)
    seed = torch.cos(torch.arange(result.numel()) + 1.0).reshape(result.shape)
    wanted = [x for x in tensors if x.requires_grad]
    gradients = torch.autograd.grad(torch.sum(result * seed), wanted)
    cases.append((name, inputs + tuple(constants), result, gradients))


def reductions(name, function, *inputs, constants=()):
    for reduction in ("none", "sum", "mean"):
        case(f"{name}, {reduction}", lambda *x: function(*x, reduction), *inputs, constants=constants)


# --- of elements ---
p, t = numbers(3, 4, seed=1), numbers(3, 4, seed=2)
reductions("mean_squared_error", lambda p, t, r: F.mse_loss(p, t, reduction=r), p, t)
reductions("mean_absolute_error", lambda p, t, r: F.l1_loss(p, t, reduction=r), p, t)
reductions("huber", lambda p, t, r: F.huber_loss(p, t, reduction=r, delta=0.7), p, t)
reduce = {"none": lambda x: x, "sum": torch.sum, "mean": torch.mean}
reductions("hinge", lambda p, t, r: reduce[r](torch.relu(0.9 - t * p)), p, torch.sign(t))
q, w, positive = torch.sigmoid(numbers(3, 4, seed=3)), torch.sigmoid(numbers(3, 1, seed=4)), torch.exp(numbers(4, seed=5))
bce = F.binary_cross_entropy_with_logits
reductions("binary_cross_entropy_with_logits", lambda p, q, r: bce(4 * p, q, reduction=r), p, q)
reductions("binary_cross_entropy_with_logits, weights",
           lambda p, q, w, s, r: bce(4 * p, q, weight=w, pos_weight=s, reduction=r), p, q, constants=(w, positive))

# --- of rows ---
logits, labels, weights = numbers(5, 4, seed=6), torch.tensor([2, 0, 3, 2, 1]), torch.exp(numbers(4, seed=7))
reductions("cross entropy, labels", lambda x, y, r: F.cross_entropy(x, y, reduction=r), logits, labels)
reductions("cross entropy, smoothed", lambda x, y, r: F.cross_entropy(x, y, reduction=r, label_smoothing=0.1), logits, labels)
reductions("cross entropy, weighted", lambda x, y, w, r: F.cross_entropy(x, y, w, reduction=r), logits, labels, constants=(weights,))
reductions("cross entropy, ignored", lambda x, y, r: F.cross_entropy(x, y, reduction=r, ignore_index=2), logits, labels)
some = torch.tensor([2, -100, 3, 2, -100])
reductions("cross entropy, all options",
           lambda x, y, w, r: F.cross_entropy(x, y, w, reduction=r, ignore_index=-100, label_smoothing=0.2), logits, some, constants=(weights,))
image, pixels = numbers(2, 4, 3, 2, seed=8), torch.tensor([[[0, 3], [1, -100], [2, 2]], [[3, 1], [0, 0], [-100, 1]]])
reductions("cross entropy, axis 1",
           lambda x, y, w, r: F.cross_entropy(x, y, w, reduction=r, ignore_index=-100, label_smoothing=0.2), image, pixels, constants=(weights,))
targets = probabilities(5, 4, seed=9)
reductions("cross entropy, probabilities", lambda x, y, r: F.cross_entropy(x, y, reduction=r), logits, targets)
reductions("cross entropy, probabilities, all options",
           lambda x, y, w, r: F.cross_entropy(x, y, w, reduction=r, label_smoothing=0.2), logits, targets, constants=(weights,))
reductions("cross entropy, probabilities, axis 1",
           lambda x, y, w, r: F.cross_entropy(x, y, w, reduction=r, label_smoothing=0.2), image,
           probabilities(2, 4, 3, 2, seed=10, axis=1), constants=(weights,))
kl = {"none": lambda x: x.sum(-1), "sum": torch.sum, "mean": lambda x: x.sum(-1).mean()}
log_q = torch.log_softmax(numbers(5, 4, seed=11), -1)
reductions("kl_divergence", lambda x, y, r: kl[r](F.kl_div(x, y, reduction="none")), log_q, targets)
reductions("kl_divergence, logarithms", lambda x, y, r: kl[r](F.kl_div(x, y, reduction="none", log_target=True)), log_q,
           torch.log(targets))
reductions("cosine_similarity", lambda a, b, r: reduce[r](F.cosine_similarity(a, b, dim=1)), numbers(3, 4, 2, seed=12),
           numbers(3, 4, 2, seed=13))

# --- normalizations ---
x, gamma, beta = numbers(4, 3, 5, seed=14), numbers(5, seed=15), numbers(5, seed=16)
case("layer_norm", lambda x, g, b: F.layer_norm(x, (5,), g, b, 1e-3), x, gamma, beta)
case("layer_norm, two axes", lambda x, g, b: F.layer_norm(x, (3, 5), g, b, 1e-3), x, numbers(3, 5, seed=17), numbers(3, 5, seed=18))
case("layer_norm, plain", lambda x: F.layer_norm(x, (5,), eps=1e-3), x)
case("rms_norm", lambda x, g: F.rms_norm(x, (5,), g, 1e-3), x, gamma)
case("rms_norm, two axes", lambda x, g: F.rms_norm(x, (3, 5), g, 1e-3), x, numbers(3, 5, seed=17))
picture, per_channel, shift = numbers(2, 6, 3, 2, seed=19), numbers(6, seed=20), numbers(6, seed=21)
for groups in (1, 2, 6):
    case(f"group_norm, {groups}", lambda x, g, b: F.group_norm(x, groups, g, b, 1e-3), picture, per_channel, shift)
case("group_norm, rank 2", lambda x, g, b: F.group_norm(x, 3, g, b, 1e-3), numbers(4, 6, seed=22), per_channel, shift)
case("batch_norm, images", lambda x, g, b: F.batch_norm(x, None, None, g, b, True, 0.1, 1e-3), picture, per_channel, shift)
case("batch_norm, rank 2", lambda x, g, b: F.batch_norm(x, None, None, g, b, True, 0.1, 1e-3), numbers(5, 6, seed=23), per_channel, shift)
case("batch_norm, channels last",
     lambda x, g, b: F.batch_norm(x.movedim(-1, 1), None, None, g, b, True, 0.1, 1e-3).movedim(1, -1), numbers(2, 3, 2, 6, seed=24),
     per_channel, shift)
case("softmax", lambda x: F.softmax(x, 1), x)
case("log_softmax", lambda x: F.log_softmax(x, 1), x)

# --- convolutions and pooling ---
picture = numbers(2, 4, 6, 5, seed=25)
case("conv2d", lambda x, w, b: F.conv2d(x, w, b), picture, numbers(3, 4, 3, 2, seed=26), numbers(3, seed=27))
case("conv2d, all options", lambda x, w, b: F.conv2d(x, w, b, (2, 1), (1, 2), (1, 2), 2), picture, numbers(6, 2, 3, 2, seed=28),
     numbers(6, seed=29))
case("conv2d, depthwise", lambda x, w: F.conv2d(x, w, stride=3, padding=4, groups=4), picture, numbers(8, 1, 2, 2, seed=30))
case("conv1d, all options", lambda x, w, b: F.conv1d(x, w, b, 2, 3, 2, 2), numbers(2, 4, 7, seed=31), numbers(6, 2, 3, seed=32),
     numbers(6, seed=29))
case("conv_transpose2d", lambda x, w, b: F.conv_transpose2d(x, w, b), picture, numbers(4, 3, 2, 3, seed=33), numbers(3, seed=27))
case("conv_transpose2d, all options", lambda x, w, b: F.conv_transpose2d(x, w, b, (3, 2), (1, 2), (2, 1), 2, (1, 2)), picture,
     numbers(4, 3, 3, 2, seed=34), numbers(6, seed=29))
case("max_pool2d", lambda x: F.max_pool2d(x, 2), picture)
case("max_pool2d, equal elements", lambda x: F.max_pool2d(x, 3, 2, 1), torch.round(picture))
case("max_pool2d, all options", lambda x: F.max_pool2d(x, (3, 2), (2, 1), 1, (1, 2)), picture)
case("average_pool2d", lambda x: F.avg_pool2d(x, 2), picture)
case("average_pool2d, padded", lambda x: F.avg_pool2d(x, (3, 2), (2, 1), 1), picture)
case("average_pool2d, without padding", lambda x: F.avg_pool2d(x, (2, 3), (1, 2), 1, count_include_pad=False), picture)

case("resize2d", lambda x: F.interpolate(x, (7, 4)), picture)
case("resize2d, bilinear", lambda x: F.interpolate(x, (7, 4), mode="bilinear"), picture)
case("resize2d, aligned", lambda x: F.interpolate(x, (3, 9), mode="bilinear", align_corners=True), picture)
case("upsample2d", lambda x: F.interpolate(x, scale_factor=2), picture)
case("upsample2d, bilinear", lambda x: F.interpolate(x, scale_factor=(2, 3), mode="bilinear"), picture)
case("normalize", lambda x: F.normalize(x, dim=1), picture)

# --- written out ---


def literal(tensor):
    shape = "{" + ", ".join(str(n) for n in tensor.shape) + "}"
    values = ", ".join(repr(float(v)) for v in tensor.detach().flatten())
    return "{%s, {%s}, %s}" % (shape, values, "true" if tensor.is_floating_point() else "false")


lines = ["// Written by torch_references.py: name; inputs, result and gradients as {shape, values, floating}."]
for name, inputs, result, gradients in cases:
    lines.append('{"%s",' % name)
    lines.append(" {%s}," % ",\n  ".join(literal(x) for x in inputs))
    lines.append(" %s," % literal(result))
    lines.append(" {%s}}," % ",\n  ".join(literal(g) for g in gradients))
pathlib.Path(__file__).with_suffix(".inc").write_text("\n".join(lines) + "\n")
print(len(cases), "cases")
