#include "data/pixels.h"

#include <algorithm>
#include <utility>

#include "base/files.h"

namespace distill {

Pixels::Pixels(std::vector<uint8_t> bytes, int64_t size) {
  const auto all = static_cast<int64_t>(bytes.size());
  if (size < 1 || all % size != 0) return;
  const auto owner = std::make_shared<std::vector<uint8_t>>(std::move(bytes));
  *this = Pixels(owner, owner->data(), all / size, size);
}

Pixels::Pixels(std::shared_ptr<const void> owner, const uint8_t* first,
               int64_t count, int64_t size, bool mapped)
    : owners_({std::move(owner)}), size_(size), mapped_(mapped) {
  at_.reserve(count);
  for (int64_t i = 0; i < count; ++i) at_.push_back(first + i * size);
}

void Pixels::WillNeed(int64_t i) const {
  if (!mapped_ || i < 0 || i >= count()) return;
  MappedFile::WillNeed(at_[i], static_cast<size_t>(size_));
}

const uint8_t* Pixels::block() const {
  for (int64_t i = 1; i < count(); ++i) {
    if (at_[i] != at_[0] + i * size_) return nullptr;
  }
  return at_.empty() ? nullptr : at_[0];
}

std::vector<uint8_t> Pixels::Bytes() const {
  std::vector<uint8_t> bytes;
  bytes.reserve(count() * size_);
  for (const uint8_t* image : at_) {
    bytes.insert(bytes.end(), image, image + size_);
  }
  return bytes;
}

Pixels Pixels::Select(const std::vector<int64_t>& indices) const {
  Pixels view;
  view.owners_ = owners_;
  view.size_ = size_;
  view.mapped_ = mapped_;
  view.at_.reserve(indices.size());
  for (const int64_t i : indices) view.at_.push_back(at_[i]);
  if (view.count() * size_ <= kMostCopied) {
    return {view.Bytes(), size_};
  }
  return view;
}

Pixels Pixels::Append(const Pixels& others) const {
  Pixels both = *this;
  both.owners_.insert(both.owners_.end(), others.owners_.begin(),
                      others.owners_.end());
  both.mapped_ = mapped_ || others.mapped_;
  both.at_.insert(both.at_.end(), others.at_.begin(), others.at_.end());
  return both;
}

bool operator==(const Pixels& a, const Pixels& b) {
  if (a.count() != b.count() || a.size() != b.size()) return false;
  for (int64_t i = 0; i < a.count(); ++i) {
    if (!std::equal(a[i], a[i] + a.size(), b[i])) return false;
  }
  return true;
}

}  // namespace distill
