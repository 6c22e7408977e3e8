package io.jaconet.subnet.etcd;

/** Writes that happen together, at one revision, if conditions hold, and other steps if one does not. */
final class Txn {
  private static final int EQUAL = 0;
  private static final int CREATE_REVISION = 1;
  private static final int MOD_REVISION = 2;
  private static final int VALUE = 3;

  private final ProtoWriter message = new ProtoWriter();

  /** Requires that there is no such key. */
  Txn whenAbsent(String key) {
    return when(compare(CREATE_REVISION, key).number(5, 0));
  }

  /** Requires that there is no key from {@code first} on that comes before {@code end}. */
  Txn whenAbsent(String first, String end) {
    return when(compare(CREATE_REVISION, first).number(5, 0).text(64, end));
  }

  Txn whenModifiedAt(String key, long revision) {
    return when(compare(MOD_REVISION, key).number(6, revision));
  }

  Txn whenValueIs(String key, String value) {
    return when(compare(VALUE, key).text(7, value));
  }

  private Txn when(ProtoWriter compare) {
    message.message(1, compare);
    return this;
  }

  private static ProtoWriter compare(int target, String key) {
    return new ProtoWriter().number(1, EQUAL).number(2, target).text(3, key);
  }

  Txn thenRead(RangeRequest range) {
    return then(new ProtoWriter().message(1, range.message()));
  }

  /** Writes a key; it ends with the etcd lease {@code lease} unless that is 0. */
  Txn thenPut(String key, String value, long lease) {
    var put = new ProtoWriter().text(1, key).text(2, value).number(3, lease);
    return then(new ProtoWriter().message(2, put));
  }

  Txn thenDelete(String key) {
    return then(new ProtoWriter().message(3, new ProtoWriter().text(1, key)));
  }

  Txn thenTry(Txn inner) {
    return then(new ProtoWriter().message(4, inner.message));
  }

  private Txn then(ProtoWriter step) {
    message.message(2, step);
    return this;
  }

  Txn elseRead(RangeRequest range) {
    return otherwise(new ProtoWriter().message(1, range.message()));
  }

  Txn elseTry(Txn inner) {
    return otherwise(new ProtoWriter().message(4, inner.message));
  }

  private Txn otherwise(ProtoWriter step) {
    message.message(3, step);
    return this;
  }

  byte[] toByteArray() {
    return message.toByteArray();
  }
}
