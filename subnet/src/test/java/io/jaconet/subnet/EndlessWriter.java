package io.jaconet.subnet;

import io.jaconet.internal.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;

/** A program that replaces a file by one of two contents in turn, until it is killed. */
final class EndlessWriter {
  static final byte[] SHORT = filled(20_000, 'a');
  static final byte[] LONG = filled(50_000, 'b');

  /** Ends by itself some time, should nobody kill it. */
  private static final int ROUNDS = 100_000;

  private EndlessWriter() {}

  private static byte[] filled(int length, char content) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) content);
    return bytes;
  }

  public static void main(String[] args) throws IOException {
    for (int i = 0; i < ROUNDS; i++) {
      AtomicFile.replace(
          Path.of(args[0]),
          i % 2 == 0 ? SHORT : LONG,
          PosixFilePermissions.fromString("rw-r--r--"));
    }
  }
}
