#include "bench/spec.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace bench {

namespace tw = thalweg;

Spec::Spec(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    std::stringstream argument(argv[i]);
    for (std::string setting; std::getline(argument, setting, ';');) {
      const std::size_t equals = setting.find('=');
      if (equals == setting.npos) throw std::runtime_error("a setting is KEY=VALUE, not " + setting);
      settings_[setting.substr(0, equals)] = setting.substr(equals + 1);
    }
  }
}

const std::string& Spec::text(const std::string& key) const {
  const auto found = settings_.find(key);
  if (found == settings_.end()) throw std::runtime_error("the row has no setting " + key);
  return found->second;
}

double Spec::real(const std::string& key) const { return std::stod(text(key)); }

std::int64_t Spec::integer(const std::string& key) const { return std::stoll(text(key)); }

std::vector<std::int64_t> Spec::integers(const std::string& key) const {
  std::vector<std::int64_t> values;
  std::stringstream list(text(key));
  for (std::string value; std::getline(list, value, ',');) values.push_back(std::stoll(value));
  return values;
}

tw::Tensor Spec::numbers(const std::string& name, const tw::Shape& shape, tw::DType dtype) const {
  tw::Tensor tensor = tw::Tensor::empty(shape, dtype);
  read(name, tensor.mutable_raw(), tensor.bytes());
  return tensor;
}

tw::Tensor Spec::indices(const std::string& name, const tw::Shape& shape) const {
  std::vector<std::int32_t> values(static_cast<std::size_t>(shape.size()));
  read(name, values.data(), values.size() * sizeof(values[0]));
  tw::Tensor tensor = tw::Tensor::empty(shape, tw::i64);
  std::copy(values.begin(), values.end(), tensor.mutable_data<std::int64_t>().begin());
  return tensor;
}

void Spec::read(const std::string& name, void* data, std::size_t bytes) const {
  const std::string file = text("dir") + "/" + name + ".bin";
  std::ifstream stream(file, std::ios::binary);
  stream.read(static_cast<char*>(data), static_cast<std::streamsize>(bytes));
  if (!stream) throw std::runtime_error(file + " cannot be read");
}

}  // namespace bench
