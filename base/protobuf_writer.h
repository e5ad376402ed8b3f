// Messages in the wire format of Protocol Buffers, written field by field
// (protobuf.dev, "Encoding"). What is written can be read by any protobuf
// library that knows the message's definition.
#ifndef DISTILL_BASE_PROTOBUF_WRITER_H_
#define DISTILL_BASE_PROTOBUF_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace distill {

// One message. Fields are written in the order of the calls; a field that is
// written several times is a repeated one.
class ProtobufWriter {
 public:
  // int32, int64, uint64, bool or enum. (A number below 0 takes ten bytes.)
  void Int(int field, int64_t value) {
    Tag(field, 0);
    Varint(static_cast<uint64_t>(value));
  }
  // string (which must be UTF-8) or bytes.
  void Bytes(int field, absl::string_view value) {
    Tag(field, 2);
    Varint(value.size());
    bytes_.append(value.data(), value.size());
  }
  void Double(int field, double value) { Fixed(field, 1, &value); }
  void Float(int field, float value) { Fixed(field, 5, &value); }
  void Message(int field, const ProtobufWriter& message) {
    Bytes(field, message.bytes_);
  }

  const std::string& bytes() const { return bytes_; }

 private:
  void Tag(int field, int wire_type) {
    Varint(static_cast<uint64_t>(field) << 3 |
           static_cast<uint64_t>(wire_type));
  }
  // As it lies in memory: the format is that of little-endian machines.
  template <typename T>
  void Fixed(int field, int wire_type, const T* value) {
    Tag(field, wire_type);
    bytes_.append(reinterpret_cast<const char*>(value), sizeof(T));
  }
  // Seven bits a byte, the lowest first; the top bit says that more follow.
  void Varint(uint64_t value) {
    for (; value > 0x7f; value >>= 7) {
      bytes_.push_back(static_cast<char>((value & 0x7f) | 0x80));
    }
    bytes_.push_back(static_cast<char>(value));
  }

  std::string bytes_;
};

}  // namespace distill

#endif  // DISTILL_BASE_PROTOBUF_WRITER_H_
