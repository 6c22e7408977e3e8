package io.jaconet.subnet.etcd;

import com.google.common.collect.ImmutableList;
import java.io.IOException;

/**
 * What became of a transaction.
 *
 * @param revision etcd's revision after it: that of the writes, if there were any
 * @param succeeded whether the conditions held
 * @param read what the steps taken have read, one after the other
 */
record TxnAnswer(long revision, boolean succeeded, ImmutableList<KeyValue> read) {

  static TxnAnswer read(ProtoReader message) throws IOException {
    long revision = 0;
    boolean succeeded = false;
    var read = ImmutableList.<KeyValue>builder();
    while (message.next()) {
      switch (message.field()) {
        case 1 -> revision = RangeAnswer.headerRevision(message.message());
        case 2 -> succeeded = message.flag();
        case 3 -> {
          var step = message.message();
          while (step.next()) {
            if (step.field() == 1) {
              read.addAll(RangeAnswer.read(step.message()).found());
            }
          }
        }
        default -> {}
      }
    }
    return new TxnAnswer(revision, succeeded, read.build());
  }
}
