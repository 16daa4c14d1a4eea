#!/bin/bash
# Installs the peers and builds the C++ ones. Idempotent. Where: $PEERS_VENV, else the user's cache folder.
set -eu
cd "$(dirname "$0")"
V=${PEERS_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/thalweg-peers}
export PIP_DISABLE_PIP_VERSION_CHECK=1
sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo

need=""
for p in g++ python3-venv libopenblas0-pthread; do dpkg -s "$p" >/dev/null 2>&1 || need="$need $p"; done
if [ -n "$need" ]; then
  $sudo apt-get update -qq && $sudo apt-get install -y -qq $need >/dev/null
fi

[ -x "$V/bin/python" ] || python3 -m venv "$V"
py="$V/bin/python"
if ! "$py" -c 'import torch, jax, mlx, numpy' 2>/dev/null; then
  "$py" -m pip install -q -U pip
  # torch without its CUDA wheels (about 3 GB): its pure-Python needs, then a stub for the libraries it links.
  "$py" -m pip install -q --no-deps torch
  "$py" -m pip install -q filelock 'typing-extensions>=4.13' 'setuptools>=77.0.3' sympy networkx jinja2 fsspec
  "$py" -m pip install -q numpy jax 'mlx[cpu]'
fi
"$py" cuda_stub.py
"$py" -c 'import torch' || "$py" -m pip install -q torch  # the stub did not do: take the whole of it

# MKL (in torch) keeps to AVX2 on CPUs it does not know; this lifts it (peers.py --stock leaves it off).
mkdir -p "$V/preload"
printf 'int mkl_serv_intel_cpu_true(void){return 1;}\nint mkl_serv_intel_cpu(void){return 1;}\n' |
  gcc -shared -fPIC -O2 -x c - -o "$V/preload/libmklavx512.so"

ob=$(ldconfig -p | awk '/libopenblas\.so\.0/{print $NF; exit}')
[ -z "$ob" ] || ln -sf "$ob" "$V/preload/libopenblas.so"  # MLX's wheel carries the reference BLAS

T=$("$py" -c 'import os, torch; print(os.path.dirname(torch.__file__))')
build() {  # build OUT SRC FLAGS...
  local o="$V/bin/$1" s="$2"
  shift 2
  if [ "$o" -nt "$s" ] && [ "$o" -nt "$T/version.py" ]; then return; fi
  g++ -std=c++20 -O3 "$s" -o "$o" "$@"
}
ti="-I$T/include -I$T/include/torch/csrc/api/include -w"
tl="-L$T/lib -Wl,--no-as-needed -ltorch_cpu -lc10 -Wl,-rpath,$T/lib -Wl,--allow-shlib-undefined"
build libtorch_peer libtorch_peer.cpp -march=native $ti $tl

"$py" - <<'PY'
import platform
from importlib.metadata import version as v
print("python", platform.python_version(), *(f"{p} {v(p)}" for p in ("torch", "jax", "jaxlib", "mlx", "numpy")))
PY
g++ --version | head -1
