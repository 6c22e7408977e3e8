package io.jaconet.iptables;

import java.io.IOException;
import java.nio.file.Path;

/** A program failed. */
final class ProgramException extends IOException {
  private final String complaint;

  ProgramException(Path program, int status, String complaint) {
    super(program.getFileName() + " ended with status " + status + ": " + complaint);
    this.complaint = complaint;
  }

  /** Returns what the program printed of it. */
  String complaint() {
    return complaint;
  }
}
