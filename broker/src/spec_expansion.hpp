// From a spec to what a kernel is started with.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "oast/broker/broker.hpp"

namespace oast::broker {

/// What a start says instead of the spec; empty: what the spec says.
struct ExeChoice {
  std::string exename;
  std::vector<std::string> exeflags;
};

struct Command {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
};

/// Fills in the placeholders of a spec, in words of `argv` and in values of `env`:
/// {exename}, {directory} (of the spec's file) and {library} (liboast_kernel.so); {exeflags}, which
/// is a whole word of argv and becomes any number of them; and in `env` ${NAME}, the broker's own
/// variable NAME: where that is unset, the variable of the kernel is left out. Anything else in
/// braces stays. A program called oast-kernel-... is oast's own. Throws Error(invalid) for a choice
/// that the spec has no place for, not_found for what is not installed.
Command expand(const KernelSpec& spec, const ExeChoice& choice = {});

/// Why the spec cannot start, as far as a look at a few files tells; empty: it seems that it can.
std::string problem_of(const KernelSpec& spec);

}  // namespace oast::broker
