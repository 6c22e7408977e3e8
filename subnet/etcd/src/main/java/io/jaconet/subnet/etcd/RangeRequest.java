package io.jaconet.subnet.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

/** Asks for keys and what they hold. */
final class RangeRequest {
  private final ProtoWriter message = new ProtoWriter();

  private RangeRequest(byte[] key) {
    message.bytes(1, key);
  }

  static RangeRequest of(String key) {
    return new RangeRequest(key.getBytes(UTF_8));
  }

  /** Asks for all keys from {@code first} on that come before {@code end}. */
  static RangeRequest of(byte[] first, String end) {
    var request = new RangeRequest(first);
    request.message.text(2, end);
    return request;
  }

  static RangeRequest of(String first, String end) {
    return of(first.getBytes(UTF_8), end);
  }

  RangeRequest limit(int keys) {
    message.number(3, keys);
    return this;
  }

  /** Asks for what was there at {@code revision}; 0 stands for now. */
  RangeRequest at(long revision) {
    message.number(4, revision);
    return this;
  }

  RangeRequest keysOnly() {
    message.number(8, 1);
    return this;
  }

  ProtoWriter message() {
    return message;
  }
}
