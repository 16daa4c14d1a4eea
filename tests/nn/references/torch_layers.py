"""Recurrent and attention layers by PyTorch in f64, with the gradients of x and of all parameters: writes torch_layers.safetensors.

    python3 -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python tests/nn/references/torch_layers.py

Recorded with torch 2.15.0. Names are CASE/x, CASE/RESULT, CASE/PARAMETER and CASE/gradient/NAME; a case's gradients are those
of the sum of its results times cos(1), cos(2), ….
"""
import json
import pathlib
import struct

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
tensors = {}


def case(name, module, function, results, **inputs):
    for x in inputs.values():
        x.requires_grad_(x.is_floating_point())
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    values = function(**inputs)
    total = sum((value * torch.cos(torch.arange(value.numel()) + 1.0).reshape(value.shape)).sum() for value in values)
    total.backward()
    named = dict(inputs) | dict(module.named_parameters())
    for key, tensor in named.items():
        tensors[f"{name}/{key}"] = tensor
        if tensor.grad is not None:
            tensors[f"{name}/gradient/{key}"] = tensor.grad
    for key, value in zip(results, values):
        tensors[f"{name}/{key}"] = value


def flat(result):
    output, state = result
    return (output, *state) if isinstance(state, tuple) else (output, state)


def packed(module):
    def run(x, lengths, **state):
        state = tuple(state.values())
        sequences = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        output, state = module(sequences, state if len(state) > 1 else state[0])
        return flat((pad_packed_sequence(output, batch_first=True, total_length=x.shape[1])[0], state))
    return run


def recurrent(name, kind, **options):
    states = ("hidden0", "cell0") if kind is nn.LSTM else ("hidden0",)
    results = ("output", "hidden", "cell")[: len(states) + 1]
    plain = kind(2, 3, batch_first=True, **options)
    case(name, plain, lambda x: flat(plain(x)), results, x=torch.randn(2, 4, 2))
    deep = kind(2, 3, 2, batch_first=True, bidirectional=True, **options)
    state = {key: torch.randn(4, 3, 3) for key in states}
    case(f"{name} with lengths", deep, packed(deep), results, x=torch.randn(3, 4, 2), lengths=torch.tensor([2, 4, 1]), **state)


recurrent("rnn", nn.RNN)
recurrent("relu rnn", nn.RNN, nonlinearity="relu")
recurrent("gru", nn.GRU)
recurrent("gru without bias", nn.GRU, bias=False)
recurrent("lstm", nn.LSTM)


def attention(name, source=None, bias=True, **options):
    module = nn.MultiheadAttention(6, 2, bias=bias, batch_first=True)
    inputs = {"x": torch.randn(2, 4, 6)} | ({} if source is None else {"source": source})
    run = lambda x, source=None: (module(x, *[x if source is None else source] * 2, need_weights=False, **options)[0],)
    case(name, module, run, ("result",), **inputs)


later = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)
tensors["attention mask"] = torch.randn(2, 2, 4, 3)
tensors["attention bool mask"] = torch.tensor([[1, 0, 1], [1, 1, 1], [0, 1, 0], [0, 0, 1]])  # true: attends
tensors["attention key mask"] = torch.tensor([[1, 1, 0, 1], [1, 0, 0, 0]])
attention("attention")
attention("attention without bias", bias=False)
attention("causal attention", attn_mask=later)
attention("attention with key mask", key_padding_mask=tensors["attention key mask"] == 0)
attention("attention with mask", torch.randn(2, 3, 6), attn_mask=tensors["attention mask"].reshape(4, 4, 3))
attention("attention with bool mask", torch.randn(2, 3, 6), attn_mask=tensors["attention bool mask"] == 0)

for norm_first in (False, True):
    module = nn.TransformerEncoderLayer(6, 2, 8, 0.0, batch_first=True, norm_first=norm_first)
    name = "encoder layer, norm first" if norm_first else "encoder layer"
    case(name, module, lambda x: (module(x, src_mask=later, is_causal=True),), ("result",), x=torch.randn(2, 4, 6))

header, data = {}, b""
for key, tensor in tensors.items():
    content = tensor.detach().contiguous().numpy().tobytes()
    dtype = "F64" if tensor.is_floating_point() else "I64"
    header[key] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(content)]}
    data += content
text = json.dumps(header).encode()
pathlib.Path(__file__).with_name("torch_layers.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
