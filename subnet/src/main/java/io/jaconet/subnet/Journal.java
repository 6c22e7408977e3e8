package io.jaconet.subnet;

import java.io.Closeable;
import java.io.IOException;

/** Where the changes of a table are written down before they count. */
interface Journal extends Closeable {

  /** Writes {@code change} down; {@code table} is still without it. */
  void append(RecordTable.Change change, RecordTable table) throws IOException;

  /** Returns the journal of a table that lives in memory alone. */
  static Journal none() {
    return new Journal() {
      @Override
      public void append(RecordTable.Change change, RecordTable table) {}

      @Override
      public void close() {}
    };
  }
}
