#pragma once
// A row's settings and its data, as bench/peers/peers.py hands them to a program.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <thalweg/tensor.hpp>

namespace bench {

class Spec {
 public:
  /// Arguments of the form "k=v;k=v".
  Spec(int argc, const char* const* argv);

  bool has(const std::string& key) const { return settings_.contains(key); }
  /// std::runtime_error naming the key where there is none.
  const std::string& text(const std::string& key) const;
  double real(const std::string& key) const;
  std::int64_t integer(const std::string& key) const;
  bool flag(const std::string& key) const { return real(key) > 0; }
  std::vector<std::int64_t> integers(const std::string& key) const;  // "784,100,10"

  /// NAME.bin of the row's folder: f32 or f64 numbers.
  thalweg::Tensor numbers(const std::string& name, const thalweg::Shape& shape,
                          thalweg::DType dtype = thalweg::DType::f32) const;
  /// The same, 32-bit integers; i64 in the tensor.
  thalweg::Tensor indices(const std::string& name, const thalweg::Shape& shape) const;

 private:
  void read(const std::string& name, void* data, std::size_t bytes) const;

  std::map<std::string, std::string> settings_;
};

}  // namespace bench
