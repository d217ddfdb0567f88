#include <bit>
#include <cstring>
#include <mutex>

#include "oast/value.hpp"

namespace oast {

namespace {

static_assert(sizeof(bool) == 1 && std::endian::native == std::endian::little);

template <class Item>
Value::List unpack_as(std::span<const std::byte> bytes) {
  Value::List items;
  items.reserve(bytes.size() / sizeof(Item));
  for (; bytes.size() >= sizeof(Item); bytes = bytes.subspan(sizeof(Item))) {
    Item item{};
    std::memcpy(&item, bytes.data(), sizeof item);
    items.emplace_back(item);
  }
  return items;
}

Value::List unpack(DType dtype, std::span<const std::byte> bytes) {
  if (dtype == DType::int64) return unpack_as<std::int64_t>(bytes);
  if (dtype == DType::float64) return unpack_as<double>(bytes);
  Value::List items;
  items.reserve(bytes.size());
  for (const std::byte item : bytes) items.emplace_back(item != std::byte{0});
  return items;
}

}  // namespace

struct PackedList::State {
  DType dtype;
  Buffer data;
  mutable std::once_flag once;
  mutable Value list;  // from the first `unpacked` on
};

PackedList::PackedList(DType dtype, Buffer data) {
  if (dtype != DType::bool8 && dtype != DType::int64 && dtype != DType::float64)
    throw Error(FailureKind::invalid, "a packed list has items of bool8, int64 or float64, not " +
                                          std::string(to_string(dtype)));
  if (data.size() % item_size(dtype) != 0)
    throw Error(FailureKind::invalid, "a packed list ends within an item");
  auto state = std::make_shared<State>();
  state->dtype = dtype;
  state->data = std::move(data);
  state_ = std::move(state);
}

DType PackedList::dtype() const { return state_->dtype; }

const Buffer& PackedList::data() const { return state_->data; }

std::size_t PackedList::size() const { return state_->data.size() / item_size(state_->dtype); }

const Value& PackedList::unpacked() const {
  std::call_once(state_->once,
                 [this] { state_->list = unpack(state_->dtype, state_->data.bytes()); });
  return state_->list;
}

PackedList::operator const Value::List&() const {
  return std::get<Value::List>(unpacked().variant());
}

bool PackedList::operator==(const PackedList& other) const {
  return unpacked() == other.unpacked();
}

const Value::Variant& Value::unpacked() const { return std::get<PackedList>(v_).unpacked().v_; }

Value::Variant& Value::variant() {
  if (packed() != nullptr) v_ = Variant(unpacked());
  return v_;
}

}  // namespace oast
