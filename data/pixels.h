// The bytes of many images.
#ifndef DISTILL_DATA_PIXELS_H_
#define DISTILL_DATA_PIXELS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace distill {

// Images of `size` bytes each, which lie in memory or in a mapped file and are
// not changed. Copies are views: they share the bytes, and cost eight bytes an
// image.
class Pixels {
 public:
  Pixels() = default;
  // All of `bytes`, which are a whole number of images of `size` bytes. A size
  // below 1, or a rest, makes no images at all.
  Pixels(std::vector<uint8_t> bytes, int64_t size);
  // `count` images from `first` on, in bytes that live as long as `owner`.
  // `mapped`: they are in a mapped file.
  Pixels(std::shared_ptr<const void> owner, const uint8_t* first, int64_t count,
         int64_t size, bool mapped = false);

  int64_t count() const { return static_cast<int64_t>(at_.size()); }
  int64_t size() const { return size_; }  // Bytes of one image.
  // Says that image `i`, if there is such a one, is asked for soon: a mapped
  // file can then be read at many places at once, and while something else is
  // computed.
  void WillNeed(int64_t i) const;
  // The bytes of image `i`, in [0, count()).
  const uint8_t* operator[](int64_t i) const { return at_[i]; }
  // All images' bytes one after the other, or null if they do not lie so.
  const uint8_t* block() const;

  // All images' bytes, copied.
  std::vector<uint8_t> Bytes() const;

  // The images at `indices`, each in [0, count()). Small ones are copied, as
  // caches like what lies together; what takes more than kMostCopied bytes
  // stays where it is.
  Pixels Select(const std::vector<int64_t>& indices) const;
  // These images, and then `others`, which have the same size.
  Pixels Append(const Pixels& others) const;

  static constexpr int64_t kMostCopied = int64_t{1} << 28;

 private:
  std::vector<std::shared_ptr<const void>> owners_;
  std::vector<const uint8_t*> at_;
  int64_t size_ = 0;
  bool mapped_ = false;  // Any of them.
};

// Whether both have the same images.
bool operator==(const Pixels& a, const Pixels& b);

}  // namespace distill

#endif  // DISTILL_DATA_PIXELS_H_
