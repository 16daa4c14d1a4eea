#include <thalweg/ops/einsum.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <thalweg/ops/arithmetic.hpp>
#include <thalweg/ops/matmul.hpp>
#include <thalweg/ops/reduction.hpp>
#include <thalweg/ops/shape.hpp>

#include "ops/errors.hpp"

namespace thalweg {

namespace {

bool contains(std::string_view letters, char letter) { return letters.find(letter) != std::string::npos; }

/// The letters of `from` for which the predicate holds.
template <class Holds>
std::string those(std::string_view from, const Holds& holds) {
  std::string letters;
  std::copy_if(from.begin(), from.end(), std::back_inserter(letters), holds);
  return letters;
}

// An ellipsis is parsed as one character, and becomes the letters '0' to '7' once the operands' ranks are known: '7' for
// the last of its axes, which broadcast.
constexpr char ellipsis = '.', last_of_ellipsis = '7';

bool is_of_ellipsis(char letter) { return letter >= '0' && letter <= last_of_ellipsis; }

/// The letters of an ellipsis of so many axes.
std::string letters_of_ellipsis(std::int64_t axes) {
  std::string letters;
  for (std::int64_t axis = axes; axis-- > 0;) letters += static_cast<char>(last_of_ellipsis - axis);
  return letters;
}

/// The parsed notation: the letters of each operand, and of the result.
class Notation {
 public:
  Notation(std::string_view text, SourceLine line) : text_(text), line_(line) {
    operands_.emplace_back();
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char character = text[i];
      const bool is_letter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
      if (character == ' ') continue;
      std::string& letters = has_result_ ? result_ : operands_.back();
      if (is_letter) {
        letters += character;
      } else if (text.substr(i, 3) == "..." && !contains(letters, ellipsis)) {
        letters += ellipsis;
        i += 2;
      } else if (character == ',' && !has_result_) {
        operands_.emplace_back();
      } else if (text.substr(i, 2) == "->" && !has_result_) {
        has_result_ = true;
        ++i;
      } else {
        fail<ValueError>(fmt::format("'{}' at place {} is neither a letter nor one ',', '->' or '...'", character, i));
      }
    }
    finish();
  }

  const std::vector<std::string>& operands() const { return operands_; }
  const std::string& result() const { return result_; }
  SourceLine line() const { return line_; }

  /// Replaces the ellipses by as many letters as the operands have axes for them.
  void expand(std::span<const Var> operands) {
    std::size_t most = 0;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      std::string& letters = operands_[i];
      const std::size_t place = letters.find(ellipsis);
      if (place == std::string::npos) continue;
      const auto rank = static_cast<std::size_t>(operands[i].rank());
      if (rank + 1 < letters.size())
        fail<ShapeError>(fmt::format("operand {} has shape {}, its letters are \"{}\" beside the ellipsis", i,
                                     to_string(operands[i].shape()), letters.erase(place, 1)));
      const std::size_t axes = rank + 1 - letters.size();
      letters.replace(place, 1, letters_of_ellipsis(static_cast<std::int64_t>(axes)));
      most = std::max(most, axes);
    }
    const std::size_t place = result_.find(ellipsis);
    if (place != std::string::npos) {
      result_.replace(place, 1, letters_of_ellipsis(static_cast<std::int64_t>(most)));
    } else if (most > 0) {
      fail<ValueError>("the operands have an ellipsis, the result has none");
    }
  }

  template <class Error>
  [[noreturn]] void fail(const std::string& message) const {
    thalweg::fail<Error>("einsum", fmt::format("\"{}\": {}", text_, message), line_);
  }

 private:
  void finish() {
    std::map<char, int> uses;
    for (const std::string& operand : operands_)
      for (const char letter : operand) ++uses[letter];
    if (!has_result_) {
      if (uses.contains(ellipsis)) result_ = ellipsis;
      for (const auto& [letter, count] : uses)
        if (count == 1 && letter != ellipsis) result_ += letter;
    }
    for (const char letter : result_) {
      if (letter == ellipsis && !uses.contains(letter)) fail<ValueError>("no operand has the ellipsis of the result");
      if (!uses.contains(letter)) fail<ValueError>(fmt::format("no operand has the axis '{}' of the result", letter));
      if (std::count(result_.begin(), result_.end(), letter) > 1)
        fail<ValueError>(fmt::format("the result has the axis '{}' twice", letter));
    }
  }

  std::string_view text_;
  SourceLine line_;
  std::vector<std::string> operands_;
  std::string result_;
  bool has_result_ = false;
};

/// A value whose axes have distinct letters.
struct Term {
  Var value;
  std::string letters;

  std::int64_t size(char letter) const { return value.shape()[static_cast<int>(letters.find(letter))]; }

  /// Permutes the axes to the order of `order`.
  void permute_to(const std::string& order) {
    if (order == letters) return;
    std::vector<int> axes;
    for (const char letter : order) axes.push_back(static_cast<int>(letters.find(letter)));
    value = permute(value, std::span<const int>(axes));
    letters = order;
  }

  /// Sums over the letters that are not in `kept`.
  void sum_to(std::string_view kept) {
    std::vector<int> axes;
    for (std::size_t axis = 0; axis < letters.size(); ++axis)
      if (!contains(kept, letters[axis])) axes.push_back(static_cast<int>(axis));
    if (axes.empty()) return;
    value = sum(value, {.axes = axes});
    letters = those(letters, [&](char letter) { return contains(kept, letter); });
  }
};

/// An operand with its letters; takes the diagonal of axes with the same letter.
Term term_of(const Notation& notation, const Var& operand, std::size_t number) {
  Term term{operand, notation.operands()[number]};
  if (static_cast<std::size_t>(operand.rank()) != term.letters.size())
    notation.fail<ShapeError>(fmt::format("operand {} has shape {}, its letters are \"{}\"", number,
                                          to_string(operand.shape()), term.letters));
  for (std::size_t first = 0; first < term.letters.size();) {
    const char letter = term.letters[first];
    const std::size_t second = term.letters.find(letter, first + 1);
    if (second == std::string::npos) {
      ++first;
      continue;
    }
    const int axis1 = static_cast<int>(first), axis2 = static_cast<int>(second);
    const std::int64_t size = term.value.shape()[axis1], other = term.value.shape()[axis2];
    if (size != other)
      notation.fail<ShapeError>(
          fmt::format("the axis '{}' is {} and {} long in operand {}", letter, size, other, number));
    term.value = diagonal(term.value, 0, axis1, axis2);
    term.letters.erase(second, 1);
    term.letters.erase(first, 1);
    term.letters += letter;
  }
  return term;
}

/// The sizes of these letters.
std::vector<std::int64_t> sizes_of(const std::string& letters, const Term& term) {
  std::vector<std::int64_t> sizes;
  for (const char letter : letters) sizes.push_back(term.size(letter));
  return sizes;
}

std::int64_t product_of(const std::vector<std::int64_t>& sizes) {
  std::int64_t product = 1;
  for (const std::int64_t size : sizes) product *= size;
  return product;
}

/// (…, m, k) by (…, k, n), also for i64 and bool, for which there is no matmul.
Var product_summed(const Var& left, const Var& right) {
  if (is_floating(left.dtype()) && is_floating(right.dtype())) return matmul(left, right);
  return sum(unsqueeze(left, -1) * unsqueeze(right, left.rank() - 2), -2);
}

/// a · b summed over the letters that are not in `kept`, as the product of matrices (shared and kept, only in a,
/// summed) by (shared and kept, summed, only in b).
Term joined(Term a, Term b, std::string_view kept) {
  a.sum_to(std::string(kept) + b.letters);
  b.sum_to(std::string(kept) + a.letters);
  const std::string shared = those(a.letters, [&](char c) { return contains(b.letters, c) && contains(kept, c); });
  const std::string summed = those(a.letters, [&](char c) { return contains(b.letters, c) && !contains(kept, c); });
  const std::string of_a = those(a.letters, [&](char c) { return !contains(b.letters, c); });
  const std::string of_b = those(b.letters, [&](char c) { return !contains(a.letters, c); });
  a.permute_to(shared + of_a + summed);
  b.permute_to(shared + summed + of_b);
  std::vector<std::int64_t> dimensions = sizes_of(shared, a), rows = sizes_of(of_a, a), columns = sizes_of(of_b, b);
  const std::int64_t batch = product_of(dimensions), height = product_of(rows), width = product_of(columns),
                     depth = product_of(sizes_of(summed, a));
  Var left, right;
  if (shared.empty()) {
    left = reshape(a.value, {height, depth});
    right = reshape(b.value, {depth, width});
  } else {
    left = reshape(a.value, {batch, height, depth});
    right = reshape(b.value, {batch, depth, width});
  }
  const Var product = summed.empty() ? left * right : product_summed(left, right);
  dimensions.insert(dimensions.end(), rows.begin(), rows.end());
  dimensions.insert(dimensions.end(), columns.begin(), columns.end());
  return {reshape(product, std::span<const std::int64_t>(dimensions)), shared + of_a + of_b};
}

/// Checks that equal letters have equal sizes. Axes of an ellipsis broadcast: one of size 1 is dropped beside a longer
/// one, and its factor applies to all of it.
void check_sizes(const Notation& notation, std::vector<Term>& terms) {
  std::map<char, std::int64_t> sizes;
  for (const Term& term : terms)
    for (const char letter : term.letters) {
      const auto [known, is_new] = sizes.try_emplace(letter, term.size(letter));
      if (is_of_ellipsis(letter) && known->second == 1) known->second = term.size(letter);
      if (known->second == term.size(letter) || (is_of_ellipsis(letter) && term.size(letter) == 1)) continue;
      if (is_of_ellipsis(letter))
        notation.fail<ShapeError>(
            fmt::format("the ellipses do not broadcast: an axis is {} and {} long", known->second, term.size(letter)));
      notation.fail<ShapeError>(
          fmt::format("the axis '{}' is {} and {} long", letter, known->second, term.size(letter)));
    }
  for (Term& term : terms)
    for (std::size_t axis = 0; axis < term.letters.size();) {
      if (term.size(term.letters[axis]) == sizes[term.letters[axis]]) {
        ++axis;
      } else {
        term.value = squeeze(term.value, static_cast<int>(axis));
        term.letters.erase(axis, 1);
      }
    }
}

Var sum_of_products(Notation notation, std::span<const Var> operands) {
  if (operands.size() != notation.operands().size())
    notation.fail<ValueError>(fmt::format("it names {} operand{}, {} given", notation.operands().size(),
                                          notation.operands().size() == 1 ? "" : "s",
                                          operands.size() == 1 ? "one is" : fmt::format("{} are", operands.size())));
  notation.expand(operands);
  std::vector<Term> terms;
  for (std::size_t i = 0; i < operands.size(); ++i) terms.push_back(term_of(notation, operands[i], i));
  check_sizes(notation, terms);
  Term result = terms.front();
  for (std::size_t i = 1; i < terms.size(); ++i) {
    std::string kept = notation.result();
    for (std::size_t later = i + 1; later < terms.size(); ++later) kept += terms[later].letters;
    result = joined(std::move(result), terms[i], kept);
  }
  result.sum_to(notation.result());
  result.permute_to(notation.result());
  return result.value;
}

}  // namespace

Var einsum(std::string_view letters, const Operand& a) {
  const OpScope scope("einsum", a.line());
  return sum_of_products(Notation(letters, a.line()), std::vector{as_var(a, "einsum")});
}

Var einsum(std::string_view letters, const Operand& a, const Operand& b) {
  const OpScope scope("einsum", a.line());
  const Var first = as_var(a, "einsum");
  return sum_of_products(Notation(letters, a.line()), std::vector{first, as_var(b, "einsum")});
}

Var einsum(std::string_view letters, const Operand& a, const Operand& b, const Operand& c) {
  const OpScope scope("einsum", a.line());
  const Var first = as_var(a, "einsum"), second = as_var(b, "einsum");
  return sum_of_products(Notation(letters, a.line()), std::vector{first, second, as_var(c, "einsum")});
}

Var einsum(std::string_view letters, std::span<const Var> operands, SourceLine line) {
  const OpScope scope("einsum", line);
  return sum_of_products(Notation(letters, line), operands);
}

}  // namespace thalweg
