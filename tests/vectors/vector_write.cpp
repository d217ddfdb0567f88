// Writes of each vector the file that is missing: the message of a readable form, or the readable
// form of a message. Files that are there stay: they are what earlier versions sent.
#include <iostream>

#include "vector_file.hpp"

namespace {

using oast::testing::Json;

/// Shorter, where data or items are the same over and over.
void shorten(Json& form) {
  if (form.contains("hex")) {
    const std::string hex = form["hex"];
    const std::size_t count = hex.size() / 2;
    std::string same;
    for (std::size_t i = 0; i < count; ++i) same += hex.substr(0, 2);
    if (count > 64 && hex == same) {
      form["hex"] = hex.substr(0, 2);
      form["repeat"] = count;
    }
  }
  if (form.contains("items")) {
    Json& items = form["items"];
    const std::size_t count = items.size();
    if (count > 8 && items == Json(count, items[0])) {
      items = Json::array({Json(items[0])});
      form["repeat"] = count;
    }
  }
  for (Json& part : form)
    if (part.is_structured()) shorten(part);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: vector-write DIRECTORY\n";
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  for (const std::string& name : oast::testing::vector_names(directory)) {
    const auto message = directory / (name + ".bin");
    const auto readable = directory / (name + ".json");
    if (!exists(message)) {
      const auto value = oast::testing::from_readable(oast::testing::read_form(readable));
      oast::testing::write_file(message, oast::testing::to_bytes(oast::testing::result(value)));
      std::cout << "wrote " << message << '\n';
    }
    if (!exists(readable)) {
      auto packet = oast::testing::read_vector(message);
      const oast::Value value = oast::testing::read_result(packet);
      Json form = oast::testing::to_readable(value);
      if (value.packed() != nullptr) form["packed"] = to_string(value.packed()->dtype());
      shorten(form);
      oast::testing::write_file(readable, form.dump(1) + "\n");
      std::cout << "wrote " << readable << '\n';
    }
  }
  return 0;
} catch (const std::exception& error) {
  std::cerr << "vector-write: " << error.what() << '\n';
  return 1;
}
