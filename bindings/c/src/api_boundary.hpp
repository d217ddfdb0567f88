// What every function of oast.h does at the boundary: exceptions to statuses, options, NULL.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <type_traits>

#include "oast.h"
#include "oast/c_value.hpp"
#include "oast/error.hpp"

namespace oast::c {

/// Remembers it for oast_error on this thread; gives its status. Does not throw.
oast_status note(const Failure& failure) noexcept;
/// The same for the exception that is being handled.
oast_status note_current_exception() noexcept;

/// Runs the body of a function that gives a status.
template <class Body>
oast_status guarded(const Body& body) noexcept {
  try {
    body();
    return OAST_OK;
  } catch (...) {
    return note_current_exception();
  }
}

/// `*pointer`, or throws Error(invalid).
template <class T>
T& need(T* pointer, const char* what) {
  if (pointer == nullptr) throw Error(FailureKind::invalid, std::string(what) + " is NULL");
  return *pointer;
}

inline std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

inline std::chrono::milliseconds milliseconds_or(std::uint32_t ms, std::uint32_t otherwise) {
  return std::chrono::milliseconds(ms == 0 ? otherwise : ms);
}

}  // namespace oast::c
