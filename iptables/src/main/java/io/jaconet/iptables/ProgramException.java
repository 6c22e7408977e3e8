package io.jaconet.iptables;

import java.io.IOException;
import java.nio.file.Path;

/** A program failed. */
final class ProgramException extends IOException {
  private final int status;
  private final String complaint;

  ProgramException(Path program, int status, String complaint) {
    super(program.getFileName() + " ended with status " + status + ": " + complaint);
    this.status = status;
    this.complaint = complaint;
  }

  int status() {
    return status;
  }

  /** Returns what the program printed of it. */
  String complaint() {
    return complaint;
  }
}
