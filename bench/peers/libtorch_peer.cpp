// libtorch C++ peer. Started by peers.py (p_libtorch.py) with the row's spec and its data as raw binaries.
// Best practice as far as the C++ API offers it: torch::nn modules, fused optimizer kernels called directly
// (torch::optim in C++ has none), index_select gather, inference mode where no gradient is wanted, FTZ on.
#include <ATen/Context.h>
#include <ATen/ops/_fused_adagrad.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_sgd.h>
#include <sys/resource.h>
#include <torch/torch.h>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

using torch::Tensor;
using Vec = std::vector<Tensor>;
static std::map<std::string, std::string> A;
static double num(const std::string& k) { return std::stod(A.at(k)); }
static std::vector<int64_t> ints(const std::string& v) {
  std::vector<int64_t> r;
  std::stringstream s(v);
  for (std::string t; std::getline(s, t, ',');) r.push_back(std::stoll(t));
  return r;
}
static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
struct Result {
  double value = 0, min = 0, max = 0, compile = 0;
  long steps = 0;
  std::vector<double> check;
};
static Result measure(const std::function<void()>& block, double per, double scale, int min_blocks = 5) {
  double seconds = num("seconds"), end = now() + seconds, sum = 0;
  std::vector<double> t;
  while ((int)t.size() < min_blocks || (now() < end && t.size() < 400)) {
    double a = now();
    block();
    double d = now() - a;
    sum += d;
    t.push_back(d / per * scale);
    if (t.size() >= 3 && sum > 12 + seconds) break;
  }
  std::sort(t.begin(), t.end());
  Result r;
  r.value = t[t.size() / 2], r.min = t.front(), r.max = t.back(), r.steps = long(t.size() * per);
  return r;
}
static Result fn_run(const std::function<std::vector<double>()>& call, double div, double scale) {
  double a = now();
  auto out = call();
  double first = now() - a;
  a = now();
  call();
  double t = now() - a;
  int inner = std::max(1, std::min(1000, int(.02 / std::max(t, 1e-7))));
  auto r = measure(
      [&] {
        for (int i = 0; i < inner; ++i) call();
      },
      inner, scale / div);
  r.compile = std::max(0., first - t), r.check = out;
  return r;
}
static Tensor load(const std::string& f, std::vector<int64_t> shape, torch::Dtype t) {
  auto x = torch::empty(shape, t);
  std::ifstream in(A.at("dir") + "/" + f, std::ios::binary);
  in.read((char*)x.data_ptr(), x.nbytes());
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", f.c_str());
    std::exit(1);
  }
  return x;
}

struct Net : torch::nn::Module {
  torch::nn::Sequential seq;
  Vec weights;
  Net(const std::vector<int64_t>& z, bool bn, double drop, bool relu, const Vec& w) {
    for (size_t k = 0; k + 1 < z.size(); ++k) {
      torch::nn::Linear l(z[k], z[k + 1]);
      {
        torch::NoGradGuard g;
        l->weight.copy_(w[2 * k].t());
        l->bias.copy_(w[2 * k + 1]);
      }
      weights.push_back(l->weight);
      seq->push_back(l);
      if (k + 2 < z.size()) {
        if (bn) seq->push_back(torch::nn::BatchNorm1d(z[k + 1]));
        if (relu)
          seq->push_back(torch::nn::ReLU());
        else
          seq->push_back(torch::nn::Tanh());
        if (drop > 0) seq->push_back(torch::nn::Dropout(drop));
      }
    }
    register_module("seq", seq);
  }
};

static Result mlp() {
  auto z = ints(A["sizes"]);
  int64_t b = num("batch"), nb = num("nb"), n = num("n"), k = num("block");
  bool ce = A["loss"] == "ce", seq = A["data"] == "seq", every = num("every") > 0;
  double wd = num("wd"), lr = num("lr");
  auto X = load("x.bin", {n, z[0]}, torch::kFloat32);
  auto Y = ce ? load("y.bin", {n}, torch::kInt32).to(torch::kInt64) : load("y.bin", {n, z.back()}, torch::kFloat32);
  auto T = load("t.bin", {nb, b}, torch::kInt32).to(torch::kInt64);
  Vec w;
  for (size_t i = 0; i + 1 < z.size(); ++i) {
    w.push_back(load("w" + std::to_string(i) + ".bin", {z[i], z[i + 1]}, torch::kFloat32));
    w.push_back(load("b" + std::to_string(i) + ".bin", {z[i + 1]}, torch::kFloat32));
  }
  Net net(z, num("bn") > 0, num("drop"), A["act"] == "relu", w);
  net.train();
  Vec P = net.parameters(), G(P.size()), M, V, C;
  std::string opt = A["opt"];
  for (auto& p : P) {
    if (opt != "sgd") M.push_back(torch::zeros_like(p, torch::requires_grad(false)));
    if (opt == "adam") V.push_back(torch::zeros_like(p, torch::requires_grad(false)));
    C.push_back(torch::zeros({}));
  }
  Vec ts, xs, ys;
  for (int64_t i = 0; i < nb; ++i) ts.push_back(T[i]);
  if (seq)
    for (int64_t i = 0; i < nb; ++i) xs.push_back(X.narrow(0, i * b, b)), ys.push_back(Y.narrow(0, i * b, b));
  int64_t at = 0;
  bool first = true;
  auto step = [&] {
    int64_t i = at++ % nb;
    Tensor xb, yb;
    if (seq)
      xb = xs[i], yb = ys[i];
    else
      xb = X.index_select(0, ts[i]), yb = Y.index_select(0, ts[i]);
    for (auto& p : P) p.mutable_grad() = Tensor();
    auto h = net.seq->forward(xb);
    auto loss = ce ? torch::nll_loss(torch::log_softmax(h, 1), yb) : torch::mse_loss(h, yb);
    if (wd > 0) {
      Tensor s = net.weights[0].square().sum();
      for (size_t j = 1; j < net.weights.size(); ++j) s = s + net.weights[j].square().sum();
      loss = loss + s * (.5 * wd);
    }
    loss.backward();
    torch::NoGradGuard ng;
    for (size_t j = 0; j < P.size(); ++j) G[j] = P[j].grad();
    if (opt == "sgd")
      at::_fused_sgd_(P, G, {}, 0, 0, lr, 0, false, false, first);
    else if (opt == "momentum")
      at::_fused_sgd_(P, G, M, 0, .9, lr, 0, false, false, first);
    else {
      at::_foreach_add_(C, 1);
      if (opt == "adagrad")
        at::_fused_adagrad_(P, G, M, C, lr, 0, 0, 1e-7, false);
      else
        at::_fused_adam_(P, G, M, V, {}, C, lr, .9, .999, 0, 1e-8, false, false);
    }
    first = false;
    return loss.detach();
  };
  auto block = [&](int64_t k) {
    Tensor l;
    double v = 0;
    for (int64_t i = 0; i < k; ++i) {
      l = step();
      if (every) v = l.item<float>();
    }
    return every ? v : (double)l.item<float>();
  };
  double a = now();
  double l0 = block(1), c = now() - a, l1 = k > 1 ? block(k - 1) : l0;
  a = now();
  block(k);
  double t = now() - a;
  bool ep = A["epochs"] == "1";
  auto r = measure([&] { block(k); }, ep ? 1 : k, ep ? 1 : 1e6);
  r.compile = std::max(0., c - t / k), r.check = {l0, l1};
  if (ep) r.steps *= k;
  return r;
}

static Result fn() {
  std::string f = A["fn"];
  int64_t n = num("n"), m = A.count("m") ? num("m") : 0;
  std::function<Tensor()> L;
  Vec d;
  if (f == "chain" || f == "logsumexp") {
    d = {load("d0.bin", {n}, f == "chain" ? torch::kFloat32 : torch::kFloat64).requires_grad_()};
    if (f == "chain")
      L = [&] {
        auto& x = d[0];
        return (torch::exp(-x * x) * torch::sin(x) + torch::log1p(x * x) / (1 + torch::abs(x))).sum();
      };
    else
      L = [&] { return torch::logsumexp(d[0], 0); };
  } else if (f == "softmax_ce") {
    d = {load("d0.bin", {n, m}, torch::kFloat32).requires_grad_()};
    auto y = load("d1.bin", {n}, torch::kInt32).to(torch::kInt64);
    L = [&, y] { return torch::nn::functional::cross_entropy(d[0], y); };
  } else {
    d = {load("d0.bin", {n, m}, torch::kFloat32).requires_grad_(),
         load("d1.bin", {m}, torch::kFloat32).requires_grad_(), load("d2.bin", {m}, torch::kFloat32).requires_grad_()};
    auto r = load("d3.bin", {n, m}, torch::kFloat32);
    if (f == "layernorm_fused")
      L = [&, r, m] { return (torch::layer_norm(d[0], {m}, d[1], d[2], 1e-5) * r).sum(); };
    else if (f == "batchnorm_fused")
      L = [&, r] { return (torch::batch_norm(d[0], d[1], d[2], {}, {}, true, .1, 1e-5, false) * r).sum(); };
    else {
      int64_t ax = f == "layernorm" ? 1 : 0;
      L = [&, r, ax] {
        auto c = d[0] - d[0].mean(ax, true);
        auto var = (c * c).mean(ax, true);
        return ((c / torch::sqrt(var + 1e-5) * d[1] + d[2]) * r).sum();
      };
    }
  }
  bool el = A["per_element"] == "1";
  std::vector<double> out;
  {
    auto l = L();
    auto g = torch::autograd::grad({l}, d);
    out = {l.item<double>(), g[0].flatten()[0].item<double>()};
  }
  auto r = fn_run(
      [&] {
        auto l = L();
        auto g = torch::autograd::grad({l}, d);
        return std::vector<double>{};
      },
      el ? n : 1, el ? 1e9 : 1e6);
  r.check = out;
  return r;
}

static Result matmul() {
  int64_t n = num("n");
  auto t = A["dtype"] == "f32" ? torch::kFloat32 : A["dtype"] == "f64" ? torch::kFloat64 : torch::kBFloat16;
  auto a = torch::randn({n, n}).to(t), b = torch::randn({n, n}).to(t), o = torch::empty_like(a);
  auto r = fn_run(
      [&] {
        torch::mm_out(o, a, b);
        return std::vector<double>{};
      },
      1, 1e6);
  double f = 2. * n * n * n / 1e3, v = r.value, lo = r.min, hi = r.max;
  r.value = f / v, r.min = f / hi, r.max = f / lo;
  return r;
}

static Result ops() {
  int n = num("n");
  auto x = torch::tensor(1.f, torch::requires_grad());
  if (A.count("once")) n = num("once");
  auto call = [&] {
    x.mutable_grad() = Tensor();
    auto y = x;
    for (int i = 0; i < n; ++i) y = y + x;
    y.backward();
    return std::vector<double>{y.item<float>(), x.grad().item<float>()};
  };
  if (A.count("once")) {
    call();
    return {};
  }
  return fn_run(call, n, 1e9);
}
static Result graphs() {
  const int64_t count = num("graphs"), block = num("block");
  auto lens = load("lens.bin", {count}, torch::kInt32), ops = load("ops.bin", {int64_t(num("ops")), 3}, torch::kInt32);
  auto x = load("x.bin", {8, 16}, torch::kFloat32), w = load("w.bin", {16, 16}, torch::kFloat32).requires_grad_(),
       b = load("b.bin", {16}, torch::kFloat32).requires_grad_();
  const int *op = ops.data_ptr<int>(), *length = lens.data_ptr<int>();
  int64_t at = 0;
  auto value = [&](int kind, const Tensor& a, const Tensor& c) {
    switch (kind) {
      case 0: return torch::tanh(a);
      case 1: return torch::sigmoid(a);
      case 2: return torch::relu(a) * .5;
      case 3: return (a + c) * .5;
      case 4: return torch::sub(a, c, .25);
      case 5: return torch::tanh(a * c);
      case 6: return torch::tanh(torch::addmm(b, a, w));
      case 7: return a - c.mean(0, true);
      default: return torch::softmax(a, -1);
    }
  };
  auto one = [&] {
    Vec v{x};
    for (int i = 0; i < length[at]; ++i, op += 3) v.push_back(value(op[0], v[op[1]], v[op[2]]));
    ++at;
    w.mutable_grad() = b.mutable_grad() = Tensor();
    auto l = torch::addmm(b, v.back(), w).square().mean();
    l.backward();
    return l.item<float>();
  };
  Result r;
  std::vector<double> t;
  double sum = 0, spent = 0;
  while (t.size() < 2 || (spent < num("seconds") && at < count)) {
    const int* begin = op;
    double total = 0, a = now();
    for (int64_t i = 0; i < block; ++i) total += one();
    const double d = now() - a;
    if (t.empty()) sum = total;
    spent += d, t.push_back(d / double((op - begin) / 3) * 1e9);
  }
  r.steps = (op - ops.data_ptr<int>()) / 3;
  t.erase(t.begin());
  std::sort(t.begin(), t.end());
  r.value = t[t.size() / 2], r.min = t.front(), r.max = t.back(), r.check = {sum};
  return r;
}
static Result opadd() {
  c10::InferenceMode g;
  auto a = torch::ones(1), b = torch::ones(1);
  int n = A.count("once") ? num("once") : 1000;
  auto call = [&] {
    Tensor c;
    for (int i = 0; i < n; ++i) c = a + b;
    return std::vector<double>{c.item<float>()};
  };
  if (A.count("once")) {
    call();
    return {};
  }
  return fn_run(call, 1000, 1e9);
}

static Result rnn() {
  int64_t H = num("hidden"), I = num("inp"), B = num("batch"), hi = num("hi"), S = num("seqs");
  auto lens = load("lens.bin", {S}, torch::kInt32);
  auto x = load("x.bin", {hi, B, I}, torch::kFloat32), y = load("y.bin", {B, 1}, torch::kFloat32);
  Vec P = {load("p0.bin", {I, H}, torch::kFloat32), load("p1.bin", {H, H}, torch::kFloat32),
           load("p2.bin", {H}, torch::kFloat32), load("p3.bin", {H, 1}, torch::kFloat32),
           load("p4.bin", {1}, torch::kFloat32)},
      G(5);
  for (auto& p : P) p.requires_grad_();
  auto h0 = torch::zeros({B, H});
  double lr = num("lr"), steps = lens.sum().item<int64_t>();
  bool first = true;
  auto L = lens.data_ptr<int>();
  auto pass = [&] {
    double v = 0;
    for (int64_t s = 0; s < S; ++s) {
      for (auto& p : P) p.mutable_grad() = Tensor();
      auto h = h0;
      for (auto& u : torch::addmm(P[2], x.narrow(0, 0, L[s]).view({-1, I}), P[0]).view({-1, B, H}).unbind(0))
        h = torch::tanh(torch::addmm(u, h, P[1]));
      auto l = torch::mse_loss(torch::addmm(P[4], h, P[3]), y);
      l.backward();
      torch::NoGradGuard ng;
      for (int j = 0; j < 5; ++j) G[j] = P[j].grad();
      at::_fused_sgd_(P, G, {}, 0, 0, lr, 0, false, false, first);
      first = false;
      v = l.item<float>();
    }
    return v;
  };
  double a = now(), l0 = pass(), c = now() - a;
  a = now();
  pass();
  double t = now() - a;
  Result r;
  if (A["excl"] == "1")
    r = measure([&] { pass(); }, steps, 1e6, 3);
  else
    r.value = r.min = r.max = c / steps * 1e6, r.steps = steps;
  r.compile = std::max(0., c - t);
  r.check = {l0};
  return r;
}

static Result hvp() {
  auto z = ints(A["sizes"]);
  int64_t b = num("batch");
  auto x = load("x.bin", {b, z[0]}, torch::kFloat32);
  auto y = load("y.bin", {b}, torch::kInt32).to(torch::kInt64);
  Vec P, V;
  for (size_t i = 0; i + 1 < z.size(); ++i)
    for (auto c : {"w", "b"}) {
      std::vector<int64_t> sh = *c == 'w' ? std::vector<int64_t>{z[i], z[i + 1]} : std::vector<int64_t>{z[i + 1]};
      P.push_back(load(c + std::to_string(i) + ".bin", sh, torch::kFloat32).t().contiguous().requires_grad_());
      V.push_back(load(std::string("v") + c + std::to_string(i) + ".bin", sh, torch::kFloat32).t().contiguous());
    }
  auto call = [&] {
    auto h = x;
    for (size_t k = 0; k < P.size(); k += 2) {
      h = torch::linear(h, P[k], P[k + 1]);
      if (k + 2 < P.size()) h = torch::relu(h);
    }
    auto g = torch::autograd::grad({torch::nn::functional::cross_entropy(h, y)}, P, {}, true, true);
    return torch::autograd::grad(g, P, V);
  };
  auto r = fn_run(
      [&] {
        call();
        return std::vector<double>{};
      },
      1, 1e6);
  r.check = {call()[0].norm().item<double>()};
  return r;
}

static void startup() {  // the whole process is timed from outside
  torch::nn::Sequential net(torch::nn::Linear(2, 16), torch::nn::Tanh(), torch::nn::Linear(16, 16), torch::nn::Tanh(),
                            torch::nn::Linear(16, 1));
  torch::optim::SGD opt(net->parameters(), .01);
  auto loss = torch::mse_loss(net->forward(torch::ones({32, 2})), torch::ones({32, 1}));
  loss.backward();
  opt.step();
  std::printf("%g\n", loss.item<float>());
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::stringstream s(argv[i]);
    for (std::string t; std::getline(s, t, ';');)
      if (auto e = t.find('='); e != t.npos) A[t.substr(0, e)] = t.substr(e + 1);
  }
  std::string k = A.at("kind");
  torch::set_num_threads(std::stoi(A.at("threads")));
  at::globalContext().setFlushDenormal(true);
  if (k == "startup") return startup(), 0;
  Result r = k == "mlp"      ? mlp()
             : k == "fn"     ? fn()
             : k == "matmul" ? matmul()
             : k == "ops"    ? ops()
             : k == "graphs" ? graphs()
             : k == "opadd"  ? opadd()
             : k == "rnn"    ? rnn()
                             : hvp();
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  std::printf(
      "{\"version\":\"%s\",\"value\":%.7g,\"min\":%.7g,\"max\":%.7g,\"steps\":%ld,\"compile_s\":%.4g,\"peak_rss_mb\":%."
      "1f,\"check\":[",
      TORCH_VERSION, r.value, r.min, r.max, r.steps, r.compile, u.ru_maxrss / 1024.);
  for (size_t i = 0; i < r.check.size(); ++i) std::printf("%s%.9g", i ? "," : "", r.check[i]);
  std::printf("]}\n");
}
