// Makes FlatBuffers' verifier linear. Included before the generated code, which it changes.
#pragma once

#include <flatbuffers/flatbuffers.h>

namespace oast::wire {
struct Failure;
struct SpecInfo;
}  // namespace oast::wire

/// The verifier counts tables against its limit, and a table as often as it is referred to. Strings
/// it does not count: a thousand tables that share one vector of a million strings are a short
/// message, yet a thousand million checks. These are all tables that have a vector of strings and
/// may be in one message more than once; for them, strings count like tables. A new such table must
/// be added.
namespace flatbuffers {

template <>
bool Verifier::VerifyTable(const oast::wire::Failure* table);
template <>
bool Verifier::VerifyVectorOfTables(const Vector<Offset<oast::wire::SpecInfo>>* vec);

}  // namespace flatbuffers
