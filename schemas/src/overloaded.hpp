// A visitor made of lambdas, for std::visit.
#pragma once

namespace oast {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // Clang 14 does not deduce it

}  // namespace oast
