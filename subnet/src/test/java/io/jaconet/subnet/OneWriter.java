package io.jaconet.subnet;

import io.jaconet.internal.AtomicFile;
import io.jaconet.testkit.crash.CrashBarrier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** A program that replaces a file once: as a whole, or in place as a reader must not see it. */
final class OneWriter {
  private OneWriter() {}

  public static void main(String[] args) throws IOException {
    var file = Path.of(args[0]);
    boolean inPlace = Boolean.parseBoolean(args[1]);
    CrashBarrier.await(System.in, System.out);
    if (inPlace) {
      Files.write(file, EndlessWriter.LONG);
    } else {
      AtomicFile.replace(file, EndlessWriter.LONG, PosixFilePermissions.fromString("rw-r--r--"));
    }
  }
}
