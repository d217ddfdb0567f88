// The vectors by the codec of C++, and as the nodes of oast_value.h.
#include <doctest/doctest.h>

#include "oast/c_value.hpp"
#include "vector_file.hpp"

using namespace oast;
using namespace oast::testing;

namespace {

const std::filesystem::path kDirectory = OAST_VECTORS_DIR;

/// A vector's readable form in full, and the value of its message.
struct Vector {
  explicit Vector(const std::string& name)
      : form(read_form(kDirectory / (name + ".json"))),
        meant(to_readable(from_readable(form))),
        packet(read_vector(kDirectory / (name + ".bin"))) {
    value = read_result(packet);
  }

  Json form;
  Json meant;
  wire::Packet packet;
  Value value;
};

}  // namespace

TEST_CASE("every vector has a message and a readable form, and there are some") {
  const auto names = vector_names(kDirectory);
  CHECK(names.size() > 60);
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK(exists(kDirectory / (name + ".bin")));
    CHECK(exists(kDirectory / (name + ".json")));
  }
}

TEST_CASE("C++ reads of every vector's message what its readable form says") {
  for (const std::string& name : vector_names(kDirectory)) {
    CAPTURE(name);
    const Vector vector(name);
    CHECK(to_readable(vector.value) == vector.meant);
    CHECK((vector.value.packed() != nullptr) == vector.form.contains("packed"));
    if (vector.value.packed() != nullptr)
      CHECK(to_string(vector.value.packed()->dtype()) == vector.form["packed"]);
  }
}

TEST_CASE("what C++ writes of every vector means the same") {
  for (const std::string& name : vector_names(kDirectory)) {
    CAPTURE(name);
    const Vector vector(name);
    CHECK(to_readable(sent(vector.value)) == vector.meant);
    CHECK(to_readable(sent(from_readable(vector.form))) == vector.meant);
  }
}

TEST_CASE("every vector is the same after it was nodes of C") {
  for (const std::string& name : vector_names(kDirectory)) {
    CAPTURE(name);
    const Vector vector(name);
    std::vector<Value> one;
    one.push_back(vector.value);
    const CValues nodes(std::move(one));
    CHECK(to_readable(from_c(nodes.get())) == vector.meant);
  }
}
