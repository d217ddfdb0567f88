// All of the host library.
#pragma once

#include "oast/broker.hpp"             // IWYU pragma: export
#include "oast/error.hpp"              // IWYU pragma: export
#include "oast/evaluator.hpp"          // IWYU pragma: export
#include "oast/future.hpp"             // IWYU pragma: export
#include "oast/ids.hpp"                // IWYU pragma: export
#include "oast/in_process_worker.hpp"  // IWYU pragma: export
#include "oast/interrupt_check.hpp"    // IWYU pragma: export
#include "oast/log.hpp"                // IWYU pragma: export
#include "oast/remote_channel.hpp"     // IWYU pragma: export
#include "oast/value.hpp"              // IWYU pragma: export
#include "oast/worker.hpp"             // IWYU pragma: export
