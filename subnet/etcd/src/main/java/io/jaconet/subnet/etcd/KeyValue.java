package io.jaconet.subnet.etcd;

import java.io.IOException;

/**
 * A key of etcd and what it holds.
 *
 * @param created the revision of its creation
 * @param modified the revision of its last write
 * @param lease the id of the etcd lease with which it ends, 0 if it does not end
 */
record KeyValue(String key, String value, long created, long modified, long lease) {

  static KeyValue read(ProtoReader message) throws IOException {
    String key = "";
    String value = "";
    long created = 0;
    long modified = 0;
    long lease = 0;
    while (message.next()) {
      switch (message.field()) {
        case 1 -> key = message.text();
        case 2 -> created = message.number();
        case 3 -> modified = message.number();
        case 5 -> value = message.text();
        case 6 -> lease = message.number();
        default -> {}
      }
    }
    return new KeyValue(key, value, created, modified, lease);
  }

  static byte[] rawKey(ProtoReader message) throws IOException {
    byte[] key = {};
    while (message.next()) {
      if (message.field() == 1) {
        key = message.bytes();
      }
    }
    return key;
  }
}
