package io.jaconet.subnet;

import io.jaconet.internal.AtomicFile;
import io.jaconet.testkit.crash.CrashBarrier;
import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** A program that replaces a file once. */
final class OneWriter {
  private OneWriter() {}

  public static void main(String[] args) throws IOException {
    CrashBarrier.await();
    AtomicFile.replace(
        Path.of(args[0]), EndlessWriter.LONG, PosixFilePermissions.fromString("rw-r--r--"));
  }
}
