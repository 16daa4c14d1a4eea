#pragma once
#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include <thalweg/op.hpp>

namespace thalweg {

/// What a Sequential may contain: a layer, an op (`relu`), a lambda on a Var.
template <class T>
concept Layer =
    std::is_invocable_r_v<Var, const T&, const Operand&> || std::is_invocable_r_v<Var, const T&, const Var&>;

/// Applies layers one after another: `Sequential net(Affine(…), relu, Affine(…)); net(x)`. It is itself a layer; an
/// empty one returns x.
class Sequential {
 public:
  Sequential() = default;
  template <class... Layers>
  requires(sizeof...(Layers) > 0 && !(sizeof...(Layers) == 1 && (std::same_as<Layers, Sequential> &&
                                                                 ...))) explicit Sequential(Layers... layers) {
    (add(std::move(layers)), ...);
  }

  template <class T>
  Sequential& add(T layer) {
    static_assert(Layer<T>,
                  "a layer is called with one Var; a function of more arguments goes into a lambda: "
                  "[](const Var& x) { return gelu(x); }");
    if constexpr (std::is_invocable_r_v<Var, const T&, const Operand&>) {
      layers_.emplace_back(std::move(layer));
    } else {
      layers_.emplace_back([layer = std::move(layer)](const Operand& x) { return layer(as_var(x)); });
    }
    return *this;
  }

  std::size_t size() const { return layers_.size(); }

  Var operator()(const Operand& x) const {
    Var value = as_var(x, "Sequential");
    for (const auto& layer : layers_) value = layer(Operand(value, x.line()));
    return value;
  }

 private:
  std::vector<std::function<Var(const Operand&)>> layers_;
};

}  // namespace thalweg
