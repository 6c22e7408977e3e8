package io.jaconet.subnet;

import io.jaconet.testkit.crash.CrashBarrier;
import java.io.IOException;

/** The {@link LeaseFileWriter}, from its first call on. */
final class TracedLeaseFileWriter {
  private TracedLeaseFileWriter() {}

  public static void main(String[] args) throws IOException {
    CrashBarrier.await(System.in, System.out);
    LeaseFileWriter.main(args);
  }
}
