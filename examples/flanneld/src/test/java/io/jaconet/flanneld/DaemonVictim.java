package io.jaconet.flanneld;

import io.jaconet.linux.RtNetlink;
import io.jaconet.testkit.crash.CrashBarrier;
import java.io.IOException;

/** The daemon, from its first line on. */
final class DaemonVictim {
  private DaemonVictim() {}

  public static void main(String[] args) throws IOException {
    // As in HostProcess.
    RtNetlink.open().close();
    CrashBarrier.await(System.in, System.out);
    Flanneld.main(args);
  }
}
